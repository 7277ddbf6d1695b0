"""Webhook subscriptions of both kinds."""

from datetime import datetime, timedelta

from pydantic import BaseModel

from services.provider_simulator.clock import Clock, stamp
from services.provider_simulator.envelopes import DATED_VERSION
from services.provider_simulator.journal import Journal
from services.provider_simulator.signing import Scheme, new_key

MESSAGE_EVENTS = ("message.received", "message.delivered", "message.failed", "message.undelivered")
LEGACY_EVENTS = {
    "messages": ("message.received", "message.delivered"),
    "calls": ("call.completed", "call.ringing", "call.recording.completed"),
    "call-summaries": ("call.summary.completed",),
    "call-transcripts": ("call.transcript.completed",),
}
DATED_EVENTS = frozenset(
    (
        *MESSAGE_EVENTS,
        *(f"call.{name}" for name in ("ringing", "menu.selected", "answered", "completed", "forwarded", "missed")),
        *(f"call.{name}.completed" for name in ("recording", "summary", "transcript", "voicemail")),
        *("contact.updated", "contact.deleted"),
        *(f"task.{name}" for name in ("created", "updated", "deleted", "completed", "reopened", "linked", "unlinked")),
        *(f"task.{name}" for name in ("assigned", "unassigned", "overdue", "duedate.updated", "duedate.removed")),
    )
)
LIMIT = 50


class Webhook(BaseModel):
    """`old_keys` still sign until their product time is over."""

    id: str
    scheme: Scheme
    url: str
    events: tuple[str, ...]
    resource_ids: tuple[str, ...] = ("*",)
    status: str = "enabled"
    label: str | None = None
    key: str
    old_keys: tuple[tuple[str, datetime], ...] = ()
    user_id: str
    organization_id: str
    created_at: datetime
    updated_at: datetime

    def wants(self, event_type: str, phone_number_id: str) -> bool:
        is_ours = "*" in self.resource_ids or phone_number_id in self.resource_ids
        return self.status == "enabled" and event_type in self.events and is_ours

    def signing_keys(self, now: datetime) -> list[str]:
        return [self.key, *(key for key, until in self.old_keys if now < until)]

    def view(self, *, with_key: bool) -> dict[str, object]:
        shown: dict[str, object] = {
            "id": self.id,
            "orgId": self.organization_id,
            "label": self.label,
            "status": self.status,
            "url": self.url,
            "events": list(self.events),
            "resourceIds": list(self.resource_ids),
            "createdAt": stamp(self.created_at),
            "updatedAt": stamp(self.updated_at),
        }
        if self.scheme is Scheme.LEGACY:
            shown |= {"userId": self.user_id, "deletedAt": None, "key": self.key}
        else:
            shown["apiVersion"] = DATED_VERSION
        return shown | {"key": self.key} if with_key else shown


class Webhooks:
    def __init__(self, journal: Journal, clock: Clock, *, user_id: str, organization_id: str) -> None:
        self._journal = journal
        self._clock = clock
        self._user_id = user_id
        self._organization_id = organization_id
        found = journal.found.get("webhook", {})
        self._by_id = {key: Webhook.model_validate(value) for key, value in found.items()}
        self._numbers = max((int(key.removeprefix("WH")) for key in self._by_id), default=100)

    def create(
        self,
        scheme: Scheme,
        *,
        url: str,
        events: tuple[str, ...],
        resource_ids: tuple[str, ...] = ("*",),
        status: str = "enabled",
        label: str | None = None,
        key: str = "",
    ) -> Webhook:
        self._numbers += 1
        now = self._clock.now()
        webhook = Webhook(
            id=str(self._numbers) if scheme is Scheme.STANDARD else f"WH{self._numbers}",
            scheme=scheme,
            url=url,
            events=events,
            resource_ids=resource_ids,
            status=status,
            label=label,
            key=key or new_key(scheme),
            user_id=self._user_id,
            organization_id=self._organization_id,
            created_at=now,
            updated_at=now,
        )
        self.save(webhook)
        return webhook

    def ensure(self, scheme: Scheme, *, url: str, key: str) -> Webhook:
        """The webhook of this scheme and URL with all its message events and this key, made when missing."""
        events = MESSAGE_EVENTS if scheme is Scheme.STANDARD else LEGACY_EVENTS["messages"]
        for webhook in self.all(scheme):
            if webhook.url == url:
                self.save(webhook.model_copy(update={"key": key or webhook.key, "status": "enabled"}))
                return self._by_id[webhook.id]
        return self.create(scheme, url=url, events=events, key=key)

    def rotate(self, webhook: Webhook, overlap: timedelta) -> str:
        """Give it a new key; the old one signs too until the overlap is over."""
        now = self._clock.now()
        old_keys = (*webhook.old_keys, (webhook.key, now + overlap))
        changed = {"key": new_key(webhook.scheme), "old_keys": old_keys, "updated_at": now}
        self.save(webhook.model_copy(update=changed))
        return self._by_id[webhook.id].key

    def change(self, webhook: Webhook, changes: dict[str, object]) -> Webhook:
        self.save(webhook.model_copy(update=changes | {"updated_at": self._clock.now()}))
        return self._by_id[webhook.id]

    def save(self, webhook: Webhook) -> None:
        self._by_id[webhook.id] = webhook
        self._journal.put("webhook", webhook.id, webhook)

    def delete(self, webhook_id: str) -> None:
        self._by_id.pop(webhook_id, None)
        self._journal.put("webhook", webhook_id, None)

    def get(self, webhook_id: str, scheme: Scheme | None = None) -> Webhook | None:
        webhook = self._by_id.get(webhook_id)
        return webhook if webhook and scheme in (None, webhook.scheme) else None

    def all(self, scheme: Scheme | None = None) -> list[Webhook]:
        return [webhook for webhook in self._by_id.values() if scheme in (None, webhook.scheme)]

    def reset(self) -> None:
        self._by_id.clear()
        self._journal.forget("webhook")
