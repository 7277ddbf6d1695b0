"""A world for each test."""

from tests.tools.world_fixtures import make_world, simulator_process, world

__all__ = ["make_world", "simulator_process", "world"]
