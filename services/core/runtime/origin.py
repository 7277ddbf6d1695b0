"""Where an act comes from: the network address of whoever asked for it, carried to the audit like the trace."""

from contextvars import ContextVar

_address: ContextVar[str | None] = ContextVar("address", default=None)


def come_from(address: str | None) -> None:
    """Say where everything that this request does from here on comes from."""
    _address.set(address)


def address() -> str | None:
    """Where the act comes from; `None` at the command line and in the background."""
    return _address.get()
