"""Tasks of the webhook pool."""

from services.core.queue.names import WEBHOOK, TaskName
from services.core.queue.task import register_canaries, task
from services.core.usecases.context import process_context
from services.core.usecases.webhooks.handle import handle_events


@task(TaskName.PROCESS_WEBHOOK)
def process_webhook(inbox_ids: list[str]) -> None:
    handle_events(process_context(), [int(each) for each in inbox_ids])


register_canaries(WEBHOOK)
