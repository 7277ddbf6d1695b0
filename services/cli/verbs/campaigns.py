"""Campaigns: made, planned, started, and stopped again."""

import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from services.cli.files import write_new
from services.cli.output import lines_of, listing, plain, record, rows_table, values_of
from services.cli.values import read_duration, read_instant
from services.cli.verb import LARGEST_ID, SOMEBODY, After, By, Limit, NewestFirst, verb
from services.core.domain.campaigns import RecipientState
from services.core.domain.messages import MessageKind

if TYPE_CHECKING:
    from services.core.usecases.context import Context
    from services.core.views import campaigns as views
    from services.core.views.files import Exported
    from services.core.views.values import Page

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WINDOW = re.compile(
    r"(?P<days>[a-z]{3}(?:[-,][a-z]{3})*) (?P<opens>\d\d:\d\d)-(?P<closes>\d\d:\d\d)(?: (?P<zone>\S+))?", re.IGNORECASE
)

VARIANT_COLUMNS = (
    *("variant", "messages", "delivered", "sent", "undelivered", "failed", "skipped", "open", "opt_outs"),
    "time_to_reply",
)
VERDICTS = {
    "not_enough_data": "a and b: not enough data to tell them apart",
    "no_difference": "a and b: the difference may well be chance",
    "a_better": "a is answered more often",
    "b_better": "b is answered more often",
}

Key = Annotated[str, typer.Argument(metavar="ID|NAME", show_default=False)]


class Without(StrEnum):
    """What a draft needn't have."""

    TEMPLATE_B = "template-b"
    WINDOW = "window"
    ENDS_AT = "ends-at"


class Bound(StrEnum):
    """What a started campaign needn't have of its own."""

    WINDOW = "window"
    ENDS_AT = "ends-at"


group = typer.Typer(help="Campaigns: create, plan, start; change, pause, resume, cancel.", no_args_is_help=True)


def _show_campaign(campaign: "views.Campaign", zone: ZoneInfo) -> list[Any]:
    """The campaign with its plan underneath."""
    shown = values_of(campaign)
    plan = shown.pop("plan")
    return [
        lines_of(shown, zone),
        *(["", "plan:", lines_of(values_of(plan), zone)] if plan else []),
        *_next(campaign.campaign_id, campaign.status, campaign.plan_hash),
    ]


def _next(campaign_id: int, status: str, plan_hash: str | None) -> list[str]:
    """What a person does next with a draft, or with what stopped itself."""
    if status == "paused":
        return ["", f"next: attackacrack campaigns resume {campaign_id}"]
    if status != "draft":
        return []
    planned = f"attackacrack campaigns start {campaign_id} --plan {plan_hash}"
    return ["", f"next: {planned}" if plan_hash else f"next: attackacrack campaigns plan {campaign_id}"]


def _show_plan(found: "views.Plan", zone: ZoneInfo) -> list[Any]:
    people = f"who gets nothing, and why: attackacrack campaigns recipients {found.campaign_id} --excluded"
    return [
        *record(found, zone),
        *([people] if found.excluded else []),
        *(_next(found.campaign_id, "draft", found.plan_hash) if found.recipients else ["nobody is left to be texted"]),
    ]


def _show_preview(found: "views.Preview", zone: ZoneInfo) -> list[Any]:
    people = [*found.people, *([found.first_refused] if found.first_refused is not None else [])]
    columns = ("phone", "variant", "reason", "segments", "cost_usd", "encoding", "forced_by", "body")
    seen = "all" if found.is_whole else "the first"
    return [
        rows_table(people, columns, zone),
        *(plain(f"would be refused: {each.message} (at character {each.position})") for each in found.findings),
        f"{seen} {found.looked_at} of the audience were looked at",
    ]


def _show_change(found: "views.CampaignChange", zone: ZoneInfo) -> list[Any]:
    sides = [lines_of(values_of(side), zone) for side in (found.before, found.after)]
    again = f"next: the same again with --confirm {found.change_hash}"
    done = "is made" if found.is_made else again
    return [f"{found.waiting} texts have not left", "", "before:", sides[0], "", "after:", sides[1], "", done]


def _show_results(found: "views.Results", zone: ZoneInfo) -> list[Any]:
    variants = rows_table(found.variants, VARIANT_COLUMNS, zone)
    return [plain(f"{found.name}: {found.status}"), variants, *map(_rate_line, found.variants), *_verdict(found)]


