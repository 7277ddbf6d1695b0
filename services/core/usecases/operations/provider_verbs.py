"""What an operator settles with the provider: check the account, register our webhook, change its key, and walk
through what must be known before the first production send.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from services.core.domain.failures import Conflict, NotFound, RefusedInput
from services.core.domain.health import Part
from services.core.openphone.answers import Account, AccountNumber, Webhook
from services.core.openphone.errors import NotFound as ProviderHasNone
from services.core.openphone.errors import ProviderError
from services.core.storage import audit, clock
from services.core.usecases.context import Context
from services.core.views.provider import ChecklistState

INGRESS_PATH = "/webhooks/openphone"
EVENTS = ("message.received", "message.delivered", "message.undelivered", "message.failed")
FAILURES_WITHIN = timedelta(hours=24)
SECRETS = "ATTACKACRACK_WEBHOOK_SECRETS_STANDARD"
WEBHOOK_ID = "ATTACKACRACK_PROVIDER_WEBHOOK_ID"


@dataclass(frozen=True, slots=True)
class ProviderCheck:
    """Each part of the account with what was found, and what to do where it is not well."""

    is_ready: bool
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class WebhookKey:
    """A signing key, told this once; `next` says what to set."""

    webhook_id: str
    url: str
    key: str
    next: Sequence[str]


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """A question that only the live account answers, and how to find out."""

    key: str
    question: str
    how: str


@dataclass(frozen=True, slots=True)
class ChecklistAnswer:
    """An item with its latest answer; without one it is open."""

    key: str
    question: str
    how: str
    state: ChecklistState
    note: str | None
    by: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Checklist:
    is_settled: bool
    items: Sequence[ChecklistAnswer]


CHECKLIST = (
    ChecklistItem(
        "rate_limit",
        "What do body and headers of a real 429 look like, and is there a Retry-After?",
        "send reads above ten a second and keep one answer",
    ),
    ChecklistItem(
        "webhook_timeout",
        "After how long does a delivery time out, and is a failing webhook switched off?",
        "let a test address answer slowly, then not at all, and watch its status and delivery log",
    ),
    ChecklistItem(
        "error_codes",
        "What are title and message of 0201400, and of the other refusals of a send?",
        "text a number that has opted out, and one that cannot be texted",
    ),
    ChecklistItem(
        "list_delay",
        "How long until a sent message is listed, and is its text the content that was sent?",
        "send one text with an emoji and quotes to your own phone and list messages until it is there",
    ),
    ChecklistItem(
        "failed_status", "How does a failed message look on the older surface?", "read one failed message on both"
    ),
    ChecklistItem(
        "stop_events",
        "Do an incoming STOP and the provider's own answer come as webhooks and in the list?",
        "text STOP from your own phone, look at messages list and the inbox, then text START",
    ),
    ChecklistItem(
        "key_overlap",
        "For how long do the old and the new webhook key both sign after a rotation?",
        "attackacrack provider rotate, then send test events and see which key verifies",
    ),
    ChecklistItem(
        "legacy_signature",
        "Which time tolerance and key do older webhooks have?",
        "not needed where only a webhook of the new kind is registered",
    ),
    ChecklistItem(
        "dated_send", "Is the newer sending call better than the older one?", "compare their documentation and answers"
    ),
    ChecklistItem(
        "daily_cap",
        "What is the account's daily cap, and what do groups and retries cost?",
        "ask the provider's support; set number and account caps below it",
    ),
    ChecklistItem(
        "delivery_headers", "Which user agent and headers do deliveries have?", "look at a stored delivery's headers"
    ),
    ChecklistItem(
        "webhook_address",
        "Are plain http and private addresses refused for webhooks?",
        "register ours with https; try the others with a test webhook only",
    ),
)
"""What the provider's reference leaves unverified; each can be settled with one key and one number in an hour."""


def check_provider(context: Context) -> ProviderCheck:
    """Ask the provider about everything that sending and receiving need. What cannot be asked is not well."""
    try:
        account = context.provider.check_account()
    except ProviderError as error:
        remedy = "set ATTACKACRACK_PROVIDER_API_KEY to a live key of the workspace, and check the base address"
        return _checked([Part("api key", well=False, found=f"refused: {error.reason}", remedy=remedy)])
    return _checked([*_account(context, account), *_asked(lambda: _webhook(context))])


