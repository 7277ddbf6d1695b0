"""The health report's lines about what is outside of us: the provider, and the cluster that runs us."""

from collections.abc import Iterator

from services.core.domain.health import Part
from services.core.domain.schedule import RunStatus
from services.core.runtime.cluster import ACCOUNT, ClusterUnreadable, Rollout, read_rollouts
from services.core.storage import gap_audit
from services.core.storage.database import Session


def provider_parts(session: Session) -> Iterator[Part]:
    """As the latest gap audit found it, which asks the provider every few minutes."""
    run = gap_audit.last_run(session)
    if run is None:
        yield Part("provider", well=True, found="not asked yet")
        return
    if run.status == RunStatus.FAILED:
        remedy = "see what it answers: attackacrack provider check"
        yield Part("provider", well=False, found=(run.error or "the audit failed")[:200], remedy=remedy)
        return
    yield Part("provider", well=True, found=f"answered at {run.finished_at:%Y-%m-%d %H:%M:%S}")
    result = run.result or {}
    if "webhook_enabled" in result:
        failed = result.get("failed_deliveries", 0)
        well = bool(result["webhook_enabled"]) and not failed
        found = f"enabled, {failed} deliveries failed" if result["webhook_enabled"] else "disabled at the provider"
        remedy = "nothing comes in while it is disabled: attackacrack provider check says what to do"
        yield Part("provider webhook", well=well, found=found, remedy="" if well else remedy)


def cluster_parts(namespace: str) -> Iterator[Part]:
    """The state of our Deployments; nothing where there is no cluster, or this role has no account in it."""
    if not namespace or not ACCOUNT.exists():
        return
    try:
        rollouts = read_rollouts(namespace)
    except ClusterUnreadable as error:
        remedy = "let the operations worker's service account get and list Deployments, or switch this line off"
        yield Part("rollouts", well=False, found=str(error), remedy=remedy)
        return
    yield rollouts_part(rollouts)


def rollouts_part(rollouts: list[Rollout]) -> Part:
    behind = [f"{each.name} {each.ready} of {each.wanted}" for each in rollouts if not each.is_complete]
    if not behind:
        return Part("rollouts", well=True, found=f"{len(rollouts)} deployments are complete")
    return Part("rollouts", well=False, found=", ".join(behind), remedy="kubectl get pods, kubectl describe deployment")
