"""The life of a campaign: six states, the written table of steps between them, why it stops."""

from enum import StrEnum


class CampaignStatus(StrEnum):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class StopReason(StrEnum):
    """Why a campaign waits for a person though none told it to: it stopped itself, or did not start when it should."""

    MANY_FAILED = "many_failed"
    MANY_UNDELIVERED = "many_undelivered"
    MANY_OPT_OUTS = "many_opt_outs"
    PROVIDER_REFUSES_ACCOUNT = "provider_refuses_account"
    PLAN_DRIFTED = "plan_drifted"
    PLAN_REFUSED = "plan_refused"
    END_PASSED = "end_passed"


class RecipientState(StrEnum):
    """Where a person of a plan stands: not written to, about to be, or as its text does."""

    EXCLUDED = "excluded"
    PLANNED = "planned"
    PENDING = "pending"
    SENDING = "sending"
    UNCERTAIN = "uncertain"
    HELD = "held"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    SKIPPED = "skipped"


class CampaignTransitionRefused(Exception):
    """The campaign's state does not allow this step."""

    def __init__(self, before: CampaignStatus, after: CampaignStatus) -> None:
        super().__init__(f"a {before} campaign cannot become {after}")
        self.before = before
        self.after = after


C = CampaignStatus

TRANSITIONS: dict[CampaignStatus, frozenset[CampaignStatus]] = {
    C.DRAFT: frozenset({C.SCHEDULED, C.RUNNING, C.CANCELLED}),
    C.SCHEDULED: frozenset({C.RUNNING, C.DRAFT, C.CANCELLED}),
    C.RUNNING: frozenset({C.PAUSED, C.FINISHED, C.CANCELLED}),
    C.PAUSED: frozenset({C.RUNNING, C.CANCELLED}),
    C.FINISHED: frozenset(),
    C.CANCELLED: frozenset(),
}


def step_to(before: CampaignStatus, after: CampaignStatus) -> bool:
    """Whether there is anything to do: False where the campaign is in that state already.

    Raises `CampaignTransitionRefused` when the table has no such step.
    """
    if before is after:
        return False
    if after not in TRANSITIONS[before]:
        raise CampaignTransitionRefused(before, after)
    return True
