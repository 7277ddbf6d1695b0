"""Create a campaign: a draft, which is planned and started by other acts."""

from collections.abc import Iterator, Mapping
from typing import Any

from services.core.domain.audiences import Audience
from services.core.domain.contacts_csv.names import own_field
from services.core.domain.failures import Conflict, RefusedInput
from services.core.domain.messages import MessageKind
from services.core.domain.pacing import Pacing
from services.core.domain.sending_window import OwnWindow
from services.core.domain.templates import KNOWN_FIELDS, Finding, TemplateInvalid, check_marketing_text, parse_template
from services.core.runtime import tracing
from services.core.storage import audit
from services.core.storage.models import Campaign
from services.core.storage.unique import unless_taken
from services.core.usecases.campaigns.audience import check_audience
from services.core.usecases.campaigns.state import view_of
from services.core.usecases.campaigns.windows import window_of
from services.core.usecases.context import Context
from services.core.views import campaigns as views

PACING = Pacing()
DEFAULTS: Mapping[str, Any] = {
    "daily_cap": PACING.daily_cap,
    "batch_size": PACING.batch_size,
    "batch_every": PACING.every,
    "ids_per_task": 10,
}
TEMPLATES = ("template_a", "template_b")


TAKEN = Conflict("name_taken", "a campaign has this name already: choose another", pointer="/name")


def create_campaign(context: Context, new: views.NewCampaign, *, by: str) -> views.Campaign:
    """Make a draft. Raises `RefusedInput` naming the field, or `Conflict` for a name that is taken.

    An import is an audience once it is confirmed: everybody whom it accepted, or merged into somebody known.
    """
    campaign = draft_of(context, new, by=by)
    check_texts(campaign)
    with context.database.transaction() as session:
        check_audience(session, campaign.audience)
        with unless_taken(session, TAKEN):
            session.add(campaign)
        audit.record(session, actor=by, act="campaign.created", subject="campaign", subject_id=campaign.id)
        return view_of(session, campaign)


def draft_of(context: Context, new: views.NewCampaign, *, by: str) -> Campaign:
    """The row of a draft that can be planned, in no session. Raises `RefusedInput` naming the field."""
    own = {
        own_field(name, pointer=f"/fields/{index}") for index, name in enumerate(new.fields) if name not in KNOWN_FIELDS
    }
    fields = sorted(own)
    window = OwnWindow.of_json(new.window.model_dump()) if new.window is not None else None
    _check(context, new, window=window, fields=frozenset(fields))
    return Campaign(
        **{**DEFAULTS, **new.model_dump(exclude={"audience", "fields", "window"}, exclude_none=True)},
        audience=Audience.of_json({**new.audience.model_dump(by_alias=True), "fields": fields}),
        window=window,
        sender=context.settings.provider_phone_number,
        sender_phone_number_id=context.settings.provider_phone_number_id,
        created_by=by,
        traceparent=tracing.traceparent(),
    )


def terms_of(campaign: Campaign) -> dict[str, Any]:
    """What a new campaign would be told to become this one, by the names of `NewCampaign`."""
    audience = campaign.audience.as_json()
    own = {
        "fields": audience.pop("fields"),
        "audience": audience,
        "window": campaign.window.as_json() if campaign.window is not None else None,
    }
    return {name: own[name] if name in own else getattr(campaign, name) for name in views.NewCampaign.model_fields}


def check_texts(campaign: Campaign) -> None:
    """Raises `RefusedInput` with the first thing that speaks against a text."""
    for pointer, finding in findings_of(campaign):
        raise RefusedInput(finding.code, f"{finding.message} (at character {finding.position})", pointer=pointer)


def findings_of(campaign: Campaign) -> Iterator[tuple[str, Finding]]:
    """What a marketing text lacks or must not have, each with the field's pointer."""
    if campaign.kind == MessageKind.MARKETING:
        for name in TEMPLATES:
            if (template := getattr(campaign, name)) is not None:
                yield from ((f"/{name}", finding) for finding in check_marketing_text(template, first_message=True))


def _check(context: Context, new: views.NewCampaign, *, window: OwnWindow | None, fields: frozenset[str]) -> None:
    """What no single field can say of itself."""
    if not new.name.strip() or new.name.isdecimal():
        detail = "a name has a character that shows, and is not digits alone: they would be taken for an id"
        raise RefusedInput("name_invalid", detail, pointer="/name")
    if (new.template_b is None) != (new.split_percent_b == 0):
        raise RefusedInput(
            "split_invalid", "a second template and a split of 1 to 100 percent go together", pointer="/split_percent_b"
        )
    window_of(window, context.window)
    for name in TEMPLATES:
        if (template := getattr(new, name)) is not None:
            _check_template(name, template, fields=fields)


def _check_template(name: str, template: str, *, fields: frozenset[str]) -> None:
    try:
        parse_template(template, known_fields=fields)
    except TemplateInvalid as error:
        raise RefusedInput(error.code, str(error), pointer=f"/{name}") from error
