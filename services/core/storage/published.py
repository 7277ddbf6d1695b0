"""A row whose id is handed to the queue."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Published:
    """Its id, and the traceparent under which its work goes on."""

    id: int
    traceparent: str | None
