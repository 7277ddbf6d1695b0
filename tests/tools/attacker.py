"""Peers that mean harm, from raw sockets and a process of their own: `python -m tests.tools.attacker ATTACK PORT`.

An honest request on stdin is what the attacks are made of. "stands" on stdout says that the attack is on: every
connection has done its worst or been cut off. It goes on, with new connections for those that were cut off, until
stdin is closed; then what it came to is one line of JSON.
"""

import argparse
import asyncio
import json
import resource
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

MEBIBYTE = 1024 * 1024
DRIP_SECONDS = 0.2
COME_BACK_SECONDS = 0.1
PIECE = 64 * 1024
SMALL_WINDOW = 4096


@dataclass
class Score:
    sent: int = 0
    cut: int = 0
    resting: int = 0


class Peer:
    """One connection: what it sends is counted, what it is answered is thrown away or never read."""

    def __init__(self, score: Score, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._score, self._reader, self._writer = score, reader, writer

    async def send(self, content: bytes) -> None:
        self._writer.write(content)
        await self._writer.drain()
        self._score.sent += len(content)

    async def send_for_ever(self, piece: bytes) -> None:
        while True:
            await self.send(piece)

    async def drip(self, content: bytes) -> None:
        """A byte now and then, the last one never."""
        await self.send(content[:1])
        self._score.resting += 1
        try:
            for byte in content[1:-1]:
                await asyncio.sleep(DRIP_SECONDS)
                await self.send(bytes([byte]))
            await asyncio.Event().wait()
        finally:
            self._score.resting -= 1

    async def rest(self) -> None:
        """Stay connected and do nothing more."""
        self._score.resting += 1
        try:
            await asyncio.Event().wait()
        finally:
            self._score.resting -= 1

    async def read_on(self) -> None:
        """Read until the other side ends it."""
        while await self._reader.read(PIECE):
            pass

    def never_read(self) -> None:
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    def close(self) -> None:
        self._writer.transport.abort()


@dataclass(frozen=True)
class Attack:
    """`act` is what each of `connections` does; with `reads` false nothing that is answered is ever read."""

    connections: int
    act: Callable[[Peer, bytes], Awaitable[None]]
    reads: bool = True


def chunked(head: bytes) -> bytes:
    return without(head, b"content-length") + b"transfer-encoding: chunked\r\n\r\n"


def without(head: bytes, name: bytes) -> bytes:
    lines = [line for line in head.split(b"\r\n") if line and not line.lower().startswith(name + b":")]
    return b"\r\n".join([*lines, b""])


def head_of(request: bytes) -> bytes:
    """The head without the blank line that ends it."""
    return request.partition(b"\r\n\r\n")[0] + b"\r\n"


def announcing(request: bytes, size: int) -> bytes:
    return without(head_of(request), b"content-length") + b"content-length: %d\r\n\r\n" % size


async def slow_heads(peer: Peer, request: bytes) -> None:
    await peer.drip(head_of(request))


async def slow_bodies(peer: Peer, request: bytes) -> None:
    await peer.send(announcing(request, 1000))
    await peer.drip(b"x" * 1000)


async def large_bodies(peer: Peer, request: bytes) -> None:
    """Each as large as is taken, but for its last byte."""
    await peer.send(announcing(request, 256 * 1024) + b"x" * (256 * 1024 - 1))
    await peer.rest()


async def unread_answers(peer: Peer, request: bytes) -> None:
    peer.never_read()
    await peer.send_for_ever(request * max(1, PIECE // len(request)))


async def unread_single_answers(peer: Peer, request: bytes) -> None:
    peer.never_read()
    await peer.send_for_ever(request)


async def endless_pipelining(peer: Peer, request: bytes) -> None:
    await peer.send_for_ever(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n" * 2000)


async def endless_trailers(peer: Peer, request: bytes) -> None:
    await peer.send(chunked(head_of(request)) + b"2\r\n{}\r\n0\r\n")
    await peer.send_for_ever(b"".join(b"t%d: x\r\n" % number for number in range(5000)))


async def endless_trailer(peer: Peer, request: bytes) -> None:
    await peer.send(chunked(head_of(request)) + b"2\r\n{}\r\n0\r\nt: ")
    await peer.send_for_ever(b"x" * PIECE)


async def endless_chunk_extension(peer: Peer, request: bytes) -> None:
    await peer.send(chunked(head_of(request)) + b"2;")
    await peer.send_for_ever(b"x" * PIECE)


async def endless_headers(peer: Peer, request: bytes) -> None:
    await peer.send(head_of(request))
    await peer.send_for_ever(b"".join(b"h%d: x\r\n" % number for number in range(5000)))


async def many_small_fields(peer: Peer, request: bytes) -> None:
    """Each within the size of a head, and as many objects as fit into it."""
    await peer.send(head_of(request) + b"a:\r\n" * 15_000)
    await peer.rest()


async def unfinished_head_of_20_mb(peer: Peer, request: bytes) -> None:
    await peer.send(head_of(request) + b"x: ")
    for _ in range(20 * MEBIBYTE // PIECE):
        await peer.send(b"x" * PIECE)
    await peer.rest()


async def blank_lines_after_an_answer(peer: Peer, request: bytes) -> None:
    await peer.send(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n")
    await peer.drip(b"\r\n" * 1000)


async def idle(peer: Peer, _request: bytes) -> None:
    await peer.rest()


async def half_open(peer: Peer, request: bytes) -> None:
    await peer.send(request[:20])
    await peer.rest()


ATTACKS = {
    "slow_heads": Attack(700, slow_heads),
    "slow_bodies": Attack(700, slow_bodies),
    "large_bodies": Attack(900, large_bodies),
    "unread_answers": Attack(50, unread_answers, reads=False),
    "unread_single_answers": Attack(50, unread_single_answers, reads=False),
    "endless_pipelining": Attack(8, endless_pipelining),
    "endless_trailers": Attack(4, endless_trailers),
    "endless_trailer": Attack(4, endless_trailer),
    "endless_chunk_extension": Attack(4, endless_chunk_extension),
    "endless_headers": Attack(4, endless_headers),
    "many_small_fields": Attack(700, many_small_fields),
    "unfinished_head_of_20_mb": Attack(10, unfinished_head_of_20_mb),
    "blank_lines_after_an_answer": Attack(600, blank_lines_after_an_answer),
    "idle": Attack(1000, idle),
    "half_open": Attack(510, half_open),
}
ENOUGH_BYTES = 32 * MEBIBYTE
"""An attack that is let send so much has done what it can, too."""


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def run(attack: Attack, port: int, request: bytes) -> Score:
    score = Score()
    peers = [asyncio.create_task(attend(attack, port, request, score)) for _ in range(attack.connections)]
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.buffer.read))
    while not (score.resting + score.cut >= attack.connections or score.sent >= ENOUGH_BYTES) and not ended.done():
        await asyncio.sleep(0.01)
    say("stands")
    await ended
    final = replace(score)
    for peer in peers:
        peer.cancel()
    await asyncio.gather(*peers, return_exceptions=True)
    return final


async def attend(attack: Attack, port: int, request: bytes, score: Score) -> None:
    """One place of the attack: whenever it is cut off, it comes back."""
    while True:
        with suppress(OSError):
            peer = await connect(port, score, has_small_window=not attack.reads)
            acting = asyncio.ensure_future(attack.act(peer, request))
            reading = [asyncio.ensure_future(peer.read_on())] if attack.reads else []
            try:
                done, _ = await asyncio.wait([acting, *reading], return_when=asyncio.FIRST_COMPLETED)
                score.cut += 1
                for task in done:
                    task.result()
            finally:
                for task in (acting, *reading):
                    task.cancel()
                await asyncio.gather(acting, *reading, return_exceptions=True)
                peer.close()
        await asyncio.sleep(COME_BACK_SECONDS)


async def connect(port: int, score: Score, *, has_small_window: bool) -> Peer:
    connection = socket.socket()
    if has_small_window:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW)
    connection.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    except OSError:
        connection.close()
        raise
    return Peer(score, *await asyncio.open_connection(sock=connection))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("attack", choices=ATTACKS)
    parser.add_argument("port", type=int)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    length = int(sys.stdin.buffer.readline())
    request = sys.stdin.buffer.read(length)
    score = asyncio.run(run(ATTACKS[options.attack], options.port, request))
    say(json.dumps(asdict(score)))


if __name__ == "__main__":
    main()
