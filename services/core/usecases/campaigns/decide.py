"""What one person of a campaign's audience gets: a text, or nothing with the reason."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.core.domain.messages import MessageKind
from services.core.domain.plans import Exclusion, Unwritable
from services.core.domain.segments import count_segments
from services.core.domain.send_gate import Reason, frequency_ends_at
from services.core.domain.sending_window import next_allowed
from services.core.domain.split import variant_of
from services.core.domain.templates import MissingFields, Template, TextTooLong, parse_template, render
from services.core.domain.zones import locate
from services.core.storage.models import Campaign, Contact
from services.core.usecases.campaigns.windows import window_of
from services.core.usecases.context import Context

NOT_YET_SAVED = 0
"""In the draw of variants the id of a campaign that has none."""


@dataclass(frozen=True, slots=True)
class Decided:
    """`excluded` or a `body`; who is texted waits until `free_at`, where that is known."""

    variant: str
    excluded: Exclusion | None
    body: str | None
    segments: int
    free_at: datetime | None


class Decisions:
    """Decides about each contact of one campaign, saved or not, at one instant. Raises `TemplateInvalid`."""

    def __init__(self, context: Context, campaign: Campaign, at: datetime) -> None:
        known = frozenset(campaign.audience.fields)
        self._campaign_id = campaign.id or NOT_YET_SAVED
        self._percent_b = campaign.split_percent_b
        self._templates = {"a": parse_template(campaign.template_a, known_fields=known)}
        if campaign.template_b is not None:
            self._templates["b"] = parse_template(campaign.template_b, known_fields=known)
        is_marketing = campaign.kind == MessageKind.MARKETING
        self._window = window_of(campaign.window, context.window) if is_marketing else None
        self._frequency = context.settings.contact_frequency if is_marketing else timedelta(0)
        self._ends_at = campaign.ends_at
        self._at = at

    def of(self, contact: Contact, texted_at: datetime | None) -> Decided:
        """`texted_at` is the contact's last marketing text."""
        variant = variant_of(self._campaign_id, contact.e164, percent_b=self._percent_b)
        free_at = frequency_ends_at(texted_at, self._frequency, self._at)
        excluded = self._exclusion(contact, free_at)
        body = None
        if excluded is None:
            excluded, body = _text(contact, self._templates[variant])
        segments = count_segments(body).segments if body is not None else 0
        return Decided(variant, excluded, body, segments, free_at)

    def _exclusion(self, contact: Contact, free_at: datetime | None) -> Exclusion | None:
        if contact.opted_out_at is not None:
            return Exclusion(Reason.OPTED_OUT)
        if contact.suppressed_reason is not None:
            return Exclusion(Unwritable.SUPPRESSED, contact.suppressed_reason)
        if contact.paused_at is not None:
            return Exclusion(Reason.PAUSED_FOR_REVIEW)
        location = locate(e164=contact.e164, state=contact.state, timezone=contact.timezone)
        if next_allowed(location, self._window, self._at) is None:
            return Exclusion(Reason.NO_COMMON_HOURS)
        is_too_late = free_at is not None and self._ends_at is not None and free_at >= self._ends_at
        return Exclusion(Reason.CONTACT_FREQUENCY) if is_too_late else None


def _text(contact: Contact, template: Template) -> tuple[Exclusion | None, str | None]:
    """Why the contact can't be written to, or the text it gets."""
    try:
        rendered = render(template, _values(contact))
    except TextTooLong:
        return Exclusion(Unwritable.TEXT_TOO_LONG), None
    if isinstance(rendered, MissingFields):
        return Exclusion(Unwritable.MISSING_FIELDS, ",".join(rendered.names)), None
    return None, rendered.text


def _values(contact: Contact) -> dict[str, str]:
    names = ("first_name", "last_name", "city", "state", "zip", "external_id")
    own = {name: value for name in names if (value := getattr(contact, name)) is not None}
    return {**contact.fields, **own}
