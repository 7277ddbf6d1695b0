"""What an act must be told by the person who decides it: a reason, a note, a proof."""

from services.core.domain.failures import RefusedInput


def require_text(field: str, text: str, remedy: str) -> None:
    """Raises `RefusedInput` naming the field of a text in which nothing shows; `remedy` says what to write."""
    if not text.strip():
        raise RefusedInput(f"{field}_missing", remedy, pointer=f"/{field}")
