"""A campaign of many texts, started in a pod of the release: `python - TEXTS PREFIX`.

It prints how many are planned, and when it was started in seconds since the epoch. Product time is moved to the next
business day's opening, and the caps are the campaign's own, so that all texts are due at once.
"""

import sys
import time
from datetime import datetime, timedelta
from datetime import time as clock_time
from zoneinfo import ZoneInfo

from services.core.domain.sending_window import next_business_day
from services.core.runtime.settings import read_settings
from services.core.usecases.campaigns.create import create_campaign
from services.core.usecases.campaigns.plan import plan_campaign
from services.core.usecases.campaigns.start import start_campaign
from services.core.usecases.contacts.confirm_import import confirm_import
from services.core.usecases.contacts.dry_run_import import dry_run_import
from services.core.usecases.context import open_context
from services.core.usecases.operations.clock import move_clock, read_clock
from services.core.views.campaigns import NewCampaign

ACTOR = "e2e"

texts, prefix = int(sys.argv[1]), sys.argv[2]
settings = read_settings()
context = open_context(settings)
now = read_clock(context).product_now
local = ZoneInfo(settings.business_zone)
day = next_business_day(now.astimezone(local).date(), closed_days=frozenset(settings.closed_days))
move_clock(context, datetime.combine(day, clock_time(10), local), by=ACTOR)
rows = "".join(f"+1{prefix}{number:04d},Person\n" for number in range(texts))
name = f"e2e {prefix} {now:%Y-%m-%d %H:%M:%S}"
file = iter([f"phone,first_name\n{rows}".encode()])
dry = dry_run_import(context, file, file_name=f"{name}.csv", by=ACTOR)
report = confirm_import(context, dry.import_id, by=ACTOR)
new = NewCampaign.read(
    name=name,
    template_a=f"Hi {{{{first_name|there}}}}, this is {name}. Reply STOP to opt out.",
    audience={"import": report.import_id},
    daily_cap=texts,
    batch_size=texts,
    batch_every=timedelta(seconds=1),
    ids_per_task=10,
)
campaign = create_campaign(context, new, by=ACTOR)
plan = plan_campaign(context, campaign.campaign_id, by=ACTOR)
started_at = time.time()
start_campaign(context, campaign.campaign_id, plan_hash=plan.plan_hash, by=ACTOR)
context.close()
sys.stdout.write(f"{plan.recipients} {started_at}\n")
