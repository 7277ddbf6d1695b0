"""Acts on several things, each by itself."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

from services.core.domain.failures import RefusedInput

Key = TypeVar("Key")
Done = TypeVar("Done")


def one_by_one(
    keys: Iterable[Key], act: Callable[[Key], Done], *, until: tuple[type[Exception], ...] = ()
) -> tuple[list[Done], list[tuple[Key, RefusedInput]]]:
    """What `act` returned for each key, and the keys that it refused with why; a refusal stops no other.

    An error of `until` ends it: the keys from there on are in neither.
    """
    done: list[Done] = []
    refused: list[tuple[Key, RefusedInput]] = []
    with suppress(*until):
        for key in keys:
            try:
                done.append(act(key))
            except RefusedInput as refusal:
                refused.append((key, refusal))
    return done, refused
