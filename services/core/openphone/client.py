"""The provider's REST API: one text out, and everything that is needed to find out what became of it.

Sends use the `/v1` surface, all else the dated one. There is no idempotency key, so nothing here ever repeats a
request: whoever calls decides by the outcome. One client serves a whole process.
"""

import logging
import math
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Self
from urllib.parse import quote

import httpx

from services.core.domain.reconciliation import ListedMessage
from services.core.openphone.answers import (
    Account,
    AccountNumber,
    Answer,
    AnswerUnreadable,
    Delivery,
    MessageAnswer,
    Model,
    Organization,
    Page,
    RotatedKey,
    SentMessage,
    Webhook,
    read_answer,
    read_body,
    read_error,
)
from services.core.openphone.errors import (
    ListingUnreliable,
    ProviderFailed,
    ProviderUnreachable,
    error_of,
    refusal_of_send,
)
from services.core.openphone.outcomes import Accepted, NotStarted, Refused, SendOutcome, Unknown
from services.core.openphone.transport import SEND_PATH, AnswerTooLarge, Departure, StartRefused, Wire, exchange
from services.core.runtime import tracing
from services.core.runtime.telemetry import Attribute

API_VERSION = "2026-03-30"
PAGE_SIZE = 50
MOST_PAGES = 200
NO_IDS: Mapping[str, str] = {}

logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs whole URLs, and ours have phone numbers in them


