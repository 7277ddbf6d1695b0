"""Tasks of the campaign pool."""

from services.core.queue.names import TaskName
from services.core.queue.task import task
from services.core.usecases.context import process_context
from services.core.usecases.messages.send import send_messages


@task(TaskName.SEND_CAMPAIGN_MESSAGE)
def send_campaign_message(message_ids: list[str]) -> None:
    send_messages(process_context(), [int(each) for each in message_ids])


@task(TaskName.CANARY_CAMPAIGNS)
def canary_campaigns() -> None:
    """Does nothing: its history shows that this queue is worked on."""
