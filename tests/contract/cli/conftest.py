"""A stack for commands."""

from tests.tools.command_line_fixtures import attackacrack, environment, simulator, simulator_process

__all__ = ["attackacrack", "environment", "simulator", "simulator_process"]