class OpenPhoneClient:
    """Calls to the provider with one API key.

    `deadline` bounds a whole call, from the connection to the last byte of the answer. `before_read` is called before
    every request other than a send, pages included: the place for the share of the rate that reads may use.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        deadline: timedelta = timedelta(seconds=15),
        connect_timeout: timedelta = timedelta(seconds=5),
        before_read: Callable[[], None] | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        if not (api_key.isascii() and api_key.isprintable() and api_key.strip() == api_key != ""):
            raise ValueError("the provider's API key is empty or has characters that no header can carry")
        self._deadline = deadline
        self._before_read = before_read
        self._http = httpx.Client(
            base_url=base_url,
            headers={"authorization": api_key, "accept": "application/json", "accept-encoding": "identity"},
            timeout=httpx.Timeout(deadline.total_seconds(), connect=connect_timeout.total_seconds()),
            transport=Wire(context or ssl.create_default_context()),
            follow_redirects=False,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def send_text(self, *, sender: str, recipient: str, content: str, start_guard: Callable[[], bool]) -> SendOutcome:
        """Send one text to one number, at most once.

        `start_guard` is asked when the connection stands and nothing has been written; False ends the attempt with
        `NotStarted`. Raises `NotOneRecipient` before anything leaves when `recipient` is no E.164 number.
        """
        departure = Departure(start_guard)
        request = self._http.build_request(
            "POST",
            SEND_PATH,
            json={"content": content, "from": sender, "to": [recipient]},
            extensions={"trace": departure},
        )
        try:
            answer = self._exchange(request, SEND_PATH)
        except StartRefused:
            return NotStarted("guard")
        except httpx.TransportError as error:
            return Unknown(_fault(error)) if departure.has_started else NotStarted(_obstacle(error))
        except AnswerTooLarge:
            return Unknown("answer_too_large")
        return _outcome(answer, recipient)

    def find_sent(
        self,
        *,
        phone_number_id: str,
        recipient: str | None,
        created_after: datetime,
        created_before: datetime,
        ends_at: float = math.inf,
    ) -> tuple[ListedMessage, ...]:
        """All messages that this number sent to this recipient (None: to anybody) between the two, newest first.

        No further page is asked for after `ends_at` of the monotonic clock. Raises `ListingUnreliable` when the pages
        cannot be trusted or are not all read, and the errors of any read.
        """
        parameters = {
            "phoneNumberId": phone_number_id,
            "direction": "outgoing",
            "createdAt[gt]": _instant(created_after),
            "createdAt[lt]": _instant(created_before),
        }
        if recipient is not None:
            parameters["to"] = recipient
        return self._messages(parameters, ends_at=ends_at)

    def list_messages(
        self, created_after: datetime, *, created_before: datetime | None = None
    ) -> tuple[ListedMessage, ...]:
        """All messages of the workspace, both directions, since then (and before another time), newest first."""
        until = {} if created_before is None else {"createdAt[lt]": _instant(created_before)}
        return self._messages({"createdAt[gt]": _instant(created_after)} | until)

    def get_message(self, message_id: str) -> ListedMessage:
        """One message. Raises `NotFound` when the provider has none of this id."""
        return self._data("GET", "/messages/{id}", MessageAnswer, ids={"id": message_id}).listed()

    def check_account(self) -> Account:
        """The workspace and its numbers: the cheapest proof that the key works."""
        organization = self._data("GET", "/organization", Organization)
        numbers = self._call("GET", "/phone-numbers", parameters={"include": "restrictions"})
        return Account(
            organization_id=organization.id,
            name=organization.name,
            is_active=organization.subscription_status in (None, "active"),
            numbers=tuple(_readable(item, AccountNumber) for item in _items(numbers)),
        )

    def register_webhook(self, url: str, events: Sequence[str], *, label: str | None = None) -> Webhook:
        """Subscribe this address, for all numbers; the answer alone has the signing key."""
        body = {"url": url, "events": list(events), "resourceIds": ["*"], "status": "enabled"}
        return self._data("POST", "/webhooks", Webhook, body=body if label is None else body | {"label": label})

    def list_webhooks(self) -> tuple[Webhook, ...]:
        return tuple(_readable(item, Webhook) for item in _items(self._call("GET", "/webhooks")))

    def get_webhook(self, webhook_id: str) -> Webhook:
        return self._data("GET", "/webhooks/{id}", Webhook, ids={"id": webhook_id})

    def rotate_webhook(self, webhook_id: str) -> str:
        """Make the provider sign with a new key from now on; returns that key."""
        return self._data("POST", "/webhooks/{id}/rotate", RotatedKey, ids={"id": webhook_id}).key

    def test_event(self, webhook_id: str, event_type: str) -> None:
        """Have the provider deliver a signed sample event to the webhook."""
        self._call("POST", "/webhooks/{id}/events/test", body={"eventType": event_type}, ids={"id": webhook_id})

    def deliveries(
        self, webhook_id: str, *, created_after: datetime, status: str | None = None
    ) -> tuple[Delivery, ...]:
        """The webhook's delivery log since then; with `status` only those that ended so (`failed`)."""
        parameters = {"createdAt[gt]": _instant(created_after)}
        if status is not None:
            parameters["status"] = status
        return tuple(
            _readable(item, Delivery)
            for item in self._pages("/webhooks/{id}/events", parameters, ids={"id": webhook_id})
        )

    def retry_delivery(self, webhook_id: str, delivery_id: str) -> None:
        """Have the provider send this delivery again, soon."""
        self._call(
            "POST", "/webhooks/{id}/events/{delivery_id}/retry", ids={"id": webhook_id, "delivery_id": delivery_id}
        )

    def _exchange(self, request: httpx.Request, template: str) -> Answer:
        """Send it under a span that names the `template` of its path: the whole address may hold a phone number."""
        attributes: tracing.Attributes = {
            Attribute.HTTP_METHOD: request.method,
            Attribute.URL_TEMPLATE: template,
            Attribute.SERVER_ADDRESS: request.url.host,
        }
        name = f"{request.method} {template}"
        with tracing.span(name, attributes, kind=tracing.SpanKind.CLIENT) as active:
            answer = exchange(self._http, request, deadline=self._deadline)
            active.note({Attribute.HTTP_STATUS: answer.status})
            if not answer.is_success:
                active.fail(str(answer.status))
            return answer

    def _messages(self, parameters: dict[str, str], *, ends_at: float = math.inf) -> tuple[ListedMessage, ...]:
        pages = self._pages("/messages", parameters, ends_at=ends_at)
        return tuple(_readable(item, MessageAnswer).listed() for item in pages)

    def _pages(
        self, path: str, parameters: dict[str, str], *, ids: Mapping[str, str] = NO_IDS, ends_at: float = math.inf
    ) -> Iterator[dict[str, Any]]:
        cursors: set[str] = set()
        parameters = parameters | {"limit": str(PAGE_SIZE)}
        for _ in range(MOST_PAGES):
            page = _readable(self._call("GET", path, parameters=parameters, ids=ids), Page)
            yield from page.data
            if page.next_cursor is None:
                return
            if page.next_cursor in cursors:
                raise ListingUnreliable("cursor_repeated")
            if monotonic() > ends_at:
                raise ListingUnreliable("out_of_time")
            cursors.add(page.next_cursor)
            parameters = parameters | {"after": page.next_cursor}
        raise ListingUnreliable("too_many_pages")

    def _data(
        self,
        method: str,
        path: str,
        model: type[Model],
        *,
        body: dict[str, Any] | None = None,
        ids: Mapping[str, str] = NO_IDS,
    ) -> Model:
        return _readable(self._call(method, path, body=body, ids=ids).get("data"), model)

    def _call(
        self,
        method: str,
        path: str,
        *,
        parameters: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
        ids: Mapping[str, str] = NO_IDS,
    ) -> dict[str, Any]:
        """One request on the dated surface, `path` with `ids` in their places; returns the JSON object of a 2xx.

        Raises a `ProviderError` otherwise.
        """
        if self._before_read is not None:
            self._before_read()
        request = self._http.build_request(
            method,
            path.format(**{name: _segment(value) for name, value in ids.items()}),
            params=parameters,
            json=body,
            headers={"quo-api-version": API_VERSION},
        )
        try:
            answer = self._exchange(request, path)
        except httpx.TransportError as error:
            raise ProviderUnreachable(_fault(error)) from error
        except AnswerTooLarge as error:
            raise ProviderFailed("answer_too_large") from error
        if not answer.is_success:
            said = read_error(answer, at=datetime.now(UTC))
            reason = said.code or f"http_{answer.status}"
            raise error_of(answer.status, reason, retry_after=said.retry_after, trace=said.trace)
        try:
            return read_body(answer) if answer.body else {}
        except AnswerUnreadable as error:
            raise ProviderFailed("unreadable_answer", http_status=answer.status) from error


