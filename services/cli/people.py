"""The tokens of two people, for acts that one alone may not do: from files or the environment, never from arguments,
which every process of the machine can read."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from services.core.domain.failures import RefusedInput

if TYPE_CHECKING:
    from services.core.usecases.context import Context

OWN_VARIABLE, SECOND_VARIABLE = "ATTACKACRACK_TOKEN", "ATTACKACRACK_SECOND_TOKEN"
TOKEN_AT_MOST = 200
Result = TypeVar("Result")

OwnToken = Annotated[
    Path | None,
    typer.Option(
        "--own-token", help="File with the token of who acts, - is standard input.", show_default=OWN_VARIABLE
    ),
]
SecondToken = Annotated[
    Path | None,
    typer.Option(
        "--second-token", help="File with the token of who agrees, - is standard input.", show_default=SECOND_VARIABLE
    ),
]


def together(
    context: "Context", act: Callable[[str, str | None], Result], *, by: str, own: Path | None, second: Path | None
) -> Result:
    """Do `act(by, None)`; where that needs two people, once more by the name of the one and with the other's consent.

    On a terminal who is missing is asked. Raises `RefusedInput` when the tokens are not those of two people.
    """
    from services.core.usecases.messages.held.release import SecondPersonMissing
    from services.core.usecases.operations.two_people import agree

    try:
        return act(by, None)
    except SecondPersonMissing:
        given = _read(own, OWN_VARIABLE, "Your own token"), _read(second, SECOND_VARIABLE, "Token of who agrees")
        if not all(given):
            raise
    return act(*agree(context, *given))


def _read(file: Path | None, variable: str, question: str) -> str:
    if file is not None:
        token = sys.stdin.readline() if str(file) == "-" else _first_line(file)
    else:
        token = os.environ.get(variable, "")
        if not token and sys.stdin.isatty():
            token = typer.prompt(question, hide_input=True, err=True)
    return token.strip()[:TOKEN_AT_MOST]


def _first_line(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as lines:
            return lines.readline()
    except OSError as error:
        raise RefusedInput(
            "token_unreadable", f"{file} can't be read ({error.strerror}): name a file with a token"
        ) from error
