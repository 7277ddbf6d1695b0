"""Health reports, kept so that a morning's question about the night has an answer."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.core.storage.clock import PRODUCT_NOW
from services.core.storage.models import HealthReport

LOOKED_AT = 500


@dataclass(frozen=True, slots=True)
class ReportedPart:
    at: datetime
    part: dict[str, Any]


def store(session: Session, *, healthy: bool, parts: list[dict[str, Any]]) -> None:
    session.add(HealthReport(healthy=healthy, parts=parts))


def latest(session: Session) -> HealthReport | None:
    return session.scalar(select(HealthReport).order_by(HealthReport.id.desc()).limit(1))


def latest_part(session: Session, name: str, *, within: timedelta) -> ReportedPart | None:
    """A part as the latest report that has it found it, if that is not longer ago; a few hundred are looked at."""
    newest = select(func.max(HealthReport.id)).scalar_subquery()
    report = session.scalar(
        select(HealthReport)
        .where(
            HealthReport.id > newest - LOOKED_AT,
            HealthReport.parts.contains([{"name": name}]),
            HealthReport.at >= PRODUCT_NOW - within,
        )
        .order_by(HealthReport.id.desc())
        .limit(1)
    )
    if report is None:
        return None
    return ReportedPart(report.at, next(part for part in report.parts if part["name"] == name))
