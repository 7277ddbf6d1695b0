"""The simulator's controls, as far as the laptop needs them."""

from collections.abc import Sequence
from typing import Any

import httpx

TIMEOUT_SECONDS = 10.0

REPLIES: Sequence[tuple[float, str, Sequence[str]]] = (
    (70, "delivered", ()),
    (7, "delivered", ("Yes please, call me tomorrow",)),
    (3, "delivered", ("What does an inspection cost?",)),
    (3, "delivered", ("STOP",)),
    (2, "delivered", ("Stop please",)),
    (2, "delivered", ("please stop texting me!",)),
    (1, "delivered", ("take me off your list",)),
    (2, "delivered", ("No thanks",)),
    (1, "delivered", ("not interested",)),
    (1, "delivered", ("HELP",)),
    (4, "undelivered", ()),
    (2, "failed", ()),
)
"""How the demo's people behave: weight, what becomes of a text to them, and what they write back."""


class SimulatorUnavailable(Exception):
    """The simulator did not answer."""


class Simulator:
    """One running simulator; every call raises `SimulatorUnavailable` when it does not answer."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/_simulator", timeout=TIMEOUT_SECONDS, trust_env=False)

    def register_webhook(self, url: str, *, key: str) -> str:
        """Have events delivered to us, signed with our key, and answer the webhook's id; a repeat changes nothing."""
        return str(self._call("POST", "/webhooks", {"scheme": "standard", "url": url, "key": key})["id"])

    def hurry_deliveries(self) -> None:
        """Have what was not delivered while the stack was down delivered now, not on the provider's long schedule."""
        self._call("POST", "/deliveries/hurry")

    def people_behave(self, *, seed: int) -> None:
        """Let the people reply, say STOP and be out of reach in the demo's proportions."""
        behaviours = [
            {
                "weight": weight,
                "delivery": delivery,
                "error_code": None if delivery == "delivered" else "30006",
                "replies": [{"reply": reply, "after": 1.0} for reply in replies],
            }
            for weight, delivery, replies in REPLIES
        ]
        self._call("PUT", "/contacts", {"behaviours": behaviours, "seed": seed})

    def open_deliveries(self) -> int:
        """Webhook deliveries that are still to be made or repeated."""
        deliveries: dict[str, int] = self._call("GET", "/state")["deliveries"]
        return deliveries.get("pending", 0) + deliveries.get("sending", 0)

    def close(self) -> None:
        self._http.close()

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = self._http.request(method, path, json=body)
        except httpx.TransportError as error:
            raise SimulatorUnavailable(f"the simulator does not answer: {type(error).__name__}") from error
        answer.raise_for_status()
        return answer.json()
