"""Surroundings of the tests' own: nothing of whoever starts them reaches a test, wherever and with whatever that is.

A person's stack in `.data`, the settings of another installation, a kube context, a docker daemon, a proxy, the
credentials and configuration files of a home folder: a test that saw them would speak to them.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT = re.compile(
    r"PATH|LANG|LC_\w+|TERM|TMPDIR|SHELL|VIRTUAL_ENV|LD_LIBRARY_PATH|PYTHON\w*"  # what a program needs to run at all
    r"|PYTEST_\w+|COVERAGE_\w+|FUZZ_EXAMPLES|E2E_\w+"  # what is meant for the tests
    r"|PIP_\w+"  # what pip needs to fetch a tool of the tests
)
"""Names of the variables that may come from outside. A list of what is forbidden would always lack the next one."""

NO_DAEMON = "unix:///nowhere/docker.sock"
CALLERS: Mapping[str, str] = dict(os.environ)
"""The environment as it was, for the tests of a cluster: they are told by their caller which one."""


def forget_the_callers() -> None:
    """Take the caller's variables out of this process's environment, and so out of its children's."""
    for name in [name for name in os.environ if not KEPT.fullmatch(name)]:
        del os.environ[name]
    os.environ["DOCKER_HOST"] = NO_DAEMON  # without it docker takes the machine's own
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(ROOT / ".hypothesis")


@contextmanager
def nowhere() -> Iterator[Path]:
    """An empty folder to stand in, with an empty home; raises `AssertionError` when something was written there."""
    before = Path.cwd(), os.environ.get("HOME")
    with tempfile.TemporaryDirectory(prefix="nowhere-") as name:
        folder, home = Path(name) / "here", Path(name) / "home"
        folder.mkdir()
        home.mkdir()
        os.environ["HOME"] = str(home)
        os.chdir(folder)
        try:
            yield folder
        finally:
            os.chdir(before[0])
            os.environ.pop("HOME")
            if before[1] is not None:
                os.environ["HOME"] = before[1]
        left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
        assert not left, f"written to the folder that the tests stand in: {left}"