def _outcome(answer: Answer, recipient: str) -> SendOutcome:
    if answer.is_success:
        return _acceptance(answer, recipient)
    said = read_error(answer, at=datetime.now(UTC))
    refusal = refusal_of_send(answer.status, said.code, has_error_body=said.is_present)
    if refusal is None:
        return Unknown(f"http_{answer.status}")
    scope, reason = refusal
    return Refused(
        scope,
        reason,
        http_status=answer.status,
        code=said.code,
        retry_after=said.retry_after,
        trace=said.trace,
    )


def _acceptance(answer: Answer, recipient: str) -> Accepted | Unknown:
    try:
        message = read_answer(read_body(answer).get("data"), SentMessage)
    except AnswerUnreadable:
        return Unknown("unreadable_answer")
    if message.recipients not in (None, [recipient]):
        return Unknown("answer_names_another_recipient")
    return Accepted(message.id, message.status, message.conversation_id)


def _readable(document: object, model: type[Model]) -> Model:
    try:
        return read_answer(document, model)
    except AnswerUnreadable as error:
        raise ProviderFailed(f"unreadable_answer:{error}") from error


def _items(document: dict[str, Any]) -> list[Any]:
    return list(_readable(document, Page).data)


def _fault(error: httpx.TransportError) -> str:
    return "timeout" if isinstance(error, httpx.TimeoutException) else "connection_lost"


def _obstacle(error: httpx.TransportError) -> str:
    match error:
        case httpx.ConnectTimeout():
            return "connect_timeout"
        case httpx.PoolTimeout():
            return "pool_timeout"
        case _:
            return "not_connected"


def _segment(identifier: str) -> str:
    return quote(identifier, safe="")


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
