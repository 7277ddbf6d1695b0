"""The refusal table, and error bodies of every shape."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.core.openphone.answers import Answer, read_error
from services.core.openphone.errors import (
    AccountRefused,
    NotFound,
    ProviderFailed,
    ProviderThrottled,
    RequestRefused,
    error_of,
    refusal_of_send,
)
from services.core.openphone.outcomes import RefusalReason as Reason
from services.core.openphone.outcomes import RefusalScope as Scope

AT = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


def answer(status: int = 400, body: bytes = b"", **headers: str) -> Answer:
    return Answer(status, httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()}), body)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "0200400", (Scope.MESSAGE, Reason.INVALID_MESSAGE)),
        (400, "0100400", (Scope.MESSAGE, Reason.INVALID_MESSAGE)),
        (400, None, (Scope.MESSAGE, Reason.INVALID_MESSAGE)),
        (400, "0201400", (Scope.RECIPIENT, Reason.OPTED_OUT)),
        (400, "0202400", (Scope.RECIPIENT, Reason.INVALID_RECIPIENT)),
        (400, "0203400", (Scope.RECIPIENT, Reason.UNREACHABLE_RECIPIENT)),
        (400, "0206400", (Scope.ACCOUNT, Reason.REGISTRATION_MISSING)),
        (401, None, (Scope.ACCOUNT, Reason.UNAUTHORIZED)),
        (402, "0200402", (Scope.ACCOUNT, Reason.NO_CREDIT)),
        (402, "0201402", (Scope.ACCOUNT, Reason.SUBSCRIPTION_EXPIRED)),
        (403, "0202403", (Scope.ACCOUNT, Reason.SENDER_NOT_ALLOWED)),
        (403, "0203403", (Scope.RECIPIENT, Reason.INTERNATIONAL_NOT_ALLOWED)),
        (403, "0204403", (Scope.ACCOUNT, Reason.DAILY_CAP_REACHED)),
        (403, "0299403", (Scope.ACCOUNT, Reason.FORBIDDEN)),
        (404, "0200404", (Scope.MESSAGE, Reason.NOT_FOUND)),
        (422, None, (Scope.MESSAGE, Reason.INVALID_MESSAGE)),
        (429, None, (Scope.THROTTLED, Reason.RATE_LIMITED)),
        *[(status, None, None) for status in (301, 307, 308, 405, 408, 409, 413, 418, 451, 500, 502, 503, 504)],
        (500, "0201500", None),
    ],
)
def test_refusal_of_send(status: int, code: str | None, expected: tuple[Scope, Reason] | None) -> None:
    assert refusal_of_send(status, code, has_error_body=True) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, None),
        (401, (Scope.ACCOUNT, Reason.UNAUTHORIZED)),
        (403, (Scope.ACCOUNT, Reason.FORBIDDEN)),
        (404, (Scope.ACCOUNT, Reason.ROUTE_MISSING)),
        (422, None),
        (429, (Scope.THROTTLED, Reason.RATE_LIMITED)),
        (500, None),
    ],
)
def test_a_page_of_a_proxy_is_no_refusal_by_the_provider(status: int, expected: tuple[Scope, Reason] | None) -> None:
    assert refusal_of_send(status, None, has_error_body=False) == expected


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (302, ProviderFailed, True),
        (400, RequestRefused, False),
        (401, AccountRefused, False),
        (402, AccountRefused, False),
        (403, AccountRefused, False),
        (404, NotFound, False),
        (408, ProviderFailed, True),
        (409, RequestRefused, False),
        (422, RequestRefused, False),
        (429, ProviderThrottled, True),
        (500, ProviderFailed, True),
        (503, ProviderFailed, True),
    ],
)
def test_error_of(
    status: int, kind: type[ProviderFailed | RequestRefused | AccountRefused | ProviderThrottled], retryable: bool
) -> None:
    error = error_of(status, "reason", retry_after=None, trace="t")
    assert (type(error), error.retryable, error.http_status, error.trace) == (kind, retryable, status, "t")


class TestReadError:
    @pytest.mark.parametrize(
        ("body", "is_present", "code", "trace"),
        [
            (b'{"error":{"message":"Unauthorized","key":"Unauthorized","trace":"648"}}', True, None, "648"),
            (b'{"message":"m","code":"0201400","status":400,"docs":"d","title":"t","trace":"1"}', True, "0201400", "1"),
            (b'{"title":"Bad Request","message":"m","docs":"d"}', True, None, None),
            (b'{"error":"text","code":"0200400"}', True, "0200400", None),
            (b'{"code":200400}', False, None, None),
            (b"{}", False, None, None),
            (b"<html>Cannot POST /v1/messages</html>", False, None, None),
            (b"", False, None, None),
            (b"[" * 100_000, False, None, None),
        ],
    )
    def test_shapes(self, body: bytes, is_present: bool, code: str | None, trace: str | None) -> None:
        said = read_error(answer(body=body), at=AT)
        assert (said.is_present, said.code, said.trace) == (is_present, code, trace)

    def test_the_trace_may_be_in_a_header(self) -> None:
        assert read_error(answer(x_correlation_id="c-1"), at=AT).trace == "c-1"

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({}, None),
            ({"retry_after": "2"}, 2),
            ({"retry_after": "0"}, 0),
            ({"retry_after": "-5"}, None),
            ({"retry_after": "9" * 400}, 300),
            ({"retry_after": "Mon, 23 Nov 2026 14:00:30 GMT"}, 30),
            ({"retry_after": "Mon, 23 Nov 2026 13:00:30 GMT"}, None),
            ({"retry_after": "Mon, 23 Nov 2099 13:00:30 GMT"}, 300),
            ({"retry_after": "soon"}, None),
            ({"ratelimit": '"per-second"; r=0; t=1'}, 1),
            ({"retry_after": "3", "ratelimit": '"per-second"; r=0; t=1'}, 3),
        ],
    )
    def test_retry_after(self, headers: dict[str, Any], seconds: int | None) -> None:
        expected = None if seconds is None else timedelta(seconds=seconds)
        assert read_error(answer(429, **headers), at=AT).retry_after == expected

    @settings(max_examples=200)
    @given(body=st.binary(max_size=100), wait=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
    def test_never_raises(self, body: bytes, wait: str) -> None:
        read_error(answer(429, body, retry_after=wait), at=AT)
