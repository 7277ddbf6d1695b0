"""Files that commands write: a new one, or standard output for a dash."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from services.core.views.files import Exported

STANDARD = "-"


def write_new(file: Path, lines: Iterable[bytes]) -> "Exported":
    """Write a file that is not there yet. A dash means standard output, and ends the command: nothing else belongs
    there.

    Raises `RefusedInput` for a file that is there.
    """
    from services.core.domain.failures import RefusedInput
    from services.core.views.files import Exported

    if str(file) == STANDARD:
        sys.stdout.buffer.writelines(lines)
        sys.stdout.buffer.flush()
        raise typer.Exit
    try:
        with file.open("xb") as opened:
            opened.writelines(lines)
            return Exported(file=file, size=opened.tell())
    except FileExistsError as error:
        raise RefusedInput("file_exists", f"{file} is there already: name a new file") from error
