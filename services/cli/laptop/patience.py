"""How long a role may take to start: counted in work, since the clock runs on while a busy machine lets nobody work."""

from dataclasses import dataclass, field
from datetime import timedelta

MOST_WORK = timedelta(minutes=3)
IDLE_FOR = timedelta(seconds=90)
STIRS = timedelta(seconds=1)


@dataclass(slots=True)
class StartPatience:
    """Ends when a role has hardly stirred for `IDLE_FOR`, or worked for `MOST_WORK` without getting ready."""

    _since: float | None = field(default=None, init=False)
    _worked: float = field(default=0.0, init=False)

    def ended(self, *, now: float, worked: float) -> str | None:
        """Why no more is to be waited; `None` while it is. `now` and the processor time `worked` are in seconds."""
        if worked >= MOST_WORK.total_seconds():
            return f"it is not ready after {worked:.0f} s of processor time"
        if self._since is None or not 0 <= worked - self._worked < STIRS.total_seconds():
            self._since, self._worked = now, worked
        if now - self._since >= IDLE_FOR.total_seconds():
            return f"it is not ready and has done nothing for {IDLE_FOR.seconds} s"
        return None
