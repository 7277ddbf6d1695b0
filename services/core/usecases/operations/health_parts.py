"""The health report's lines about what we stand on: clocks, the database's lineage, the provider, the cluster."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from services.core.domain.health import Part, PartName, seconds
from services.core.domain.schedule import RunStatus
from services.core.runtime.cluster import ACCOUNT, ClusterUnreadable, Rollout, read_rollouts
from services.core.storage import clock, gap_audit, health, installation
from services.core.storage.database import Session
from services.core.usecases.operations.suspicion import RESTORED

ASKED_WITHIN = timedelta(minutes=20)
TOLD_WITHIN = timedelta(hours=2)


def ground_parts(session: Session, *, suspected: str | None) -> Iterator[Part]:
    """Whether this host's clock and this database may be trusted; `suspected` is what the witness has against it."""
    skew = clock.skew(session)
    well = skew <= clock.SKEW_LIMIT
    found = "this host and the database agree" if well else f"{skew.total_seconds():.1f} s apart"
    remedy = "mend the time service of this host or of the database: nothing is sent while they disagree"
    yield Part(PartName.CLOCKS, well=well, found=found, remedy="" if well else remedy)
    row = installation.read(session)
    because = (row.doubt or RESTORED) if row.is_rewound else suspected
    if because is None:
        yield Part(PartName.LINEAGE, well=True, found="the database is the one that was adopted")
        return
    yield Part(
        PartName.LINEAGE,
        well=False,
        found=f"the database may have forgotten what was sent, so nothing is: {because}",
        remedy="attackacrack sending recover, read what it found, then attackacrack sending adopt",
    )


def provider_parts(session: Session, at: datetime) -> Iterator[Part]:
    """As the latest gap audit found it, which asks the provider every few minutes."""
    run = gap_audit.last_run(session)
    if run is None or run.finished_at is None:
        yield Part(PartName.PROVIDER, well=True, found="not asked yet")
        return
    age = at - run.finished_at
    if run.status == RunStatus.FAILED:
        remedy = "see what it answers: attackacrack provider check"
        yield Part(PartName.PROVIDER, well=False, found=(run.error or "the audit failed")[:200], remedy=remedy, age=age)
        return
    well = age <= ASKED_WITHIN
    remedy = "nobody asks it any more: attackacrack schedule list, attackacrack workers"
    yield Part(PartName.PROVIDER, well, f"answered {seconds(age)} ago", "" if well else remedy, age)
    result = run.result or {}
    if "webhook_enabled" in result:
        failed = result.get("failed_deliveries", 0)
        well = bool(result["webhook_enabled"]) and not failed
        found = f"enabled, {failed} deliveries failed" if result["webhook_enabled"] else "disabled at the provider"
        remedy = "nothing comes in while it is disabled: attackacrack provider check says what to do"
        yield Part(PartName.PROVIDER_WEBHOOK, well, found, "" if well else remedy, age)


def cluster_parts(namespace: str) -> Iterator[Part]:
    """The state of our Deployments; nothing where there is no cluster, or this role has no account in it."""
    if not namespace or not ACCOUNT.exists():
        return
    try:
        rollouts = read_rollouts(namespace)
    except ClusterUnreadable as error:
        remedy = "let the operations worker's service account get and list Deployments, or switch this line off"
        yield Part(PartName.ROLLOUTS, well=False, found=str(error), remedy=remedy)
        return
    yield rollouts_part(rollouts)


def rollouts_part(rollouts: list[Rollout]) -> Part:
    behind = [f"{each.name} {each.ready} of {each.wanted}" for each in rollouts if not each.is_complete]
    if not behind:
        return Part(PartName.ROLLOUTS, well=True, found=f"{len(rollouts)} deployments are complete")
    remedy = "kubectl get pods, kubectl describe deployment"
    return Part(PartName.ROLLOUTS, well=False, found=", ".join(behind), remedy=remedy)


def reported_cluster(session: Session, at: datetime) -> Iterator[Part]:
    """What the operations worker, which alone may read the cluster, last reported; for the roles that may not."""
    if ACCOUNT.exists():
        return
    told = health.latest_part(session, PartName.ROLLOUTS, within=TOLD_WITHIN)
    if told is not None:
        yield Part(PartName.ROLLOUTS, told.part["well"], told.part["found"], told.part["remedy"], at - told.at)
