"""Tasks of the operations pool: reconciliation, what is done in steps, and the scheduled work."""

from collections.abc import Callable
from typing import Any

from services.core.queue.names import OPERATIONS, TaskName
from services.core.queue.task import register_canaries, task
from services.core.storage.schedule import ClaimedRun
from services.core.usecases.campaigns.guard import guard_campaigns
from services.core.usecases.campaigns.proceed import continue_campaign as go_on
from services.core.usecases.campaigns.queue_today import queue_daily_campaigns
from services.core.usecases.campaigns.start_due import start_due_campaign
from services.core.usecases.contacts.confirm_import import resume_import as resume
from services.core.usecases.context import Context, process_context
from services.core.usecases.jobs.complete import complete_jobs
from services.core.usecases.messages.reconcile import reconcile_messages as reconcile
from services.core.usecases.operations.canary import send_canaries
from services.core.usecases.operations.clean_up import clean_up
from services.core.usecases.operations.health import check_health, summary
from services.core.usecases.schedule.run import run_scheduled_job
from services.core.usecases.webhooks.audit_gaps import audit_gaps

SCHEDULED: dict[TaskName, Callable[[Context, ClaimedRun], dict[str, Any]]] = {
    TaskName.QUEUE_DAILY_CAMPAIGNS: lambda context, _run: queue_daily_campaigns(context),
    TaskName.CHECK_COMPLETED_JOBS: lambda context, _run: complete_jobs(context),
    TaskName.OPERATIONAL_HEALTH_CHECK: lambda context, _run: summary(check_health(context)),
    TaskName.CLEANUP_WEBHOOK_CACHE: lambda context, _run: clean_up(context),
    TaskName.AUDIT_GAPS: lambda context, _run: audit_gaps(context),
    TaskName.GUARD_CAMPAIGNS: lambda context, _run: guard_campaigns(context),
    TaskName.SEND_CANARIES: lambda context, run: send_canaries(context, run.run_id),
}
"""What each scheduled job does, and the result that its run keeps."""


@task(TaskName.RECONCILE_MESSAGE)
def reconcile_message(message_ids: list[str]) -> None:
    reconcile(process_context(), [int(each) for each in message_ids])


@task(TaskName.RESUME_IMPORT)
def resume_import(import_ids: list[str]) -> None:
    for import_id in import_ids:
        resume(process_context(), int(import_id))


@task(TaskName.CONTINUE_CAMPAIGN)
def continue_campaign(campaign_ids: list[str]) -> None:
    for campaign_id in campaign_ids:
        start_due_campaign(process_context(), int(campaign_id))
        go_on(process_context(), int(campaign_id))


def _register(name: TaskName, work: Callable[[Context, ClaimedRun], dict[str, Any]]) -> None:
    @task(name)
    def run(run_ids: list[str]) -> None:
        context = process_context()
        for run_id in run_ids:
            run_scheduled_job(context, int(run_id), lambda claimed: work(context, claimed))


for scheduled, does in SCHEDULED.items():
    _register(scheduled, does)

register_canaries(OPERATIONS)


@task(TaskName.DEBUG_TASK)
def debug_task(words: list[str]) -> list[str]:
    """Answers what it was given: the quickest way to see that a queue, its pool and the results work."""
    return words
