"""Whether a database may have forgotten what was sent: what it says of itself, against what is known outside of it.

Whoever puts a database's files back puts back every mark in them too: the server's id, the timeline, the counters. So a
second memory lies outside, the witness: which life of the database sent last, and how far it had come.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """What a database says of itself.

    `incarnations` are the lives that were vouched for, oldest first, the present one last; `epoch` is its newest
    attempt's number, 0 before the first. `run` is this run of its server, `<timeline>@<start>`; `checked_run` the one
    that was last found to remember all, None before the first. `place` is where its files were then, "" where nobody
    can say. `is_rewound`: that it forgot something is known already.
    """

    incarnations: Sequence[str]
    epoch: int
    run: str
    checked_run: str | None
    place: str
    is_rewound: bool

    @property
    def is_checked(self) -> bool:
        return self.run == self.checked_run

    @property
    def key(self) -> str:
        """This run of this life: what was found out about it holds until the key is another."""
        return run_key(self.incarnations, self.run)


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What the witness last heard: the life of the database that sent, and its newest attempt's number."""

    incarnation: str
    epoch: int


def run_key(incarnations: Sequence[str], run: str) -> str:
    return f"{incarnations[-1]}/{run}"


def is_current(standing: Standing, witnessed: Witnessed | None) -> bool:
    """Whether the witness speaks of the database's present life; one that was emptied or put back itself does not."""
    return witnessed is not None and witnessed.incarnation == standing.incarnations[-1]


def doubt(standing: Standing, witnessed: Witnessed | None, *, place: str) -> str | None:
    """Why the database may not be trusted with sending, in words for a person; None when nothing speaks against it.

    `place` is where its files are now, "" where nobody can say.
    """
    if place and standing.place and place != standing.place:
        return "its folder is a copy of the one that sent, or was put back from one"
    if witnessed is not None and witnessed.incarnation not in standing.incarnations:
        return "another database, or a later state of this one, was adopted and has sent for this number"
    if witnessed is not None and is_current(standing, witnessed) and witnessed.epoch > standing.epoch:
        return f"it knows of attempts to send up to {standing.epoch}, and there were {witnessed.epoch}"
    if not is_current(standing, witnessed) and _timeline(standing.checked_run) not in (None, _timeline(standing.run)):
        return "its server was promoted or recovered, and nothing outside of it says that no text was forgotten"
    return None


def _timeline(run: str | None) -> str | None:
    return run.partition("@")[0] if run is not None else None
