"""The wheel that is installed serves pages: templates, styles and scripts are in it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[3]
SERVE = """
import asyncio
import httpx
from services.console.app import make_app
from services.console.pages import rendering, static
from services.core.runtime.settings import read_settings

async def ask():
    app = make_app(read_settings(database_url="postgresql+psycopg://nobody@127.0.0.1:1/none"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        for address in ("/enter", *(file.address for file in static.FILES.values())):
            answer = await client.get(address)
            assert answer.status_code == 200, (address, answer.status_code)
            print(address)

for name in rendering.TEMPLATES.list_templates():
    print(rendering.TEMPLATES.get_template(name).filename)
asyncio.run(ask())
"""


def test_an_installed_wheel_serves_its_pages(tmp_path: Path) -> None:
    source, installed = tmp_path / "source", tmp_path / "installed"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in tracked.rstrip("\0").split("\0"):
        if name.startswith("services/") or name in {"pyproject.toml", "README.md", "LICENSE"}:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet", "-w", str(tmp_path)]
    subprocess.run([*build, str(source)], check=True, timeout=100)
    [wheel] = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(installed)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(installed)}
    served = subprocess.run(
        [sys.executable, "-c", SERVE],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert served.returncode == 0, served.stderr
    for folder in ("templates", "static"):
        ours = {path.name for path in (ROOT / "services" / "console" / folder).rglob("*") if path.is_file()}
        theirs = {path.name for path in (installed / "services" / "console" / folder).rglob("*") if path.is_file()}
        assert theirs == ours
    assert str(installed / "services" / "console" / "templates" / "today.html") in served.stdout
