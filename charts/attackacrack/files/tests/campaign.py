"""A campaign to a few simulated people is planned, sent by the workers, and ends with a receipt for each text."""

import random
import sys
import time
from datetime import datetime, timedelta
from datetime import time as clock_time
from zoneinfo import ZoneInfo

import httpx

from services.core.domain.sending_window import next_business_day, window_open
from services.core.runtime.settings import read_settings
from services.core.storage.progress import progress_of
from services.core.usecases.campaigns.create import create_campaign
from services.core.usecases.campaigns.plan import plan_campaign
from services.core.usecases.campaigns.start import start_campaign
from services.core.usecases.contacts.confirm_import import confirm_import
from services.core.usecases.contacts.dry_run_import import dry_run_import
from services.core.usecases.context import open_context
from services.core.usecases.operations.clock import move_clock, read_clock
from services.core.views.campaigns import NewCampaign

PEOPLE = 5
SETTLES_WITHIN = 240.0  # campaign workers may start from zero
ACTOR = "helm test"

settings = read_settings()
context = open_context(settings)
now = read_clock(context).product_now
local = ZoneInfo(settings.business_zone)
if not window_open(context.window, now) or not window_open(context.window, now + timedelta(minutes=30)):
    day = next_business_day(now.astimezone(local).date(), closed_days=frozenset(settings.closed_days))
    state = move_clock(context, datetime.combine(day, clock_time(13), local), by=ACTOR)
    httpx.put(
        f"{settings.provider_base_url}/_simulator/clock",
        json={"offset_seconds": state.offset.total_seconds()},
        timeout=10,
    ).raise_for_status()

name = f"helm test {now:%Y-%m-%d %H:%M:%S}"
numbers = random.sample(range(2000000, 9999999), PEOPLE)
rows = "".join(f"+1212{number},Test\n" for number in numbers)
dry = dry_run_import(context, iter([f"phone,first_name\n{rows}".encode()]), file_name=f"{name}.csv", by=ACTOR)
report = confirm_import(context, dry.import_id, by=ACTOR)
campaign = create_campaign(
    context,
    NewCampaign.read(
        name=name,
        template_a=f"Hi {{{{first_name|there}}}}, this is {name}. Reply STOP to opt out.",
        audience={"import": report.import_id},
        batch_every=timedelta(seconds=1),
    ),
    by=ACTOR,
)
plan = plan_campaign(context, campaign.campaign_id, by=ACTOR)
assert plan.recipients == report.accepted > 0, f"planned {plan.recipients} of {report.accepted}: {plan.excluded}"  # noqa: S101
start_campaign(context, campaign.campaign_id, plan_hash=plan.plan_hash, by=ACTOR)

deadline = time.monotonic() + SETTLES_WITHIN
while True:
    with context.database.reading() as session:
        counts = progress_of(session, campaign.campaign_id).by_status
    if counts.get("delivered", 0) == plan.recipients:
        break
    if time.monotonic() > deadline:
        sys.exit(f"not every text had its receipt within {SETTLES_WITHIN:.0f} s: {counts}")
    time.sleep(0.5)
context.close()
sys.stdout.write(f"{plan.recipients} texts planned, sent and delivered\n")