def _rate_line(variant: "views.VariantResults") -> str:
    rate = variant.response
    if rate.rate is None:
        return f"{variant.variant}: nobody was texted yet"
    interval = f"95 % between {rate.low:.1%} and {rate.high:.1%}"
    return f"{variant.variant}: {rate.responses} of {rate.texted} answered, {rate.rate:.1%} ({interval})"


def _verdict(found: "views.Results") -> list[str]:
    if found.comparison is None:
        return []
    chance = found.comparison.p_value
    words = VERDICTS[found.comparison.verdict]
    return [words if chance is None else f"{words} (p = {chance:.3f})"]


@verb(group, "create", show=_show_campaign)
def create(
    context: "Context",
    name: Annotated[str, typer.Option("--name")],
    template: Annotated[str, typer.Option("--template", help="The text; {{first_name|there}} takes a fallback.")],
    template_b: Annotated[str | None, typer.Option("--template-b", help="The second text of a test.")] = None,
    split: Annotated[int, typer.Option("--split", min=0, max=100, help="Percent that get the second text.")] = 0,
    import_id: Annotated[
        int | None, typer.Option("--import", min=1, max=LARGEST_ID, help="The contacts of an import.")
    ] = None,
    everyone: Annotated[bool, typer.Option("--all", help="All contacts.")] = False,
    kind: Annotated[MessageKind, typer.Option("--kind")] = MessageKind.MARKETING,
    window: Annotated[str | None, typer.Option("--window", help='As "Mon-Fri 09:00-17:00".')] = None,
    daily_cap: Annotated[int | None, typer.Option("--daily-cap", min=1, max=100_000)] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", min=1, max=10_000)] = None,
    batch_every: Annotated[str | None, typer.Option("--batch-every", help="As PT30M.")] = None,
    ids_per_task: Annotated[int | None, typer.Option("--ids-per-task", min=1, max=50)] = None,
    ends_at: Annotated[str | None, typer.Option("--ends-at", help="ISO 8601 with its offset.")] = None,
    field: Annotated[list[str] | None, typer.Option("--field", help="A field of the audience's own.")] = None,
    by: By = SOMEBODY,
) -> "views.Campaign":
    """Make a draft; nothing is sent before it is planned and started.

    Example: attackacrack campaigns create --name May --all --template "Hi {{first_name|you}}! Reply STOP to opt out."
    """
    from services.core.usecases.campaigns.create import create_campaign
    from services.core.views.campaigns import NewCampaign

    audience = _audience(import_id, everyone=everyone)
    if audience is None:
        raise typer.BadParameter("name the audience: --import ID or --all")
    new = NewCampaign.read(
        name=name,
        template_a=template,
        template_b=template_b,
        split_percent_b=split,
        audience=audience,
        kind=kind,
        **_bounds(window, ends_at),
        fields=field or [],
        daily_cap=daily_cap,
        batch_size=batch_size,
        batch_every=read_duration(batch_every) if batch_every is not None else None,
        ids_per_task=ids_per_task,
    )
    return create_campaign(context, new, by=by)


