"""Where a request comes from is where its connection does, whatever its headers say."""

from services.core.domain.access import Role
from services.core.domain.guesses import FAILED_AT_MOST
from tests.tools.console import ConsoleProcess


def elsewhere(n: int) -> dict[str, str]:
    """What a proxy would say of a client of its own."""
    return {"x-forwarded-for": f"198.51.100.{n}", "forwarded": f"for=198.51.100.{n}"}


def test_nobody_calls_themselves_another_address(console: ConsoleProcess) -> None:
    """On loopback too, where port-forwards end: else each guess comes from another place, and the audit lies."""
    known = console.authorization(Role.ADMIN) | elsewhere(0)
    for path, options in (("stop", {"json": {"reason": "x"}}), ("resume", {})):
        assert console.call("POST", f"/api/v1/sending/{path}", headers=known, **options).status_code == 200
    [act] = console.call("GET", "/api/v1/audit?act=sending.stopped", headers=known).json()["items"]
    assert act["address"] == "127.0.0.1"
    wrong = {"authorization": "Bearer aac_made-up"}
    answers = [
        console.call("GET", "/api/v1/sending", headers=wrong | elsewhere(n)) for n in range(1, FAILED_AT_MOST + 2)
    ]
    assert [answer.status_code for answer in answers] == [401] * FAILED_AT_MOST + [429]
