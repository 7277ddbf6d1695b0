"""Which stack a command speaks to: a data folder's, or in a cluster the one of its own environment."""

import os
from pathlib import Path

from services.core.runtime.settings import Settings, read_settings

VARIABLE = "ATTACKACRACK_DATA"
DEFAULT_FOLDER = Path(".data")
PREFIX = "ATTACKACRACK_"
FILE = "settings.env"


class StackNotFound(Exception):
    """There is no stack to speak to: the folder has none, or nothing names a database."""


def find_settings(data: Path | None) -> Settings:
    """The settings of the stack in `data`, else in the folder of `ATTACKACRACK_DATA`, else in `.data` when one was
    started there, else those of the environment.

    Raises `StackNotFound`, or `SettingsInvalid`.
    """
    named = data or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is not None:
        return _settings_of(named)
    if (DEFAULT_FOLDER / FILE).exists():
        return _settings_of(DEFAULT_FOLDER)
    found = read_settings(service_name="cli")
    if not found.database_url.get_secret_value():
        raise StackNotFound("no stack is named: start one with attackacrack up, or name its folder with --data")
    return found


def _settings_of(folder: Path) -> Settings:
    from services.cli.laptop.identity import is_copy, read_settings_file
    from services.cli.laptop.lock import is_held

    try:
        environment = read_settings_file(folder)
    except OSError as error:
        raise StackNotFound(f"no stack was ever started in {folder}: attackacrack up --data {folder}") from error
    if is_copy(folder) and not is_held(folder):
        raise StackNotFound(
            f"{folder} is a copy and its settings lead to the stack that it was copied from:"
            f" attackacrack up --data {folder} makes it one of its own"
        )
    values = {name.removeprefix(PREFIX).lower(): value for name, value in environment.items()}
    return read_settings(**{**values, "service_name": "cli"})
