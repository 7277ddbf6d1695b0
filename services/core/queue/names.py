"""Names that cross a process boundary: queues, tasks, pools and the keys that KEDA reads.

The deployment is held to these by tests: every queue has exactly one pool, every pool its own unacked keys.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Queue(StrEnum):
    CAMPAIGNS = "campaigns"
    WEBHOOKS = "webhooks"
    PRIORITY = "priority"
    DEFAULT = "default"


class TaskName(StrEnum):
    SEND_CAMPAIGN_MESSAGE = "send_campaign_message"
    PROCESS_WEBHOOK = "process_webhook"
    RECONCILE_MESSAGE = "reconcile_message"
    RESUME_IMPORT = "resume_import"
    CONTINUE_CAMPAIGN = "continue_campaign"
    QUEUE_DAILY_CAMPAIGNS = "queue_daily_campaigns"
    CHECK_COMPLETED_JOBS = "check_completed_jobs"
    OPERATIONAL_HEALTH_CHECK = "operational_health_check"
    CLEANUP_WEBHOOK_CACHE = "cleanup_webhook_cache"
    AUDIT_GAPS = "audit_gaps"
    SEND_CANARIES = "send_canaries"
    GUARD_CAMPAIGNS = "guard_campaigns"
    CANARY_CAMPAIGNS = "canary_campaigns"
    CANARY_WEBHOOKS = "canary_webhooks"
    CANARY_PRIORITY = "canary_priority"
    CANARY_DEFAULT = "canary_default"
    DEBUG_TASK = "debug_task"


class GaveUp(StrEnum):
    """Why a task ends as a dead letter; the last three of what was no task of ours."""

    ERROR = "error"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    PROCESS_DEATHS = "process_deaths"
    SOFT_TIME_LIMIT = "soft_time_limit"
    MALFORMED = "malformed"
    UNKNOWN_TASK = "unknown_task"
    UNDECODABLE = "undecodable"


RequestKind = Literal["send", "read"]
"""What a slot of the provider's rate is for."""


@dataclass(frozen=True, slots=True)
class Pool:
    """A group of worker processes on some queues; the first queue goes first."""

    name: str
    queues: tuple[Queue, ...]

    @property
    def unacked_key(self) -> str:
        return f"unacked:{self.name}"

    @property
    def unacked_index_key(self) -> str:
        return f"unacked_index:{self.name}"

    @property
    def unacked_mutex_key(self) -> str:
        return f"unacked_mutex:{self.name}"


CAMPAIGN = Pool("campaign", (Queue.CAMPAIGNS,))
WEBHOOK = Pool("webhook", (Queue.WEBHOOKS,))
OPERATIONS = Pool("operations", (Queue.PRIORITY, Queue.DEFAULT))
POOLS = (CAMPAIGN, WEBHOOK, OPERATIONS)

TASK_QUEUES: dict[TaskName, Queue] = {
    TaskName.SEND_CAMPAIGN_MESSAGE: Queue.CAMPAIGNS,
    TaskName.PROCESS_WEBHOOK: Queue.WEBHOOKS,
    TaskName.RECONCILE_MESSAGE: Queue.DEFAULT,
    TaskName.RESUME_IMPORT: Queue.DEFAULT,
    TaskName.CONTINUE_CAMPAIGN: Queue.DEFAULT,
    TaskName.QUEUE_DAILY_CAMPAIGNS: Queue.DEFAULT,
    TaskName.CHECK_COMPLETED_JOBS: Queue.DEFAULT,
    TaskName.OPERATIONAL_HEALTH_CHECK: Queue.PRIORITY,
    TaskName.CLEANUP_WEBHOOK_CACHE: Queue.DEFAULT,
    TaskName.AUDIT_GAPS: Queue.DEFAULT,
    TaskName.SEND_CANARIES: Queue.PRIORITY,
    TaskName.GUARD_CAMPAIGNS: Queue.PRIORITY,
    TaskName.CANARY_CAMPAIGNS: Queue.CAMPAIGNS,
    TaskName.CANARY_WEBHOOKS: Queue.WEBHOOKS,
    TaskName.CANARY_PRIORITY: Queue.PRIORITY,
    TaskName.CANARY_DEFAULT: Queue.DEFAULT,
    TaskName.DEBUG_TASK: Queue.DEFAULT,
}

CANARIES: dict[Queue, TaskName] = {
    Queue.CAMPAIGNS: TaskName.CANARY_CAMPAIGNS,
    Queue.WEBHOOKS: TaskName.CANARY_WEBHOOKS,
    Queue.PRIORITY: TaskName.CANARY_PRIORITY,
    Queue.DEFAULT: TaskName.CANARY_DEFAULT,
}
"""A task for each queue that does nothing: its history shows that the queue's pool works."""

RESULT_TASKS = (TaskName.DEBUG_TASK, TaskName.OPERATIONAL_HEALTH_CHECK)


def pool_of(queue: Queue) -> Pool:
    """The one pool that consumes `queue`."""
    return next(pool for pool in POOLS if queue in pool.queues)
