"""Flower on our app, in this process, with its lines in our form."""

from collections.abc import Sequence

from services.core.queue.app import app


def run_flower(options: Sequence[str]) -> None:
    """Serve until a signal comes; `options` as on its command line."""
    app.start(argv=["flower", *options, "--logging=none"])
