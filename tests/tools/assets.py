"""What the pages and their tests take from npm, copied to where it is used: `make assets`.

The copies are committed, since the product runs with Python alone. Beside them lies what they are of: the version and
integrity that npm's lock names, and each file's own hash.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "package-lock.json"
MANIFEST = "vendored.json"
SERVED = ROOT / "services" / "console" / "static" / "vendor"
TESTED_WITH = ROOT / "tests" / "browser" / "vendor"

TAKEN: dict[Path, dict[str, dict[str, str]]] = {
    SERVED: {
        "htmx.org": {
            "htmx.min.js": "dist/htmx.min.js",
            "hx-sse.min.js": "dist/ext/hx-sse.min.js",
            "htmx.LICENSE": "LICENSE",
        }
    },
    TESTED_WITH: {"axe-core": {"axe.min.js": "axe.min.js", "axe.LICENSE": "LICENSE"}},
}
"""By folder and package, each file's name here and its place in the package."""


def copy(modules: Path = ROOT / "node_modules") -> None:
    """Take the files from what `npm ci` installed, which has checked the packages against the lock."""
    for folder, packages in TAKEN.items():
        folder.mkdir(parents=True, exist_ok=True)
        for package, files in packages.items():
            for name, place in files.items():
                shutil.copyfile(modules / package / place, folder / name)
        (folder / MANIFEST).write_text(json.dumps(manifest(folder, packages), indent=2) + "\n")


def manifest(folder: Path, packages: dict[str, dict[str, str]]) -> dict[str, Any]:
    """What lies in the folder, and of which packages it is."""
    locked = json.loads(LOCK.read_text())["packages"]
    return {
        package: {
            "version": locked[f"node_modules/{package}"]["version"],
            "integrity": locked[f"node_modules/{package}"]["integrity"],
            "license": locked[f"node_modules/{package}"]["license"],
            "files": {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files},
        }
        for package, files in packages.items()
    }


if __name__ == "__main__":
    copy()
