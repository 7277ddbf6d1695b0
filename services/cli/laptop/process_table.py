"""The machine's processes: commands and descendants of the ones we started."""

import os
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessEntry:
    pid: int
    command: str


def read_families(pids: Iterable[int]) -> dict[int, tuple[ProcessEntry, ...]]:
    """Each living one of `pids` first, then all its descendants in order of their ids."""
    parents, command_of = _proc() if (PROC / "self/stat").exists() else _ps()
    children: dict[int, list[int]] = defaultdict(list)
    for pid, parent in parents.items():
        children[parent].append(pid)
    families = {}
    for pid in pids:
        if pid in parents:
            family = (pid, *sorted(_descendants(pid, children)))
            families[pid] = tuple(ProcessEntry(member, command_of(member)) for member in family)
    return families


def processor_seconds(pid: int) -> float:
    """What this process and its descendants have worked so far, those that have ended and been reaped included."""
    members = [entry.pid for entry in read_families([pid]).get(pid, ())]
    return sum(map(_proc_seconds if (PROC / "self/stat").exists() else _ps_seconds, members))


def _proc_seconds(pid: int) -> float:
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:  # it ended while we looked
        return 0.0
    own_and_reaped = fields[11:15]
    return sum(map(int, own_and_reaped)) / os.sysconf("SC_CLK_TCK")


def _ps_seconds(pid: int) -> float:
    """`ps` writes [[days-]hours:]minutes:seconds."""
    said = subprocess.run(["ps", "-o", "time=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    days, _, clock = said.strip().rpartition("-")
    seconds = 0.0
    for part in clock.split(":") if clock else []:
        seconds = seconds * 60 + float(part)
    return seconds + 86_400 * int(days or 0)


def _descendants(pid: int, children: dict[int, list[int]]) -> list[int]:
    direct = children.get(pid, [])
    return direct + [later for child in direct for later in _descendants(child, children)]


def _proc() -> tuple[dict[int, int], Callable[[int], str]]:
    parents = {}
    for folder in PROC.iterdir():
        if folder.name.isdecimal():
            try:
                # pid (name) state parent ...; the name may hold anything, brackets too
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:  # it ended while we looked
                continue
            if state != "Z":
                parents[int(folder.name)] = int(parent)
    return parents, _proc_command


def _proc_command(pid: int) -> str:
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _ps() -> tuple[dict[int, int], Callable[[int], str]]:
    parents, commands = {}, {}
    listed = subprocess.run(["ps", "-axo", "pid=,ppid=,command="], capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        pid, parent, command = line.split(maxsplit=2)
        parents[int(pid)], commands[int(pid)] = int(parent), command
    return parents, commands.__getitem__
