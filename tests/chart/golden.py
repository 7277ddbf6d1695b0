"""Renderings to read in a review: the default one whole, of each other shape the difference from it.

`python -m tests.chart.golden` writes them anew; a test compares.
"""

import difflib
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.chart.rendering import SHAPES, Object, render_shape

FOLDER = Path(__file__).with_name("golden")
GENERATED = "(generated)"


def golden_text(shape: str) -> str:
    """What the golden file of a shape says."""
    text = _text(shape)
    if shape == "default":
        return text
    lines = difflib.unified_diff(_text("default").splitlines(), text.splitlines(), "default", shape, n=2, lineterm="")
    return "\n".join(lines) + "\n"


def path_of(shape: str) -> Path:
    return FOLDER / f"{shape}.{'yaml' if shape == 'default' else 'diff'}"


@cache
def _text(shape: str) -> str:
    objects = sorted((_normalised(found, shape) for found in render_shape(shape)), key=_order)
    return yaml.dump_all(objects, Dumper=yaml.CSafeDumper, sort_keys=True, width=120)


def _order(found: Object) -> tuple[str, str]:
    return found["kind"], found["metadata"]["name"]


def _normalised(found: Object, shape: str) -> Object:
    """Without what is random or says only that something else changed."""
    if found["kind"] == "Secret" and shape != "external-tls":
        found["stringData"] = {key: _without_hash(value) for key, value in found["stringData"].items()}
    if found["kind"] == "Pod":
        container = found["spec"]["containers"][0]
        container["command"] = [*container["command"][:2], "(script)", *container["command"][3:]]
    normalised: Object = _without_checksums(found)
    return normalised


def _without_hash(value: str) -> str:
    return re.sub(r"#[0-9a-f]{64}", f"#{GENERATED}", value) if value.startswith("user ") else GENERATED


def _without_checksums(part: Any) -> Any:
    if isinstance(part, list):
        return [_without_checksums(each) for each in part]
    if isinstance(part, dict):
        return {key: _without_checksums(value) for key, value in part.items() if not key.startswith("checksum/")}
    return re.sub(r"(-migrate)-[0-9a-f]{8}$", r"\1-HASH", part) if isinstance(part, str) else part


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    for shape in SHAPES:
        path_of(shape).write_text(golden_text(shape))
    return 0


if __name__ == "__main__":
    sys.exit(main())
