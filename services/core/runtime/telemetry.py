"""What this project's telemetry is called: every span, attribute and instrument, declared once.

Names are OpenTelemetry's where it has one (http, messaging, db), else ours under `attackacrack.`. Nothing is imported
or set up here: spans are made in `tracing`, instruments in `metering`, and both begin and end with `exporting`.
No value may be a phone number, a person's name, a text or a secret; ids stand for them.
"""

from enum import StrEnum

SCOPE = "attackacrack"
"""The instrumentation scope of all spans and instruments that are ours."""


class SpanName(StrEnum):
    """One name for each kind of work; which one it was about is in the attributes."""

    API_REQUEST = "api.request"
    WEBHOOK_ACCEPT = "webhook.accept"
