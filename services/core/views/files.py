"""Files that commands wrote."""

from pathlib import Path

from services.core.views.values import View


class Exported(View):
    """`size` is in bytes."""

    file: Path
    size: int
