"""Tasks of the campaign pool."""

from services.core.queue.names import CAMPAIGN, TaskName
from services.core.queue.task import register_canaries, task
from services.core.usecases.context import process_context
from services.core.usecases.messages.send import send_messages


@task(TaskName.SEND_CAMPAIGN_MESSAGE)
def send_campaign_message(message_ids: list[str]) -> None:
    send_messages(process_context(), [int(each) for each in message_ids])


register_canaries(CAMPAIGN)
