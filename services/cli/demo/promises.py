"""Were the promises kept: the provider's own ledger against the plan, the hours, the caps and the opt-outs."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from services.core.domain.legal_hours import legally_open
from services.core.domain.opt_out import decide_opt_out
from services.core.domain.opt_outs import InboundMeaning
from services.core.domain.sending_window import SendingWindow, window_open
from services.core.domain.zones import Location


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the provider wrote down: texts it took from us, texts people sent, webhooks we answered with 2xx."""

    texts: Sequence[Mapping[str, Any]]
    inbound: Sequence[Mapping[str, Any]]
    answered: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Broken:
    """How often each promise was broken; all zero is the only good answer."""

    doubled: int
    after_opt_out: int
    outside_hours: int
    over_cap: int


def read_ledger(path: Path) -> Ledger:
    """Read the ledger and the file beside it; a last line that is cut short was never promised to anybody."""
    sent, received = _lines(path), _lines(path.with_name(f"{path.name}.inbound"))
    return Ledger(
        texts=[line for line in sent if line["kind"] == "text"],
        inbound=[line for line in received if line["kind"] == "inbound"],
        answered=[line for line in received if line["kind"] == "webhook"],
    )


def count_broken(ledger: Ledger, *, window: SendingWindow, daily_cap: int, locations: Mapping[str, Location]) -> Broken:
    """Recount everything from the ledger alone; `locations` tells where each number's owner may be."""
    return Broken(
        doubled=sum(count - 1 for count in Counter((text["to"], text["content"]) for text in ledger.texts).values()),
        after_opt_out=_after_opt_out(ledger),
        outside_hours=sum(not _inside_hours(text, window, locations) for text in ledger.texts),
        over_cap=_over_cap(ledger.texts, window.zone, daily_cap),
    )


def _after_opt_out(ledger: Ledger) -> int:
    """Texts that the provider took after it had our 2xx for the same person's opt-out."""
    answered_at: dict[str, datetime] = {}
    for line in ledger.answered:
        at = _instant(line["wall"])
        answered_at[line["resource_id"]] = min(at, answered_at.get(line["resource_id"], at))
    said_at: dict[str, datetime] = {}
    for text in ledger.inbound:
        if decide_opt_out(text["content"]).meaning is InboundMeaning.OPT_OUT and text["id"] in answered_at:
            at = answered_at[text["id"]]
            said_at[text["from"]] = min(at, said_at.get(text["from"], at))
    return sum(text["to"] in said_at and _instant(text["wall"]) > said_at[text["to"]] for text in ledger.texts)


def _inside_hours(text: Mapping[str, Any], window: SendingWindow, locations: Mapping[str, Location]) -> bool:
    at = _instant(text["at"])
    location = locations.get(text["to"])
    return location is not None and window_open(window, at) and legally_open(location, at)


def _over_cap(texts: Iterable[Mapping[str, Any]], zone: str, daily_cap: int) -> int:
    local = ZoneInfo(zone)
    days: Counter[date] = Counter(_instant(text["at"]).astimezone(local).date() for text in texts)
    return sum(max(0, count - daily_cap) for count in days.values())


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    lines = path.read_text().split("\n")
    return [json.loads(line) for line in lines[:-1] if line]


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
