"""A file of JSON lines that is only appended to; whoever waits for `flush` knows its lines are on the disk."""

import asyncio
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

Record = Mapping[str, object]


class AppendLog:
    """Lines keep the order of `write`; concurrent flushes share one fsync."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        _cut_torn_line(path)
        self._file = path.open("ab", buffering=0)
        self._waiting: list[bytes] = []
        self._turn = asyncio.Lock()
        self._written = 0
        self._synced = 0

    def write(self, record: Record) -> None:
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        self._waiting.append(line.encode() + b"\n")
        self._written += 1

    async def flush(self) -> None:
        """Return when everything written so far is on the disk."""
        wanted = self._written
        while self._synced < wanted:
            async with self._turn:
                if self._synced < wanted:
                    await self._sync()

    async def close(self) -> None:
        await self.flush()
        self._file.close()

    async def _sync(self) -> None:
        lines, self._waiting = self._waiting, []
        upto = self._written
        await asyncio.to_thread(self._append, b"".join(lines))
        self._synced = upto

    def _append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        os.fsync(self._file.fileno())


def read_lines(path: Path) -> Iterator[dict[str, object]]:
    """Whole lines of the file, oldest first; none when there is no file."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                yield json.loads(line)


def _cut_torn_line(path: Path) -> None:
    """A kill in the middle of a write leaves half a line, which no reply was based on."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        kept = size
        while kept > 0:
            start = max(0, kept - 65_536)
            file.seek(start)
            end_of_line = file.read(kept - start).rfind(b"\n")
            if end_of_line >= 0:
                file.truncate(start + end_of_line + 1)
                return
            kept = start
        file.truncate(0)
