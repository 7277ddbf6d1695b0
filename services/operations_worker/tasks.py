"""Tasks of the operations pool: reconciliation, what is done in steps, and the scheduled work."""

from services.core.queue.names import TaskName
from services.core.queue.task import task
from services.core.usecases.campaigns.proceed import continue_campaign as go_on
from services.core.usecases.campaigns.queue_today import queue_daily_campaigns as queue_campaigns
from services.core.usecases.contacts.imports import resume
from services.core.usecases.context import process_context
from services.core.usecases.jobs.complete import complete_jobs
from services.core.usecases.messages.reconcile import reconcile_messages as reconcile
from services.core.usecases.operations.canary import send_canaries as send_all_canaries
from services.core.usecases.operations.clean_up import clean_up
from services.core.usecases.operations.health import check_health
from services.core.usecases.schedule.run import run_scheduled_job
from services.core.usecases.webhooks.audit_gaps import audit_gaps as audit


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
        go_on(process_context(), int(campaign_id))


@task(TaskName.QUEUE_DAILY_CAMPAIGNS)
def queue_daily_campaigns(run_ids: list[str]) -> None:
    context = process_context()
    for run_id in run_ids:
        run_scheduled_job(context.database, int(run_id), lambda _run: queue_campaigns(context))


@task(TaskName.CHECK_COMPLETED_JOBS)
def check_completed_jobs(run_ids: list[str]) -> None:
    context = process_context()
    for run_id in run_ids:
        run_scheduled_job(context.database, int(run_id), lambda _run: complete_jobs(context))


@task(TaskName.OPERATIONAL_HEALTH_CHECK)
def operational_health_check(run_ids: list[str]) -> None:
    context = process_context()
    for run_id in run_ids:
        run_scheduled_job(context.database, int(run_id), lambda _run: check_health(context).summary())


@task(TaskName.CLEANUP_WEBHOOK_CACHE)
def cleanup_webhook_cache(run_ids: list[str]) -> None:
    context = process_context()
    for run_id in run_ids:
        run_scheduled_job(context.database, int(run_id), lambda _run: clean_up(context))


@task(TaskName.AUDIT_GAPS)
def audit_gaps(run_ids: list[str]) -> None:
    context = process_context()
    for run_id in run_ids:
        run_scheduled_job(context.database, int(run_id), lambda _run: audit(context))


@task(TaskName.SEND_CANARIES)
def send_canaries(run_ids: list[str]) -> None:
    context = process_context()
    for run_id in run_ids:
        run_scheduled_job(context.database, int(run_id), lambda run: send_all_canaries(context, run.run_id))


@task(TaskName.CANARY_PRIORITY)
def canary_priority() -> None:
    """Does nothing: its history shows that this queue is worked on."""


@task(TaskName.CANARY_DEFAULT)
def canary_default() -> None:
    """Does nothing: its history shows that this queue is worked on."""


@task(TaskName.DEBUG_TASK)
def debug_task(words: list[str]) -> list[str]:
    """Answers what it was given: the quickest way to see that a queue, its pool and the results work."""
    return words
