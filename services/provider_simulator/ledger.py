"""The simulator's own record of what it was asked and what it accepted, on the disk before any reply leaves.

The ledger holds `text` (accepted) and `request` (asked to send, whatever the answer); the file beside it, `.inbound`,
holds `inbound` (a person's text to us) and `webhook` (our receiver answered a delivery with 2xx).
"""

import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path

from services.provider_simulator.append_log import AppendLog, read_lines
from services.provider_simulator.clock import Clock, stamp, wall
from services.provider_simulator.messages import Direction, Message


class Ledger:
    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._path = path
        self._sent = AppendLog(path)
        self._received = AppendLog(_beside(path))

    def request(self, *, sender: object, recipients: object, content: object) -> None:
        """A request to send came in; its fields are as given, well-formed or not."""
        self._write(self._sent, "request", f"RQ{uuid.uuid4().hex}", sender, _one_or_all(recipients), content)

    def text(self, message_id: str, *, sender: str, recipients: Sequence[str], content: str) -> None:
        self._write(self._sent, "text", message_id, sender, _one_or_all(recipients), content)

    def inbound(self, message_id: str, *, sender: str, recipients: Sequence[str], content: str) -> None:
        self._write(self._received, "inbound", message_id, sender, _one_or_all(recipients), content)

    def webhook(self, delivery_id: str, *, event_id: str, resource_id: str, attempt: int, status: int) -> None:
        self._received.write(
            {
                "kind": "webhook",
                "id": delivery_id,
                **self._times(),
                "event_id": event_id,
                "resource_id": resource_id,
                "attempt": attempt,
                "status": status,
            }
        )

    def restore(self, messages: Iterable[Message]) -> None:
        """Add the messages that a kill kept from their file."""
        known = {line["id"] for path in (self._path, _beside(self._path)) for line in read_lines(path)}
        for message in messages:
            if message.id not in known:
                is_ours = message.direction is Direction.OUTGOING
                at = message.created_at
                line = {
                    "kind": "text" if is_ours else "inbound",
                    "id": message.id,
                    "at": stamp(at, "microseconds"),
                    "wall": stamp(at - self._clock.offset, "microseconds"),
                    "from": message.sender,
                    "to": _one_or_all(message.recipients),
                    "content": message.text,
                }
                (self._sent if is_ours else self._received).write(line)

    async def flush(self) -> None:
        await self._sent.flush()
        await self._received.flush()

    async def close(self) -> None:
        await self._sent.close()
        await self._received.close()

    def _write(self, log: AppendLog, kind: str, line_id: str, sender: object, to: object, content: object) -> None:
        log.write({"kind": kind, "id": line_id, **self._times(), "from": sender, "to": to, "content": content})

    def _times(self) -> dict[str, str]:
        real = wall()
        return {"at": stamp(real + self._clock.offset, "microseconds"), "wall": stamp(real, "microseconds")}


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".inbound")


def _one_or_all(recipients: object) -> object:
    if isinstance(recipients, list | tuple):
        return recipients[0] if len(recipients) == 1 else list(recipients)
    return recipients
