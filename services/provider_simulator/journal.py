"""The state that outlives a restart: an append-only file of (kind, key, latest value); the last line of a key wins."""

from pathlib import Path

from pydantic import BaseModel

from services.provider_simulator.append_log import AppendLog, read_lines

RESET = "reset"
Found = dict[str, dict[str, object]]


class Journal:
    """Without a path nothing is kept and every flush is done at once."""

    def __init__(self, path: Path | None) -> None:
        self.found: Found = _replay(path) if path else {}
        self._log = AppendLog(path) if path else None

    def put(self, kind: str, key: str, value: BaseModel | float | bool | None) -> None:
        """Remember the value; None forgets the key."""
        if self._log is not None:
            plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
            self._log.write({"kind": kind, "key": key, "value": plain})

    def forget(self, *kinds: str) -> None:
        """Forget every key of these kinds."""
        if self._log is not None:
            self._log.write({"kind": RESET, "key": "", "value": kinds})

    async def flush(self) -> None:
        if self._log is not None:
            await self._log.flush()

    async def close(self) -> None:
        if self._log is not None:
            await self._log.close()


def _replay(path: Path) -> Found:
    found: Found = {}
    for line in read_lines(path):
        kind, key, value = str(line["kind"]), str(line["key"]), line["value"]
        if kind == RESET and isinstance(value, list):
            for forgotten in value:
                found.pop(forgotten, None)
        elif value is None:
            found.get(kind, {}).pop(key, None)
        else:
            found.setdefault(kind, {})[key] = value
    return found
