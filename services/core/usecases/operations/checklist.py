"""What must be known of the provider before the first production send: read, and answered."""

from dataclasses import dataclass
from datetime import datetime

from services.core.domain.failures import NotFound
from services.core.storage import audit, clock
from services.core.usecases.context import Context
from services.core.usecases.required import require_text
from services.core.views.provider import Checklist, ChecklistItem, ChecklistState


@dataclass(frozen=True, slots=True)
class Question:
    """What only the live account answers, and how to find out."""

    key: str
    question: str
    how: str


CHECKLIST = (
    Question(
        "rate_limit",
        "What do body and headers of a real 429 look like, and is there a Retry-After?",
        "send reads above ten a second and keep one answer",
    ),
    Question(
        "webhook_timeout",
        "After how long does a delivery time out, and is a failing webhook switched off?",
        "let a test address answer slowly, then not at all, and watch its status and delivery log",
    ),
    Question(
        "error_codes",
        "What are title and message of 0201400, and of the other refusals of a send?",
        "text a number that has opted out, and one that cannot be texted",
    ),
    Question(
        "list_delay",
        "How long until a sent message is listed, and is its text the content that was sent?",
        "send one text with an emoji and quotes to your own phone and list messages until it is there",
    ),
    Question(
        "failed_status", "How does a failed message look on the older surface?", "read one failed message on both"
    ),
    Question(
        "stop_events",
        "Do an incoming STOP and the provider's own answer come as webhooks and in the list?",
        "text STOP from your own phone, look at messages list and the inbox, then text START",
    ),
    Question(
        "key_overlap",
        "For how long do the old and the new webhook key both sign after a rotation?",
        "attackacrack provider rotate, then send test events and see which key verifies",
    ),
    Question(
        "legacy_signature",
        "Which time tolerance and key do older webhooks have?",
        "not needed where only a webhook of the new kind is registered",
    ),
    Question(
        "dated_send", "Is the newer sending call better than the older one?", "compare their documentation and answers"
    ),
    Question(
        "daily_cap",
        "What is the account's daily cap, and what do groups and retries cost?",
        "ask the provider's support; set number and account caps below it",
    ),
    Question(
        "delivery_headers", "Which user agent and headers do deliveries have?", "look at a stored delivery's headers"
    ),
    Question(
        "webhook_address",
        "Are plain http and private addresses refused for webhooks?",
        "register ours with https; try the others with a test webhook only",
    ),
)
"""What the provider's reference leaves unverified; each can be settled with one key and one number in an hour."""


def read_checklist(context: Context) -> Checklist:
    """Every item with its latest answer."""
    latest: dict[str, ChecklistItem] = {}
    known = {item.key: item for item in CHECKLIST}
    with context.database.reading() as session:
        for entry in audit.entries(session, subject="checklist"):
            item = known.get(entry.detail["item"])
            if item is not None:
                state, note = ChecklistState(entry.detail["state"]), entry.detail["note"]
                answer = _item(item, state, note=note, by=entry.actor, at=entry.at)
                latest[item.key] = answer
    items = [latest.get(item.key) or _item(item, ChecklistState.OPEN) for item in CHECKLIST]
    return Checklist(is_settled=all(item.state is not ChecklistState.OPEN for item in items), items=items)


def answer_checklist(context: Context, key: str, state: ChecklistState, *, note: str, by: str) -> ChecklistItem:
    """Keep what was found out, as an entry of the audit; a later answer counts. Raises `NotFound`, `RefusedInput`."""
    item = next((item for item in CHECKLIST if item.key == key), None)
    if item is None:
        raise NotFound("item of the checklist", key)
    if state is not ChecklistState.OPEN:
        require_text("note", note, "say what was found: the next person will ask")
    with context.database.transaction() as session:
        at = clock.product_now(session)
        detail = {"item": key, "state": state.value, "note": note.strip()[:1000]}
        audit.record(session, actor=by, act="checklist.answered", subject="checklist", detail=detail)
    return _item(item, state, note=note.strip()[:1000], by=by, at=at)


def _item(
    item: Question, state: ChecklistState, *, note: str | None = None, by: str | None = None, at: datetime | None = None
) -> ChecklistItem:
    return ChecklistItem.of(item, state=state, note=note, by=by, at=at)
