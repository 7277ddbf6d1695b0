"""The life of a campaign: six states and the written table of steps between them."""

from enum import StrEnum


class CampaignStatus(StrEnum):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


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
