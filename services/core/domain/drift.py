"""How far an approved plan is from what the same campaign would send today."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Drift:
    """`approved` people were to get a text; `removed` of them get none now, `changed` another one, `added` are new."""

    approved: int
    added: int
    removed: int
    changed: int

    @property
    def count(self) -> int:
        return self.added + self.removed + self.changed

    @property
    def left(self) -> int:
        """How many get a text now."""
        return self.approved + self.added - self.removed

    def is_within(self, bound: float) -> bool:
        """Whether the differences are at most this share of what was approved, and anybody is left to be texted."""
        return self.left > 0 and self.count <= bound * self.approved
