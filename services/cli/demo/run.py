"""Run the demo campaign on a ready stack and close with a table: what happened, and that no promise was broken."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime, time, timedelta
from pathlib import Path
from threading import Event
from time import monotonic
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from services.cli.acts import traced
from services.cli.demo.prepare import nothing_is_sent, stack_context
from services.cli.demo.promises import count_broken, read_ledger
from services.cli.demo.provider import Simulator, SimulatorUnavailable
from services.cli.laptop.run_file import RunFile
from services.core.domain.glossary import in_words
from services.core.domain.sending_window import next_business_day, window_close, window_open
from services.core.domain.zones import locate
from services.core.storage import installation
from services.core.storage.database import DatabaseUnavailable
from services.core.storage.progress import Progress as CampaignProgress
from services.core.storage.progress import numbers_of, progress_of, running_campaign_named
from services.core.usecases.campaigns.create import create_campaign
from services.core.usecases.campaigns.plan import plan_campaign
from services.core.usecases.campaigns.start import start_campaign
from services.core.usecases.contacts.confirm_import import confirm_import
from services.core.usecases.contacts.dry_run_import import dry_run_import
from services.core.usecases.contacts.find_imports import show_import
from services.core.usecases.context import Context
from services.core.usecases.operations.clock import move_clock, product_time, read_clock
from services.core.usecases.operations.suspicion import RESTORED
from services.core.views.campaigns import NewCampaign
from services.core.views.contacts import ImportReport

CONTACTS = Path(__file__).with_name("contacts.csv")
NAME = "Demo"
TEXT = "Hi {{first_name|there}}, free foundation check in {{city|your area}} this week. Reply STOP to opt out."
TEXT_B = "{{first_name|Hello}}, cracks in the wall? We look for free. Reply STOP to opt out."
ACTOR = "demo"
LOOK_EVERY = 0.25
SETTLES_WITHIN = timedelta(minutes=10)
HURRY_EVERY = timedelta(seconds=10)
AGAIN_AFTER = timedelta(days=31)
SEED = 7


class DemoFailed(Exception):
    """The demo did not come to its end."""


@dataclass(frozen=True, slots=True)
class DemoTable:
    """The closing table; the last but one row of counts are promises, and each must be zero."""

    accepted: int
    merged: int
    rejected: int
    suppressed: int
    planned: int
    sent: int
    delivered: int
    undelivered: int
    failed: int
    skipped: int
    deferred: int
    held: int
    uncertain: int
    replies: int
    opt_outs: int
    lost: int
    doubled: int
    after_opt_out: int
    outside_hours: int
    over_cap: int
    seconds: float

    @property
    def kept_every_promise(self) -> bool:
        return not any((self.lost, self.doubled, self.after_opt_out, self.outside_hours, self.over_cap, self.uncertain))


def run_demo(data: Path, run_file: RunFile, *, as_json: bool, cut_off: Event, contacts: Path = CONTACTS) -> bool:
    """Import, plan, start, watch and judge; answers whether every promise was kept.

    Raises `DemoFailed`, also soon after `cut_off` is set: the stack goes away.
    """
    context, simulator = stack_context(data), Simulator(run_file.urls["simulator"])
    screen = Console(stderr=True)
    began = monotonic()
    try:
        simulator.people_behave(seed=SEED)
        with traced("up --demo", context.settings):
            campaign_id, report = _begin(context, contacts, screen)
        progress = _watch(data, context, simulator, campaign_id, screen, cut_off)
        table = _judge(context, run_file, progress, report, seconds=monotonic() - began)
        _show(table, as_json=as_json, screen=screen)
        return table.kept_every_promise
    finally:
        simulator.close()
        context.close()


def _begin(context: Context, contacts: Path, screen: Console) -> tuple[int, ImportReport]:
    """The unfinished demo of this folder, or a new one on the next business day at 13:00."""
    zone = context.settings.business_zone
    with context.database.reading() as session:
        unfinished, earlier = running_campaign_named(session, NAME)
    now = read_clock(context).product_now
    if unfinished is not None:
        if not window_open(context.window, now) or _nothing_due_today(context, unfinished, now):
            _move_clock(context, _next_afternoon(now, zone, at=time(9, 0)), screen)
        with context.database.reading() as session:
            import_id = progress_of(session, unfinished).import_id
        screen.print("resuming the demo of this folder")
        return unfinished, show_import(context, import_id)
    _move_clock(context, _next_afternoon(now + (AGAIN_AFTER if earlier else timedelta(0)), zone), screen)
    with contacts.open("rb") as file:
        dry = dry_run_import(context, iter(lambda: file.read(65536), b""), file_name=contacts.name, by=ACTOR)
    report = confirm_import(context, dry.import_id, by=ACTOR)
    campaign = create_campaign(
        context,
        NewCampaign.read(
            name=f"{NAME} {earlier + 1}",
            template_a=TEXT,
            template_b=TEXT_B,
            split_percent_b=50,
            audience={"import": report.import_id},
            daily_cap=context.settings.number_daily_cap,
            batch_size=60,
            batch_every=timedelta(seconds=6),
            ids_per_task=10,
        ),
        by=ACTOR,
    )
    plan = plan_campaign(context, campaign.campaign_id, by=ACTOR)
    screen.print(
        f"planned {plan.recipients} texts, {plan.segments} segments, ${plan.cost_usd}; excluded "
        + (", ".join(f"{count} ({in_words(code)})" for code, count in plan.excluded.items()) or "nobody")
    )
    start_campaign(context, campaign.campaign_id, plan_hash=plan.plan_hash, by=ACTOR)
    return campaign.campaign_id, report


def _watch(
    data: Path, context: Context, simulator: Simulator, campaign_id: int, screen: Console, cut_off: Event
) -> CampaignProgress:
    """Follow the campaign until it is settled; steps the clock when only texts of unknown outcome are left."""
    deadline = monotonic() + SETTLES_WITHIN.total_seconds()
    progress, hurry_at = None, monotonic()
    with _bar(screen) as bar:
        task = bar.add_task("sending", total=None)
        while monotonic() < deadline:
            try:
                progress = _look(data, context, campaign_id)
                settled = progress.planned - progress.open - progress.unsettled
                bar.update(task, total=progress.planned, completed=settled)
                if monotonic() >= hurry_at:
                    simulator.hurry_deliveries()  # after an outage the provider's own schedule would wait for minutes
                    hurry_at = monotonic() + HURRY_EVERY.total_seconds()
                if progress.open == 0 and progress.inbox == 0 and simulator.open_deliveries() == 0:
                    if progress.unsettled == 0:
                        return progress
                    _step_to_look(context, progress.next_look_at, screen)
            except (DatabaseUnavailable, SimulatorUnavailable):
                pass  # it is being restarted; the deadline bounds the wait
            if cut_off.wait(LOOK_EVERY):
                raise DemoFailed("cut off")
    raise DemoFailed(f"the campaign did not settle within {SETTLES_WITHIN}: {progress}")


def _look(data: Path, context: Context, campaign_id: int) -> CampaignProgress:
    with context.database.reading() as session:
        if (standing := installation.read(session)).is_rewound:  # the workers have found it out meanwhile
            raise DemoFailed(nothing_is_sent(standing.doubt or RESTORED, data))
        now = product_time(session)
        closes = window_close(context.window, now) if window_open(context.window, now) else now
        return progress_of(session, campaign_id, closes_at=closes)


def _step_to_look(context: Context, next_look_at: datetime | None, screen: Console) -> None:
    """Move the clock to the next look-up of an unknown outcome; one that is due already only takes its moment."""
    if next_look_at is not None and next_look_at > read_clock(context).product_now:
        _move_clock(context, next_look_at + timedelta(seconds=1), screen)


def _nothing_due_today(context: Context, campaign_id: int, now: datetime) -> bool:
    with context.database.reading() as session:
        progress = progress_of(session, campaign_id, closes_at=window_close(context.window, now))
    return progress.open == 0 and progress.unsettled == 0


def _judge(
    context: Context,
    run_file: RunFile,
    progress: CampaignProgress,
    report: ImportReport,
    *,
    seconds: float,
) -> DemoTable:
    ledger = read_ledger(Path(run_file.simulator_ledger))
    with context.database.reading() as session:
        people = numbers_of(session)
    locations = {e164: locate(e164=e164, state=state, timezone=timezone) for e164, (state, timezone) in people.items()}
    broken = count_broken(
        ledger, window=context.window, daily_cap=context.settings.number_daily_cap, locations=locations
    )
    taken = {text["id"] for text in ledger.texts}
    counts = progress.by_status
    final = sum(counts.get(status, 0) for status in ("delivered", "undelivered", "failed", "skipped"))
    accounted = final + counts.get("held", 0) + progress.deferred + progress.unsettled + counts.get("sent", 0)
    return DemoTable(
        accepted=report.accepted,
        merged=report.merged,
        rejected=report.rejected,
        suppressed=report.suppressed,
        planned=progress.planned,
        sent=sum(counts.get(status, 0) for status in ("sent", "delivered", "undelivered", "failed")),
        delivered=counts.get("delivered", 0),
        undelivered=counts.get("undelivered", 0),
        failed=counts.get("failed", 0),
        skipped=counts.get("skipped", 0),
        deferred=progress.deferred,
        held=counts.get("held", 0),
        uncertain=progress.unsettled,
        replies=progress.replies,
        opt_outs=progress.opt_outs,
        lost=progress.planned - accounted + counts.get("sent", 0) + len(progress.provider_ids - taken),
        doubled=broken.doubled,
        after_opt_out=broken.after_opt_out,
        outside_hours=broken.outside_hours,
        over_cap=broken.over_cap,
        seconds=round(seconds, 1),
    )


def _show(table: DemoTable, *, as_json: bool, screen: Console) -> None:
    if as_json:
        sys.stdout.write(json.dumps(asdict(table)) + "\n")
        return
    shown = Table(title="demo", show_header=False)
    for field in fields(table):
        shown.add_row(field.name, str(getattr(table, field.name)))
    screen.print(shown)
    screen.print("every promise was kept" if table.kept_every_promise else "[red]a promise was broken[/red]")


def _move_clock(context: Context, to: datetime, screen: Console) -> None:
    state = move_clock(context, to, by=ACTOR)
    local = state.product_now.astimezone(ZoneInfo(context.settings.business_zone))
    screen.print(f"product time is now {local:%a %d %b %Y %H:%M}")


def _next_afternoon(now: datetime, zone: str, *, at: time = time(13, 0)) -> datetime:
    """The next business day's 13:00, today's not counted."""
    local = ZoneInfo(zone)
    return datetime.combine(next_business_day(now.astimezone(local).date()), at, local)


@contextmanager
def _bar(screen: Console) -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen, disable=not screen.is_terminal) as bar:
        yield bar