@verb(group, "edit", show=_show_campaign)
def edit(
    context: "Context",
    campaign: Key,
    name: Annotated[str | None, typer.Option("--name")] = None,
    template: Annotated[str | None, typer.Option("--template", help="The text.")] = None,
    template_b: Annotated[str | None, typer.Option("--template-b", help="The second text of a test.")] = None,
    split: Annotated[int | None, typer.Option("--split", min=0, max=100, help="Percent for the second text.")] = None,
    import_id: Annotated[int | None, typer.Option("--import", min=1, max=LARGEST_ID, help="Of an import.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="All contacts.")] = False,
    kind: Annotated[MessageKind | None, typer.Option("--kind")] = None,
    window: Annotated[str | None, typer.Option("--window", help='As "Mon-Fri 09:00-17:00".')] = None,
    daily_cap: Annotated[int | None, typer.Option("--daily-cap", min=1, max=100_000)] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", min=1, max=10_000)] = None,
    batch_every: Annotated[str | None, typer.Option("--batch-every", help="As PT30M.")] = None,
    ids_per_task: Annotated[int | None, typer.Option("--ids-per-task", min=1, max=50)] = None,
    ends_at: Annotated[str | None, typer.Option("--ends-at", help="ISO 8601 with its offset.")] = None,
    field: Annotated[list[str] | None, typer.Option("--field", help="Own fields that are used.")] = None,
    without: Annotated[list[Without] | None, typer.Option("--without", help="What it is no longer to have.")] = None,
    by: By = SOMEBODY,
) -> "views.Campaign":
    """Write what is named into a draft; what isn't stays. A plan that speaks of it is forgotten.

    Example: attackacrack campaigns edit "Spring check" --template "Hi {{first_name|you}}! Reply STOP to opt out."
    """
    from services.core.usecases.campaigns.edit import edit_campaign
    from services.core.usecases.campaigns.find import campaign_id_of
    from services.core.views.campaigns import EditCampaign

    given = {
        "name": name,
        "template_a": template,
        "template_b": template_b,
        "split_percent_b": split,
        "audience": _audience(import_id, everyone=everyone),
        "kind": kind,
        "daily_cap": daily_cap,
        "batch_size": batch_size,
        "batch_every": read_duration(batch_every) if batch_every is not None else None,
        "ids_per_task": ids_per_task,
        "fields": field or None,
    }
    said = _given(**given, **_bounds(window, ends_at)) | _without(without)
    if Without.TEMPLATE_B in (without or ()):
        said["split_percent_b"] = 0
    return edit_campaign(context, campaign_id_of(context, campaign), EditCampaign.read(**said), by=by)


@verb(group, "delete", show=_show_campaign)
def delete(context: "Context", campaign: Key, by: By = SOMEBODY) -> "views.Campaign":
    """Take a draft and its plan away; what was ever started is cancelled instead.

    Example: attackacrack campaigns delete "Spring check"
    """
    from services.core.usecases.campaigns.delete import delete_campaign
    from services.core.usecases.campaigns.find import campaign_id_of

    return delete_campaign(context, campaign_id_of(context, campaign), by=by)


@verb(group, "preview", show=_show_preview)
def preview(
    context: "Context",
    campaign: Annotated[str | None, typer.Argument(metavar="ID|NAME", show_default=False)] = None,
    template: Annotated[str | None, typer.Option("--template", help="A text that isn't saved yet.")] = None,
    template_b: Annotated[str | None, typer.Option("--template-b", help="The second text of a test.")] = None,
    split: Annotated[int | None, typer.Option("--split", min=0, max=100, help="Percent for the second text.")] = None,
    import_id: Annotated[int | None, typer.Option("--import", min=1, max=LARGEST_ID, help="Of an import.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="All contacts.")] = False,
    field: Annotated[list[str] | None, typer.Option("--field", help="Own fields that are used.")] = None,
    person: Annotated[
        list[str] | None, typer.Option("--person", metavar="ID|NUMBER", help="One of the audience; up to three.")
    ] = None,
) -> "views.Preview":
    """The texts of three people as they would be sent now, and the first person who gets none; nothing is stored.

    Example: attackacrack campaigns preview --import 1 --template "Hi {{first_name|you}}! Reply STOP to opt out."
    """
    from services.core.usecases.campaigns.find import campaign_id_of
    from services.core.usecases.campaigns.preview import preview_campaign
    from services.core.views.campaigns import PreviewCampaign

    audience = _audience(import_id, everyone=everyone)
    if campaign is None and (template is None or audience is None):
        raise typer.BadParameter("name a campaign, or a text and its audience: --template with --import ID or --all")
    wanted = _given(
        campaign_id=campaign_id_of(context, campaign) if campaign is not None else None,
        template_a=template,
        template_b=template_b,
        split_percent_b=split,
        audience=audience,
        fields=field or None,
        people=person or None,
    )
    return preview_campaign(context, PreviewCampaign.read(**wanted))


@verb(group, "change", show=_show_change)
def change(
    context: "Context",
    campaign: Key,
    daily_cap: Annotated[int | None, typer.Option("--daily-cap", min=1, max=100_000)] = None,
    window: Annotated[str | None, typer.Option("--window", help='As "Mon-Fri 09:00-17:00".')] = None,
    ends_at: Annotated[str | None, typer.Option("--ends-at", help="ISO 8601 with its offset.")] = None,
    without: Annotated[list[Bound] | None, typer.Option("--without", help="What it is no longer to have.")] = None,
    confirm: Annotated[
        str | None, typer.Option("--confirm", metavar="HASH", help="Make the change that was shown with this hash.")
    ] = None,
    by: By = SOMEBODY,
) -> "views.CampaignChange":
    """Show what another cap, window or end does to a started campaign; with --confirm make it.

    Example: attackacrack campaigns change "Spring check" --daily-cap 60
    """
    from services.core.usecases.campaigns.change import change_campaign
    from services.core.usecases.campaigns.find import campaign_id_of
    from services.core.views.campaigns import ChangeCampaign

    said = _given(daily_cap=daily_cap, change_hash=confirm, **_bounds(window, ends_at)) | _without(without)
    return change_campaign(context, campaign_id_of(context, campaign), ChangeCampaign.read(**said), by=by)


@verb(group, "plan", show=_show_plan)
def plan(context: "Context", campaign: Key, by: By = SOMEBODY) -> "views.Plan":
    """Who will be texted, who not and why, what it costs, when it ends; start takes the plan's hash.

    Example: attackacrack campaigns plan "Spring check"
    """
    from services.core.usecases.campaigns.find import campaign_id_of
    from services.core.usecases.campaigns.plan import plan_campaign

    return plan_campaign(context, campaign_id_of(context, campaign), by=by)


@verb(group, "start", show=_show_campaign)
def start(
    context: "Context",
    campaign: Key,
    plan_hash: Annotated[str, typer.Option("--plan", metavar="HASH", help="The plan that was read and approved.")],
    at: Annotated[str | None, typer.Option("--at", help="When, in ISO 8601 with its offset; else now.")] = None,
    by: By = SOMEBODY,
) -> "views.Campaign":
    """Run exactly the plan that the hash names, now or at a time; starting twice starts once.

    At the time the plan is checked again: beyond a bound the campaign is a draft again, and says what has changed.

    Example: attackacrack campaigns start "Spring check" --plan 9f86d081...
    """
    from services.core.usecases.campaigns.find import campaign_id_of
    from services.core.usecases.campaigns.start import start_campaign
    from services.core.views.campaigns import StartCampaign

    approved = StartCampaign.read(plan_hash=plan_hash, at=read_instant(at) if at is not None else None)
    return start_campaign(
        context, campaign_id_of(context, campaign), plan_hash=approved.plan_hash, at=approved.at, by=by
    )


@verb(group, "pause", show=_show_campaign)
def pause(context: "Context", campaign: Key, by: By = SOMEBODY) -> "views.Campaign":
    """Submit nothing more; what is on its way still ends.

    Example: attackacrack campaigns pause "Spring check"
    """
    from services.core.usecases.campaigns.find import campaign_id_of
    from services.core.usecases.campaigns.pause import pause_campaign

    return pause_campaign(context, campaign_id_of(context, campaign), by=by)


@verb(group, "resume", show=_show_campaign)
def resume(context: "Context", campaign: Key, by: By = SOMEBODY) -> "views.Campaign":
    """Go on with a paused campaign, under today's window and caps.

    Example: attackacrack campaigns resume "Spring check"
    """
    from services.core.usecases.campaigns.find import campaign_id_of
    from services.core.usecases.campaigns.resume import resume_campaign

    return resume_campaign(context, campaign_id_of(context, campaign), by=by)


@verb(group, "cancel", show=_show_campaign)
def cancel(context: "Context", campaign: Key, by: By = SOMEBODY) -> "views.Campaign":
    """End it; what was not submitted is skipped.

    Example: attackacrack campaigns cancel "Spring check"
    """
    from services.core.usecases.campaigns.cancel import cancel_campaign
    from services.core.usecases.campaigns.find import campaign_id_of

    return cancel_campaign(context, campaign_id_of(context, campaign), by=by)


@verb(group, "list", show=listing("campaign_id", "name", "kind", "status", "created_at", "started_at", "finished_at"))
def list_(
    context: "Context", limit: Limit = 100, after: After = 0, newest_first: NewestFirst = False
) -> "Page[views.CampaignSummary]":
    """Campaigns by id.

    Example: attackacrack campaigns list
    """
    from services.core.usecases.campaigns.find import list_campaigns

    return list_campaigns(context, after=after, limit=limit, newest_first=newest_first)


@verb(group, "show", show=_show_campaign)
def show(context: "Context", campaign: Key) -> "views.Campaign":
    """One campaign: its state, its plan, its messages counted by state.

    Example: attackacrack campaigns show 1 --json
    """
    from services.core.usecases.campaigns.find import campaign_id_of, show_campaign

    return show_campaign(context, str(campaign_id_of(context, campaign)))


@verb(group, "results", show=_show_results)
def results(context: "Context", campaign: Key) -> "views.Results":
    """What came of it: states, replies, opt-outs, time to reply; two texts are compared, once there is enough data.

    Example: attackacrack campaigns results "Spring check"
    """
    from services.core.usecases.campaigns.find import campaign_id_of
    from services.core.usecases.campaigns.results import campaign_results

    return campaign_results(context, campaign_id_of(context, campaign))


@verb(
    group,
    "recipients",
    show=listing(
        *("recipient_id", "phone", "variant", "state", "reason", "segments"),
        *("deferred_until", "submitted_at", "replied_at"),
    ),
)
def recipients(
    context: "Context",
    campaign: Key,
    state: Annotated[RecipientState | None, typer.Option("--state", help="Only those in this state.")] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="CODE", help="Only those with this reason, as --json has it.")
    ] = None,
    excluded: Annotated[bool, typer.Option("--excluded", help="Only those who get nothing, with the reason.")] = False,
    deferred: Annotated[
        bool, typer.Option("--deferred", help="Only those whom the gate lets wait, and until when.")
    ] = False,
    limit: Limit = 100,
    after: After = 0,
) -> "Page[views.Recipient]":
    """Who is texted, who is not and why, and how each text ended.

    Example: attackacrack campaigns recipients "Spring check" --state failed --reason unreachable_recipient
    """
    from services.core.usecases.campaigns.find import campaign_id_of
    from services.core.usecases.campaigns.results import list_recipients

    campaign_id = campaign_id_of(context, campaign)
    return list_recipients(
        context,
        campaign_id,
        state=state,
        reason=reason,
        excluded_only=excluded,
        deferred_only=deferred,
        after=after,
        limit=limit,
    )


@verb(group, "export", show=record)
def export(
    context: "Context",
    campaign: Key,
    file: Annotated[Path, typer.Argument(dir_okay=False, writable=True, show_default=False)],
    by: By = SOMEBODY,
) -> "Exported":
    """Write all recipients with their ends to a new CSV file, in which no spreadsheet finds a formula. A dash writes to
    standard output.

    Example: attackacrack campaigns export "Spring check" spring.csv
    """
    from services.core.usecases.campaigns.find import campaign_id_of
    from services.core.usecases.campaigns.results import export_recipients

    return write_new(file, export_recipients(context, campaign_id_of(context, campaign), by=by))


@verb(group, "clone", show=_show_campaign)
def clone(
    context: "Context",
    campaign: Key,
    name: Annotated[str, typer.Option("--name", help="The new campaign's name.", show_default=False)],
    only_failed: Annotated[
        bool, typer.Option("--only-failed", help="For those whom an ended campaign's text failed to reach.")
    ] = False,
    by: By = SOMEBODY,
) -> "views.Campaign":
    """Make a new draft with the same texts, audience and pacing; it is planned and started like any other.

    Example: attackacrack campaigns clone "Spring check" --name "Spring check, again" --only-failed
    """
    from services.core.usecases.campaigns.clone import clone_campaign
    from services.core.usecases.campaigns.find import campaign_id_of

    return clone_campaign(context, campaign_id_of(context, campaign), name=name, only_failed=only_failed, by=by)


def _audience(import_id: int | None, *, everyone: bool) -> dict[str, Any] | None:
    """The audience that the options name, if any."""
    if import_id is not None and everyone:
        raise typer.BadParameter("name one audience: --import ID or --all")
    if everyone:
        return {"all": True}
    return {"import": import_id} if import_id is not None else None


def _bounds(window: str | None, ends_at: str | None) -> dict[str, Any]:
    return {
        "window": read_window(window) if window is not None else None,
        "ends_at": read_instant(ends_at) if ends_at is not None else None,
    }


def _given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def _without(names: Sequence[StrEnum] | None) -> dict[str, None]:
    return {name.value.replace("-", "_"): None for name in names or ()}


def read_window(text: str) -> dict[str, Any]:
    """The stored form of `Mon-Fri 09:00-17:00 [zone]`; days are a range or a list."""
    from services.core.domain.failures import RefusedInput

    read = WINDOW.fullmatch(text.strip())
    days = _days(read["days"].lower()) if read else None
    if read is None or days is None:
        raise RefusedInput("window_invalid", f"{text!r} is no window: write it as Mon-Fri 09:00-17:00")
    window: dict[str, Any] = {"weekdays": days, "opens": read["opens"], "closes": read["closes"]}
    return window | ({"zone": read["zone"]} if read["zone"] else {})


def _days(text: str) -> list[int] | None:
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in WEEKDAYS or (last or first) not in WEEKDAYS:
            return None
        begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        days |= {day % 7 for day in range(begin, (end if end >= begin else end + 7) + 1)}
    return sorted(days)
