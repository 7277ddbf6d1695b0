"""Tasks of the webhook pool."""

from services.core.queue.names import TaskName
from services.core.queue.task import task
from services.core.usecases.context import process_context
from services.core.usecases.webhooks.handle import handle_events


@task(TaskName.PROCESS_WEBHOOK)
def process_webhook(inbox_ids: list[str]) -> None:
    handle_events(process_context(), [int(each) for each in inbox_ids])


@task(TaskName.CANARY_WEBHOOKS)
def canary_webhooks() -> None:
    """Does nothing: its history shows that this queue is worked on."""
