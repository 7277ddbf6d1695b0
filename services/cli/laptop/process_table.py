"""The machine's processes: commands and descendants of the ones we started."""

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
