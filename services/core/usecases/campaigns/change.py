"""Change how fast a started campaign goes, and until when: what comes of it is shown first, and made by its hash."""

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.core.domain.campaigns import CampaignStatus
from services.core.domain.failures import Conflict, RefusedInput
from services.core.domain.sending_window import OwnWindow
from services.core.storage import audit, campaigns, clock
from services.core.storage.database import Session
from services.core.storage.models import Campaign
from services.core.usecases.campaigns.forecast import Forecast, Pace, pace_of
from services.core.usecases.campaigns.queue_today import queue_today
from services.core.usecases.campaigns.state import lock_campaign
from services.core.usecases.campaigns.windows import local_day, window_of
from services.core.usecases.context import Context
from services.core.usecases.versions import Versions
from services.core.views import campaigns as views

CHANGEABLE = ("daily_cap", "window", "ends_at")
STARTED = frozenset({CampaignStatus.RUNNING, CampaignStatus.PAUSED})
REMEDIES = {CampaignStatus.DRAFT: "edit it", CampaignStatus.SCHEDULED: "pause it, then edit it"}


def change_campaign(
    context: Context, campaign_id: int, wanted: views.ChangeCampaign, *, by: str, versions: Versions | None = None
) -> views.CampaignChange:
    """Show what the change does; with its hash, make it: today's texts that are in nobody's hands are laid out anew.

    The hash is of the campaign as it stands, so that what is made is what was shown. Raises `NotFound`, `RefusedInput`
    naming the field, or `Conflict` for a campaign that isn't under way, or a change that was shown of another state.
    """
    with context.database.transaction() as session:
        campaign = lock_campaign(session, campaign_id, versions)
        if campaign.status not in STARTED:
            remedy = REMEDIES.get(CampaignStatus(campaign.status), "clone it")
            raise Conflict("campaign_not_under_way", f"campaign {campaign_id} is {campaign.status}: {remedy}")
        at = clock.product_now(session)
        terms = _terms(campaign, wanted, at)
        before, after = pace_of(context, campaign), _pace(context, campaign, terms)
        waiting = campaigns.waiting(session, campaign_id)
        now = {name: getattr(campaign, name) for name in CHANGEABLE}
        sides = {
            "before": _side(Forecast(context, session, campaign, before, at), now, waiting),
            "after": _side(Forecast(context, session, campaign, after, at), terms, waiting),
        }
        change_hash = hashlib.sha256(repr((campaign_id, campaign.version, *terms.values())).encode()).hexdigest()
        if wanted.change_hash is not None:
            if wanted.change_hash != change_hash:
                detail = "this is not the change that was shown: look at it again, and name its hash"
                raise Conflict("change_changed", detail, pointer="/change_hash")
            _make(context, session, campaign, terms, at, before=before, after=after, by=by)
        return views.CampaignChange(
            campaign_id=campaign_id,
            version=campaign.version,
            change_hash=change_hash,
            is_made=wanted.change_hash is not None,
            waiting=waiting,
            **sides,
        )


def _terms(campaign: Campaign, wanted: views.ChangeCampaign, at: datetime) -> dict[str, Any]:
    """What the campaign goes by afterwards."""
    given = {name: getattr(wanted, name) for name in CHANGEABLE if name in wanted.model_fields_set}
    if "daily_cap" in given and given["daily_cap"] is None:
        raise RefusedInput("cap_missing", "a campaign has a daily cap: name one of at least 1", pointer="/daily_cap")
    if wanted.ends_at is not None and wanted.ends_at <= at:
        raise RefusedInput("end_passed", "the end has passed: cancel the campaign instead", pointer="/ends_at")
    if wanted.window is not None:
        given["window"] = OwnWindow.of_json(wanted.window.model_dump())
    terms = {name: getattr(campaign, name) for name in CHANGEABLE} | given
    if all(terms[name] == getattr(campaign, name) for name in CHANGEABLE):
        raise RefusedInput("nothing_given", "nothing would be otherwise: name another cap, window or end")
    return terms


def _pace(context: Context, campaign: Campaign, terms: dict[str, Any]) -> Pace:
    pacing = replace(pace_of(context, campaign).pacing, daily_cap=terms["daily_cap"])
    return Pace(pacing, window_of(terms["window"], context.window))


def _side(forecast: Forecast, terms: dict[str, Any], waiting: int) -> views.Pace:
    finish_at = forecast.finish_at(waiting) if waiting else None
    shown = {name: _plain(value) if isinstance(value, OwnWindow) else value for name, value in terms.items()}
    return views.Pace(**shown, finish_at=finish_at, past_end=forecast.past(terms["ends_at"], waiting))


def _make(
    context: Context,
    session: Session,
    campaign: Campaign,
    terms: dict[str, Any],
    at: datetime,
    *,
    before: Pace,
    after: Pace,
    by: str,
) -> None:
    changed = {name: value for name, value in terms.items() if value != getattr(campaign, name)}
    detail = {"before": {name: _plain(getattr(campaign, name)) for name in changed}}
    detail["after"] = {name: _plain(value) for name, value in changed.items()}
    for name, value in changed.items():
        setattr(campaign, name, value)
    campaign.version += 1
    session.flush()
    closes = max(local_day(at, pace.window.zone)[1] for pace in (before, after))
    campaigns.take_slots_back(session, campaign.id, closes=closes)
    if campaign.status == CampaignStatus.RUNNING:
        queue_today(context, session, campaign)
    audit.record(session, actor=by, act="campaign.changed", subject="campaign", subject_id=campaign.id, detail=detail)


def _plain(value: Any) -> Any:
    if isinstance(value, OwnWindow):
        return value.as_json()
    return value.isoformat() if isinstance(value, datetime) else value
