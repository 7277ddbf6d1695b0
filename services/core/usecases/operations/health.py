"""Is everything working: each part with what was found, how old it is, and what to do when it is wrong."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from services.core.domain.health import Part, PartName, judge
from services.core.queue.enqueue import BrokerUnavailable
from services.core.storage import clock, health, rights
from services.core.storage.database import DatabaseUnavailable
from services.core.usecases.context import Context
from services.core.usecases.operations.canary import canary_parts
from services.core.usecases.operations.health_parts import cluster_parts, ground_parts, provider_parts, reported_cluster
from services.core.usecases.operations.suspicion import suspicion
from services.core.usecases.operations.vitals import read_vitals
from services.core.views.installation import Health, HealthPart

OWNER = "answers; its user owns the tables: attackacrack schema grants gives each role a login of its own"


def check_health(context: Context, *, keep: bool = True) -> Health:
    """Look at every part; a part that can't be looked at is unwell.

    The report is stored, if it is to be kept, when the database allows: a page that polls keeps none.
    """
    seen = [_redis(context), *cluster_parts(context.settings.kubernetes_namespace)]
    try:
        suspected = suspicion(context)
        with context.database.transaction() as session:
            at = clock.product_now(session)
            seen = [
                Part(PartName.DATABASE, well=True, found=OWNER if rights.shares_the_owner(session) else "answers"),
                *seen,
                *ground_parts(session, suspected=suspected),
                *judge(read_vitals(context, session)),
                *canary_parts(session, at),
                *provider_parts(session, at),
            ]
            told = [*reported_cluster(session, at)]  # not stored again: it is an earlier report's
            if keep:
                health.store(session, healthy=all(part.well for part in seen), parts=[_row(part) for part in seen])
    except DatabaseUnavailable as error:
        remedy = "start PostgreSQL or mend its address; nothing is accepted or sent meanwhile"
        return _report(None, [Part(PartName.DATABASE, well=False, found=str(error), remedy=remedy), *seen])
    return _report(at, [*seen, *told])


def summary(report: Health) -> dict[str, Any]:
    """What a run of the scheduled check keeps of it."""
    return {"healthy": report.healthy, "unwell": [part.name for part in report.parts if not part.well]}


def _report(at: datetime | None, parts: Sequence[Part]) -> Health:
    shown = [HealthPart.of(part) for part in parts]
    return Health(at=at, healthy=all(part.well for part in parts), parts=shown)


def _redis(context: Context) -> Part:
    # Asked twice: in a pod that has just begun, the first packet may be dropped while the network learns of it.
    failure = _redis_failure(context) and _redis_failure(context)
    if failure is None:
        return Part(PartName.REDIS, well=True, found="answers")
    remedy = "start Redis or mend its address; work waits in the database meanwhile"
    return Part(PartName.REDIS, well=False, found=failure[:200], remedy=remedy)


def _redis_failure(context: Context) -> str | None:
    try:
        context.broker.ping()
    except BrokerUnavailable as error:
        return str(error)
    return None


def _row(part: Part) -> dict[str, Any]:
    return asdict(part) | {"age": part.age.total_seconds() if part.age is not None else None}
