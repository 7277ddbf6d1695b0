"""Faults on demand: rules that spoil the next requests, and the numbers that always do the same."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.provider_simulator.contacts import Delivery
from services.provider_simulator.errors import REFUSALS
from services.provider_simulator.journal import Journal

_REFUSAL_NAMES = "|".join(REFUSALS)


class Kind(StrEnum):
    LATENCY = "latency"
    RATE_STORM = "rate_storm"
    SERVER_ERROR = "server_error"
    NO_ANSWER = "no_answer"
    RESET = "reset"
    DRIP = "drip"
    TRUNCATED_BODY = "truncated_body"
    EMPTY_BODY = "empty_body"
    HTML_BODY = "html_body"
    HUGE_BODY = "huge_body"
    REDIRECT = "redirect"
    REFUSAL = "refusal"
    DUPLICATE_ID = "duplicate_id"
    LIST_LAG = "list_lag"
    LIST_OMISSION = "list_omission"
    LIST_REPEATED_CURSOR = "list_repeated_cursor"


class Operation(StrEnum):
    SEND = "send"
    LIST = "list"
    READ = "read"
    OTHER = "other"
    ANY = "any"


class Fault(BaseModel):
    """One rule. `created` is the chance that a spoilt send still makes its message; `to` limits it to one recipient."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    operation: Operation = Operation.SEND
    to: str | None = None
    times: Annotated[int, Field(ge=1)] | None = Field(default=None, description="requests left; none: until removed")
    probability: float = Field(default=1, ge=0, le=1)
    seed: int = 0
    created: float = Field(default=0, ge=0, le=1)
    seconds: float = Field(default=0, ge=0, description="latency, list lag, silence before a late answer, drip's pause")
    jitter: float = Field(default=0, ge=0, description="up to so many seconds more")
    status: int = Field(default=500, ge=300, le=599, description="of server errors and redirects")
    refusal: str = Field(default="not_enough_credits", pattern=f"^({_REFUSAL_NAMES})$")
    retry_after: str | None = None
    location: str = "http://127.0.0.1:9/elsewhere"
    after_bytes: int = Field(default=0, ge=0, description="of the reply, before a reset or a truncation")
    size: int = Field(default=50 * 1024 * 1024, ge=0, description="of a huge body, in bytes")
    share: float = Field(default=1, ge=0, le=1, description="of the items that a list omits")


@dataclass(slots=True)
class Rule:
    fault: Fault
    dice: Random
    rule_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])


class Faults:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        found = journal.found.get("fault", {})
        self._rules = {key: _rule(Fault.model_validate(value), key) for key, value in found.items()}

    def add(self, fault: Fault) -> str:
        """The id by which `remove` finds the rule."""
        rule = _rule(fault, uuid.uuid4().hex[:12])
        self._rules[rule.rule_id] = rule
        self._journal.put("fault", rule.rule_id, fault)
        return rule.rule_id

    def remove(self, rule_id: str) -> bool:
        self._journal.put("fault", rule_id, None)
        return self._rules.pop(rule_id, None) is not None

    def reset(self) -> None:
        self._rules.clear()
        self._journal.forget("fault")

    def active(self) -> list[dict[str, object]]:
        return [{"id": rule.rule_id, **rule.fault.model_dump(mode="json")} for rule in self._rules.values()]

    def take(self, operation: Operation, recipients: Sequence[str]) -> list[tuple[Fault, bool]]:
        """The faults that hit this request and whether each leaves the message created; counts them off."""
        hits = [rule for rule in list(self._rules.values()) if _concerns(rule.fault, operation, recipients)]
        hits = [rule for rule in hits if rule.dice.random() < rule.fault.probability]
        taken = [(rule.fault, rule.dice.random() < rule.fault.created) for rule in hits]
        for rule in hits:
            self._count_off(rule)
        return taken

    def _count_off(self, rule: Rule) -> None:
        if rule.fault.times is None:
            return
        if rule.fault.times == 1:
            self.remove(rule.rule_id)
            return
        rule.fault = rule.fault.model_copy(update={"times": rule.fault.times - 1})
        self._journal.put("fault", rule.rule_id, rule.fault)


@dataclass(frozen=True, slots=True)
class Magic:
    """What a recipient of ours always does."""

    refusal: str | None = None
    fault: Fault | None = None
    delivery: Delivery = Delivery.DELIVERED
    error_code: str | None = None
    is_delivered_before_reply: bool = False
    is_announced_thrice: bool = False
    is_listed_late: bool = False


RATE_LIMITED_NUMBER = "+15005550015"
RATE_LIMITED_TIMES = 3
MAGIC = {
    "+15005550001": Magic(refusal="invalid_number"),
    "+15005550002": Magic(refusal="opted_out"),
    "+15005550003": Magic(refusal="a2p_not_approved"),
    "+15005550004": Magic(refusal="not_enough_credits"),
    "+15005550005": Magic(refusal="international_not_allowed"),
    "+15005550006": Magic(refusal="daily_cap"),
    "+15005550007": Magic(delivery=Delivery.UNDELIVERED, error_code="30007"),
    "+15005550008": Magic(delivery=Delivery.FAILED),
    "+15005550009": Magic(delivery=Delivery.FAILED, error_code="30006"),
    "+15005550010": Magic(fault=Fault(kind=Kind.SERVER_ERROR)),
    "+15005550011": Magic(fault=Fault(kind=Kind.SERVER_ERROR, created=1)),
    "+15005550012": Magic(fault=Fault(kind=Kind.RESET, created=1)),
    "+15005550013": Magic(fault=Fault(kind=Kind.LATENCY, created=1)),
    "+15005550014": Magic(delivery=Delivery.NEVER),
    "+15005550016": Magic(is_delivered_before_reply=True),
    "+15005550017": Magic(is_announced_thrice=True),
    "+15005550018": Magic(is_listed_late=True),
}
ORDINARY = Magic()


def magic_of(recipients: Iterable[str]) -> Magic:
    return next((MAGIC[number] for number in recipients if number in MAGIC), ORDINARY)


def _rule(fault: Fault, rule_id: str) -> Rule:
    return Rule(fault, Random(fault.seed), rule_id)


def _concerns(fault: Fault, operation: Operation, recipients: Sequence[str]) -> bool:
    if fault.operation not in (Operation.ANY, operation):
        return False
    return fault.to is None or fault.to in recipients
