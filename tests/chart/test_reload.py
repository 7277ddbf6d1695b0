"""The development image's PID 1: a role starts again when a source changes, whatever happens to the files meanwhile."""

import subprocess
import sys
from pathlib import Path

from tests.chart.rendering import ROOT

RELOAD = ROOT / "k8s" / "dev" / "reload.py"
WATCHING = f"""
import pathlib, runpy, sys
main = runpy.run_path({str(RELOAD)!r})["main"]
main.__globals__.update(SOURCES=pathlib.Path(sys.argv[1]), LOOK_EVERY=0.05)
sys.exit(main(sys.argv[2:]))
"""
ROLE = "import pathlib, signal, sys; print(pathlib.Path(sys.argv[1]).read_text(), flush=True); signal.pause()"


def test_a_role_starts_again_when_its_source_changes_and_ends_when_it_is_told(tmp_path: Path) -> None:
    source = tmp_path / "role.py"
    source.write_text("first")
    (tmp_path / "replaced.py").symlink_to(tmp_path / "gone")  # as a file that is just being replaced
    role = (sys.executable, "-c", ROLE, str(source))
    command = (sys.executable, "-c", WATCHING, str(tmp_path), *role)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "first\n"
            source.with_suffix(".new").write_text("second")
            source.with_suffix(".new").rename(source)
            assert process.stdout.readline() == "second\n"
            process.terminate()
            assert process.stdout.readline() == ""
            assert process.wait(timeout=30) != 0
        finally:
            process.kill()
