"""What an error says about trying again: the decision travels with the exception."""

import math
from datetime import timedelta


def may_heal(error: BaseException) -> bool:
    """Whether the error itself says that the same work may succeed later; one that says nothing does not."""
    return getattr(error, "retryable", None) is True


class RetryableError(Exception):
    """Nothing was done, or it is proven that nothing was; the same work may be tried again later."""

    retryable = True


class RefusedInput(Exception):
    """What was asked cannot be taken: `code` is stable, `pointer` names the field, `detail` says the remedy."""

    retryable = False

    def __init__(self, code: str, detail: str, *, pointer: str = "", status: int = 422) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.pointer = pointer
        self.status = status


class NotFound(RefusedInput):
    """There is no such thing."""

    def __init__(self, noun: str, key: object) -> None:
        super().__init__("not_found", f"there is no {noun} {key}", status=404)


class Conflict(RefusedInput):
    """The thing's state does not allow it."""

    def __init__(self, code: str, detail: str, *, pointer: str = "") -> None:
        super().__init__(code, detail, pointer=pointer, status=409)


class MadeAtOnce(Conflict):
    """Another made the same at this very moment; whoever tries again finds it."""

    retryable = True

    def __init__(self) -> None:
        super().__init__("made_at_once", "the same was made at this very moment: look at it, then try again")


class TooManyAttempts(RefusedInput):
    """So many failed from one place that the next one has to wait."""

    retryable = True

    def __init__(self, retry_after: timedelta) -> None:
        self.retry_after_seconds = max(1, math.ceil(retry_after.total_seconds()))
        detail = f"too many tokens from your address opened nothing: try again in {self.retry_after_seconds} seconds"
        super().__init__("too_many_attempts", detail, status=429)
