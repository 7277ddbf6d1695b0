"""Check the provider's account: key, subscription, number, registration, webhook and its deliveries."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from services.core.domain.health import Part
from services.core.openphone.answers import Account, AccountNumber, Webhook
from services.core.openphone.errors import ProviderError
from services.core.storage import clock
from services.core.usecases.context import Context
from services.core.views.provider import ProviderCheck

INGRESS_PATH = "/webhooks/openphone"
EVENTS = ("message.received", "message.delivered", "message.undelivered", "message.failed")
FAILURES_WITHIN = timedelta(hours=24)
WEBHOOK_ID = "ATTACKACRACK_PROVIDER_WEBHOOK_ID"


def check_provider(context: Context) -> ProviderCheck:
    """Ask the provider about everything that sending and receiving need. What cannot be asked is not well."""
    try:
        account = context.provider.check_account()
    except ProviderError as error:
        remedy = "set ATTACKACRACK_PROVIDER_API_KEY to a live key of the workspace, and check the base address"
        return _checked([Part("api key", well=False, found=f"refused: {error.reason}", remedy=remedy)])
    return _checked([*_account(context, account), *_asked(lambda: _webhook(context))])


def _checked(parts: Sequence[Part]) -> ProviderCheck:
    return ProviderCheck.of(None, is_ready=all(part.well for part in parts), parts=parts)


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
