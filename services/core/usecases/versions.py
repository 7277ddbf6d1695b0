"""The version of a thing that an act is meant for, compared once its row is locked."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from services.core.domain.failures import RefusedInput
from services.core.views.values import View

Versions = frozenset[str]
"""The versions that whoever acts has read; the act is refused for any other."""


def version_of(view: View) -> str:
    """The number of a view that counts its versions; of any other a digest of all that it shows."""
    counted = getattr(view, "version", None)
    if counted is not None:
        return str(counted)
    return hashlib.sha256(json.dumps(view.model_dump(), default=_text, sort_keys=True).encode()).hexdigest()[:32]


def check_version(version: Callable[[], str], versions: Versions | None, *, noun: str) -> None:
    """Raises `RefusedInput` (412) when versions are named and the thing's, worked out only then, is none of them."""
    if versions is not None and version() not in versions:
        detail = f"the {noun} was changed in between: read it again and decide anew"
        raise RefusedInput("version_stale", detail, status=412)


def _text(value: Any) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
