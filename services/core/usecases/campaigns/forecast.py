"""When a campaign's last text will have left: under its window, the rate, and whichever daily cap is the tightest."""

from dataclasses import dataclass, replace
from datetime import datetime

from services.core.domain.messages import MessageKind
from services.core.domain.pacing import Pacing, projected_finish
from services.core.domain.sending_window import SendingWindow, next_window_opening, window_open
from services.core.storage import campaigns, caps
from services.core.storage.database import Session
from services.core.storage.models import Campaign
from services.core.usecases.campaigns.windows import local_day, window_of
from services.core.usecases.context import Context
from services.core.usecases.messages.gate import ACCOUNT, cap_day, number_scope_of


@dataclass(frozen=True, slots=True)
class Pace:
    """How a campaign's days are spread, and when they are."""

    pacing: Pacing
    window: SendingWindow


class Forecast:
    """What a campaign may do at a pace from product time `at` on; its row's own pace may be another."""

    def __init__(self, context: Context, session: Session, campaign: Campaign, pace: Pace, at: datetime) -> None:
        settings = context.settings
        limits = [(ACCOUNT, settings.account_daily_cap)]
        if campaign.kind == MessageKind.MARKETING:
            limits.append((number_scope_of(campaign.sender_phone_number_id), settings.number_daily_cap))
        day = cap_day(context, at)
        opens, closes = local_day(at, pace.window.zone)
        own_today = campaigns.left_between(session, campaign.id, opens=opens, closes=closes)
        left_today = min(
            pace.pacing.daily_cap - own_today,
            *(limit - caps.used(session, scope, day) for scope, limit in limits),
        )
        daily_cap = min(pace.pacing.daily_cap, *(limit for _, limit in limits))
        self._pacing = replace(pace.pacing, daily_cap=daily_cap)
        self._already_today = max(0, daily_cap - left_today)
        self._window = pace.window
        self._at = at
        self._per_second = settings.provider_rate

    def finish_at(self, count: int, *, last_free_at: datetime | None = None) -> datetime | None:
        """When the last of `count` texts will have left, in UTC, and not before `last_free_at`, when the last person
        may be texted again; None if not within ten years.
        """
        finish_at = projected_finish(
            count=count,
            pacing=self._pacing,
            window=self._window,
            at=self._at,
            per_second=self._per_second,
            already_today=self._already_today,
        )
        if finish_at is None or last_free_at is None:
            return finish_at
        is_open = window_open(self._window, last_free_at)
        return max(finish_at, last_free_at if is_open else next_window_opening(self._window, last_free_at))

    def past(self, ends_at: datetime | None, count: int) -> int:
        """How many of `count` texts will not have left at `ends_at`."""
        if ends_at is None:
            return 0
        leaving, staying = 0, count + 1
        while staying - leaving > 1:
            middle = (leaving + staying) // 2
            finish_at = self.finish_at(middle)
            if finish_at is not None and finish_at <= ends_at:
                leaving = middle
            else:
                staying = middle
        return count - leaving


def pace_of(context: Context, campaign: Campaign) -> Pace:
    return Pace(pacing_of(campaign), window_of(campaign.window, context.window))


def pacing_of(campaign: Campaign) -> Pacing:
    """How a campaign's day is spread."""
    return Pacing(batch_size=campaign.batch_size, every=campaign.batch_every, daily_cap=campaign.daily_cap)
