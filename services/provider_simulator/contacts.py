"""The people behind the numbers: what becomes of a text to them, what they reply, and who opted out."""

from enum import StrEnum
from random import Random
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.provider_simulator.journal import Found, Journal

STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
START_WORDS = frozenset({"START", "UNSTOP"})
DISTRIBUTION = "distribution"


class Delivery(StrEnum):
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    NEVER = "never"


class Reply(BaseModel):
    """A text the contact sends `after` seconds (over the time factor) of a delivered message."""

    model_config = ConfigDict(extra="forbid")

    reply: str | None
    after: float = Field(default=0.5, ge=0)
    probability: float = Field(default=1, ge=0, le=1)


class Behaviour(BaseModel):
    """`weight` counts only inside a distribution; `error_code` only when the outcome is not a delivery."""

    model_config = ConfigDict(extra="forbid")

    delivery: Delivery = Delivery.DELIVERED
    error_code: str | None = None
    replies: tuple[Reply, ...] = ()
    weight: float = Field(default=1, gt=0)


class Distribution(BaseModel):
    """How numbers without a behaviour of their own behave; one number always falls on the same one of them."""

    model_config = ConfigDict(extra="forbid")

    behaviours: Annotated[tuple[Behaviour, ...], Field(min_length=1)] = (Behaviour(),)
    seed: int = 0


class Contacts:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        found = journal.found
        self._behaviours = {number: Behaviour.model_validate(value) for number, value in _of(found, "behaviour")}
        self._texts_to = {number: int(str(value)) for number, value in _of(found, "texts_to")}
        self.opted_out = {number for number, _ in _of(found, "opt_out")}
        self.distribution = Distribution.model_validate(dict(_of(found, DISTRIBUTION)).get(DISTRIBUTION, {}))

    def behave(self, number: str, behaviour: Behaviour | None) -> None:
        """Give a number its own behaviour; None returns it to the distribution."""
        if behaviour is None:
            self._behaviours.pop(number, None)
        else:
            self._behaviours[number] = behaviour
        self._journal.put("behaviour", number, behaviour)

    def distribute(self, distribution: Distribution) -> None:
        self.distribution = distribution
        self._journal.put(DISTRIBUTION, DISTRIBUTION, distribution)

    def behaviour_of(self, number: str) -> Behaviour:
        if number in self._behaviours:
            return self._behaviours[number]
        choices = self.distribution.behaviours
        dice = Random(f"{self.distribution.seed}:{number}")
        return dice.choices(choices, weights=[choice.weight for choice in choices])[0]

    def replies_to_next_text(self, number: str) -> list[Reply]:
        """The replies that the dice of this number's next text give; the same seed gives the same ones."""
        count = self._texts_to[number] = self._texts_to.get(number, 0) + 1
        self._journal.put("texts_to", number, count)
        dice = Random(f"{self.distribution.seed}:{number}:{count}")
        replies = self.behaviour_of(number).replies
        return [reply for reply in replies if dice.random() < reply.probability and reply.reply is not None]

    def hear(self, number: str, text: str) -> None:
        """Take a text of a contact for an opt-out, a return, or neither: only a single word counts."""
        word = text.strip().upper()
        if word in STOP_WORDS:
            self.opted_out.add(number)
            self._journal.put("opt_out", number, True)
        elif word in START_WORDS:
            self.opted_out.discard(number)
            self._journal.put("opt_out", number, None)

    def reset(self) -> None:
        self._behaviours.clear()
        self._texts_to.clear()
        self.opted_out.clear()
        self.distribution = Distribution()
        self._journal.forget("behaviour", "texts_to", "opt_out", DISTRIBUTION)


def _of(found: Found, kind: str) -> list[tuple[str, object]]:
    return list(found.get(kind, {}).items())