def register_webhook(context: Context, url: str, *, by: str) -> WebhookKey:
    """Subscribe our public address to all events of messages; the answer alone has the key.

    Raises `RefusedInput`, `Conflict` when the address is subscribed already (it would be delivered twice), or a
    `ProviderError`.
    """
    _check_url(context, url)
    for known in context.provider.list_webhooks():
        if known.url == url:
            raise Conflict(
                "webhook_known",
                f"webhook {known.id} delivers to this address already: take provider rotate for a new key",
            )
    _record_first(context, act="webhook.registered", detail={"url": url}, by=by)
    made = context.provider.register_webhook(url, EVENTS, label="attackacrack")
    steps = (
        f"set {WEBHOOK_ID}={made.id}",
        f"set {SECRETS} to this key, and restart the ingress: until then deliveries are refused and sent again later",
    )
    return WebhookKey(made.id, made.url, made.key or "", steps)


def rotate_webhook(context: Context, webhook_id: str | None, *, by: str) -> WebhookKey:
    """Have the provider sign with a new key from now on; without an id, that of the settings.

    Raises `RefusedInput`, `NotFound`, or a `ProviderError`.
    """
    webhook_id = webhook_id or context.settings.provider_webhook_id
    if not webhook_id:
        raise RefusedInput("webhook_unknown", f"name the webhook, or set {WEBHOOK_ID}: provider check lists it")
    try:
        webhook = context.provider.get_webhook(webhook_id)
        _record_first(context, act="webhook.rotated", detail={"webhook_id": webhook_id}, by=by)
        key = context.provider.rotate_webhook(webhook_id)
    except ProviderHasNone as error:
        raise NotFound("webhook", webhook_id) from error
    steps = (
        f"set {SECRETS}=NEW,OLD: both keys hold, parted by a comma, and restart the ingress",
        "deliveries that are refused meanwhile are sent again, and the gap audit looks for the rest",
        "remove the old key after 28 hours, when the last repetition signed with it is over",
    )
    return WebhookKey(webhook_id, webhook.url, key, steps)


def read_checklist(context: Context) -> Checklist:
    """Every item with its latest answer."""
    latest: dict[str, ChecklistAnswer] = {}
    known = {item.key: item for item in CHECKLIST}
    with context.database.reading() as session:
        for entry in audit.entries(session, subject="checklist"):
            item = known.get(entry.detail["item"])
            if item is not None:
                state, note = ChecklistState(entry.detail["state"]), entry.detail["note"]
                answer = ChecklistAnswer(item.key, item.question, item.how, state, note, entry.actor, entry.at)
                latest[item.key] = answer
    items = [latest.get(item.key) or _unanswered(item) for item in CHECKLIST]
    return Checklist(all(item.state is not ChecklistState.OPEN for item in items), items)


def answer_checklist(context: Context, key: str, state: ChecklistState, *, note: str, by: str) -> ChecklistAnswer:
    """Keep what was found out, as an entry of the audit; a later answer counts. Raises `NotFound`, `RefusedInput`."""
    item = next((item for item in CHECKLIST if item.key == key), None)
    if item is None:
        raise NotFound("item of the checklist", key)
    if state is not ChecklistState.OPEN and not note.strip():
        raise RefusedInput("note_missing", "say what was found: the next person will ask", pointer="/note")
    with context.database.transaction() as session:
        at = clock.product_now(session)
        detail = {"item": key, "state": state.value, "note": note.strip()[:1000]}
        audit.record(session, actor=by, act="checklist.answered", subject="checklist", detail=detail)
    return ChecklistAnswer(key, item.question, item.how, state, note.strip()[:1000], by, at)


def _checked(parts: Sequence[Part]) -> ProviderCheck:
    return ProviderCheck(all(part.well for part in parts), parts)


def _record_first(context: Context, *, act: str, detail: dict[str, str], by: str) -> None:
    """Record what is about to be asked of the provider: once it was done, a failure of ours would lose the key."""
    with context.database.transaction() as session:
        audit.record(session, actor=by, act=act, subject="webhook", detail=detail)


def _asked(ask: Callable[[], Iterator[Part]]) -> list[Part]:
    try:
        return list(ask())
    except ProviderError as error:
        remedy = "try again later; nothing was changed"
        return [Part("webhook", well=False, found=f"cannot be asked: {error.reason}", remedy=remedy)]


def _account(context: Context, account: Account) -> Iterator[Part]:
    yield Part("api key", well=True, found=f"opens {account.name or account.organization_id}")
    remedy = "" if account.is_active else "renew the subscription at the provider: it refuses every text meanwhile"
    found = "active" if account.is_active else "not active"
    yield Part("subscription", well=account.is_active, found=found, remedy=remedy)
    settings = context.settings
    number = next((each for each in account.numbers if each.id == settings.provider_phone_number_id), None)
    yield _number(number, account, settings.provider_phone_number)
    if number is not None:
        yield _registration(number)


