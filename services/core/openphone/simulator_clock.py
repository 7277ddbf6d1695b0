"""The clock of the provider's double: it has to go with ours, or nothing that it stamps would be in our time."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

import httpx

from services.core.openphone.errors import ProviderFailed, ProviderUnreachable

TIMEOUT_SECONDS = 10.0


class SimulatorClock:
    """The offset of a running simulator's clock from real time; it moves forward only.

    Raises `ProviderUnreachable` when nothing answers there, `ProviderFailed` when what answers is no simulator.
    """

    def __init__(self, base_url: str) -> None:
        self._url = f"{base_url}/_simulator/clock"

    def offset(self) -> timedelta:
        return self._call("GET")

    def move(self, offset: timedelta) -> None:
        """Have it at the offset, or further: somebody who moved both clocks later may have been here earlier."""
        try:
            self._call("PUT", {"offset_seconds": offset.total_seconds()})
        except ProviderFailed as error:
            if error.http_status != HTTPStatus.CONFLICT:
                raise

    def _call(self, method: str, body: dict[str, Any] | None = None) -> timedelta:
        try:
            answer = httpx.request(method, self._url, json=body, timeout=TIMEOUT_SECONDS, trust_env=False)
        except httpx.TransportError as error:
            raise ProviderUnreachable("the simulator does not answer") from error
        if not answer.is_success:
            raise ProviderFailed(f"the simulator answered {answer.status_code}", http_status=answer.status_code)
        try:
            return timedelta(seconds=float(answer.json()["offset_seconds"]))
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise ProviderFailed("what answers is no simulator") from error
