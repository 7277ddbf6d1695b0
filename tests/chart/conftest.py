import pytest

from tests.chart.rendering import SHAPES, Object, render_shape


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest) -> str:
    """The name of each supported shape in turn."""
    name: str = request.param
    return name


@pytest.fixture
def objects(shape: str) -> list[Object]:
    """What each supported shape renders to."""
    return render_shape(shape)
