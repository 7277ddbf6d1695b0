"""Every named point of the product is in some drill; a drill fails when its point is never reached."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
REACHED = re.compile(r"\breach\(\"([a-z_]+)\"\)")
DRILLS = (
    *("tests/faults", "tests/integration/beat", "tests/integration/ingress"),
    "tests/integration/usecases",  # the limiter's, which needs the provider's own clock
)


def test_no_point_is_without_a_drill() -> None:
    points = {
        name for path in (ROOT / "services").rglob("*.py") for name in REACHED.findall(path.read_text(encoding="utf-8"))
    }
    drills = "".join(
        path.read_text(encoding="utf-8") for folder in DRILLS for path in (ROOT / folder).glob("test_*.py")
    )
    drilled = {point for point in points if re.search(rf"[\"']{point}[\"'=]", drills)}

    assert points - drilled == set()
    assert len(points) > 30
