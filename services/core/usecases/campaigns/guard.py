"""Guard running campaigns: one whose texts come back beyond a bound pauses itself, and says why."""

from datetime import datetime
from typing import Any

import structlog

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.guards import Bounds, Refusal, judge
from services.core.storage import audit, campaigns, clock, installation, outbox, results
from services.core.storage.database import Session
from services.core.usecases.campaigns.state import stop
from services.core.usecases.context import Context

BY = "guard"
HEALS_BY_ITSELF = "daily_cap_reached"
log = structlog.get_logger()


def guard_campaigns(context: Context) -> dict[str, Any]:
    """Judge each running campaign by what left since it was started or resumed; answers how many, and who stopped.

    Its texts that wait, wait on; a person resumes it, and it is judged by what leaves from then on.
    """
    settings = context.settings
    bounds = Bounds(
        after=settings.guard_after,
        failed=settings.guard_failed,
        undelivered=settings.guard_undelivered,
        opt_outs=settings.guard_opt_outs,
    )
    with context.database.reading() as session:
        ids = [campaign.id for campaign in outbox.running_campaigns(session)]
    stopped = [campaign_id for campaign_id in ids if _guard(context, campaign_id, bounds)]
    return {"campaigns": len(ids), "stopped": stopped}


def _guard(context: Context, campaign_id: int, bounds: Bounds) -> bool:
    with context.database.transaction() as session:
        at = clock.product_now(session)
        campaign = campaigns.lock(session, campaign_id)
        if campaign is None or campaign.status != CampaignStatus.RUNNING:
            return False
        since = campaign.judged_since or campaign.started_at or at
        found = judge(results.outcomes(session, campaign_id, since=since), bounds, _refusal(session, at), at)
        if found is None:
            return False
        stop(campaign, CampaignStatus.PAUSED, found.reason, found.detail, at)
        detail = {"reason": found.reason, **found.detail}
        audit.record(
            session, actor=BY, act="campaign.paused", subject="campaign", subject_id=campaign_id, detail=detail
        )
    log.error("campaign.stopped_itself", campaign_id=campaign_id, **detail)
    return True


def _refusal(session: Session, at: datetime) -> Refusal | None:
    """That the provider refuses the account, unless that heals by itself."""
    row = installation.read(session)
    is_open = row.breaker_open_until is not None and at < row.breaker_open_until
    if not is_open or row.breaker_since is None or row.breaker_reason == HEALS_BY_ITSELF:
        return None
    return Refusal(row.breaker_since, row.breaker_reason or "no reason given")
