"""A change of what is rendered is seen in review: `make golden` writes these files anew."""

from tests.chart.golden import FOLDER, golden_text, path_of
from tests.chart.rendering import SHAPES


def test_a_shape_renders_as_recorded(shape: str) -> None:
    assert golden_text(shape) == path_of(shape).read_text(), "see the difference with: make golden; git diff"


def test_every_record_has_its_shape() -> None:
    assert set(FOLDER.iterdir()) == {path_of(shape) for shape in SHAPES}