def _number(number: AccountNumber | None, account: Account, expected: str) -> Part:
    if number is None:
        known = ", ".join(each.id for each in account.numbers) or "none"
        remedy = f"set ATTACKACRACK_PROVIDER_PHONE_NUMBER_ID to one of: {known}"
        return Part("number", well=False, found="the workspace has no number of this id", remedy=remedy)
    well = number.number == expected
    remedy = f"set ATTACKACRACK_PROVIDER_PHONE_NUMBER to {number.number}"
    return Part("number", well=well, found=number.number, remedy="" if well else remedy)


def _registration(number: AccountNumber) -> Part:
    match number.may_text_us:
        case True:
            return Part("registration", well=True, found="may text in the US")
        case False:
            remedy = "complete the carrier registration at the provider: texts are blocked until it is approved"
            return Part("registration", well=False, found="restricted for texts in the US", remedy=remedy)
        case _:
            return Part("registration", well=True, found="the provider does not say; look at its registration page")


def _webhook(context: Context) -> Iterator[Part]:
    settings = context.settings
    known = context.provider.list_webhooks()
    ours = [each for each in known if each.id == settings.provider_webhook_id or _is_ours(context, each.url)]
    if not ours:
        remedy = f"attackacrack provider register-webhook https://YOUR-HOST{INGRESS_PATH}"
        yield Part("webhook", well=False, found=f"none of {len(known)} delivers to us", remedy=remedy)
        return
    webhook = next((each for each in ours if each.id == settings.provider_webhook_id), ours[0])
    yield Part("webhook", well=True, found=f"{webhook.id}")
    if webhook.id != settings.provider_webhook_id:
        remedy = f"set {WEBHOOK_ID}={webhook.id}: the gap audit needs it to read the delivery log"
        yield Part("webhook id", well=False, found="not set", remedy=remedy)
    well, remedy = webhook.is_enabled, f"enable webhook {webhook.id} at the provider: nothing comes in meanwhile"
    yield Part("webhook enabled", well=well, found=webhook.status or "enabled", remedy="" if well else remedy)
    well, remedy = _is_ours(context, webhook.url), "register our own address, then remove this webhook"
    yield Part("webhook address", well=well, found=webhook.url, remedy="" if well else remedy)
    yield _events(webhook)
    if len(ours) > 1:
        remedy = "delete all but one at the provider: every event comes once for each"
        yield Part("webhooks doubled", well=False, found=", ".join(each.id for each in ours), remedy=remedy)
    yield _deliveries(context, webhook)


def _events(webhook: Webhook) -> Part:
    missing = sorted(set(EVENTS) - set(webhook.events))
    if not missing:
        return Part("webhook events", well=True, found="all events of messages")
    remedy = "subscribe them at the provider, or delete the webhook and register it again"
    return Part("webhook events", well=False, found=f"without {', '.join(missing)}", remedy=remedy)


def _deliveries(context: Context, webhook: Webhook) -> Part:
    with context.database.reading() as session:
        since = clock.product_now(session) - FAILURES_WITHIN
    failed = context.provider.deliveries(webhook.id, created_after=since, status="failed")
    remedy = "look at the ingress and at the keys; the gap audit has the provider send them again"
    found = f"{len(failed)} failed in a day"
    return Part("deliveries", well=not failed, found=found, remedy=remedy if failed else "")


def _is_ours(context: Context, url: str) -> bool:
    """By the address that is set, else by its path."""
    expected = context.settings.ingress_url
    return url == expected if expected else urlsplit(url).path == INGRESS_PATH


def _check_url(context: Context, url: str) -> None:
    schemes = ("https", "http") if context.is_simulated else ("https",)
    try:
        parts = urlsplit(url)
        is_ours = parts.scheme in schemes and bool(parts.hostname) and parts.path == INGRESS_PATH
    except ValueError:
        is_ours = False
    if not is_ours or parts.query or parts.fragment:
        detail = f"the address is https://YOUR-HOST{INGRESS_PATH}, as the provider sees it from outside"
        raise RefusedInput("url_refused", detail, pointer="/url")


def _unanswered(item: ChecklistItem) -> ChecklistAnswer:
    return ChecklistAnswer(item.key, item.question, item.how, ChecklistState.OPEN, None, None, None)
