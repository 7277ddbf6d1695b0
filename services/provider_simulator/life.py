"""The life of a message: accepted, sent, delivered or not, answered; and texts that people send us."""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from random import Random

from services.provider_simulator.clock import Clock
from services.provider_simulator.contacts import START_WORDS, STOP_WORDS, Contacts, Delivery
from services.provider_simulator.deliveries import Deliveries
from services.provider_simulator.envelopes import Event, event_id
from services.provider_simulator.faults import Magic, magic_of
from services.provider_simulator.journal import Journal
from services.provider_simulator.ledger import Ledger
from services.provider_simulator.messages import (
    Direction,
    Message,
    Messages,
    Status,
    Step,
    StepKind,
    conversation_id,
    message_id,
)
from services.provider_simulator.schedule import Schedule
from services.provider_simulator.settings import Settings

ANNOUNCED = {Status.DELIVERED, Status.UNDELIVERED, Status.FAILED}


class Life:
    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        journal: Journal,
        ledger: Ledger,
        schedule: Schedule,
        messages: Messages,
        contacts: Contacts,
        deliveries: Deliveries,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._journal = journal
        self._ledger = ledger
        self._schedule = schedule
        self._messages = messages
        self._contacts = contacts
        self._deliveries = deliveries
        self._dice = Random(settings.seed)

    def resume(self) -> None:
        """Take up the lives that a restart interrupted."""
        for message in self._messages.oldest_first():
            self._arm(message)

    async def accept(self, recipients: Sequence[str], content: str, user_id: str) -> Message:
        """Create the message; it is on the disk, in the journal and in the ledger, when this returns."""
        magic = magic_of(recipients)
        lag = self._settings.slow_list_lag if magic.is_listed_late else self._settings.list_lag
        message = self._message(Direction.OUTGOING, self._settings.phone_number, tuple(recipients), content, lag)
        message.user_id = user_id
        message.steps = self._plan(recipients, magic)
        self._messages.add(message)
        await self._journal.flush()
        self._ledger.text(message.id, sender=message.sender, recipients=message.recipients, content=content)
        await self._ledger.flush()
        if magic.is_delivered_before_reply or self._deliveries.behaviour.before_reply:
            await self._finish_now(message)
        self._arm(message)
        return message

    def retry(self, message: Message) -> None:
        """Send a failed message again under its id; this time it arrives."""
        now = time.time()
        message.steps = [
            self._step(StepKind.SENT, now, self._settings.sent_after),
            self._step(StepKind.DELIVERED, now, self._delivered_after()),
        ]
        self._change(message, Status.QUEUED)
        self._arm(message)

    async def receive(self, sender: str, content: str) -> Message:
        """A person texts us."""
        message = self._message(Direction.INCOMING, sender, (self._settings.phone_number,), content, 0)
        self._contacts.hear(sender, content)
        self._messages.add(message)
        is_told = self._settings.deliver_stop or content.strip().upper() not in STOP_WORDS | START_WORDS
        made = self._deliveries.announce(self._event(message)) if is_told else []
        await self._journal.flush()
        self._ledger.inbound(message.id, sender=sender, recipients=message.recipients, content=content)
        await self._ledger.flush()
        for delivery in made:
            self._deliveries.start(delivery)
        return message

    def _message(
        self, direction: Direction, sender: str, recipients: tuple[str, ...], content: str, lag: float
    ) -> Message:
        now = self._clock.now()
        others = recipients if direction is Direction.OUTGOING else (sender,)
        return Message(
            id=message_id(),
            number=self._messages.next_number(),
            direction=direction,
            sender=sender,
            recipients=recipients,
            text=content,
            phone_number_id=self._settings.phone_number_id,
            conversation_id=conversation_id(self._settings.phone_number_id, others),
            user_id=self._settings.user_id,
            status=Status.QUEUED if direction is Direction.OUTGOING else Status.RECEIVED,
            created_at=now,
            updated_at=now,
            listed_from=now + timedelta(seconds=lag),
        )

    def _plan(self, recipients: Sequence[str], magic: Magic) -> list[Step]:
        behaviour = self._contacts.behaviour_of(recipients[0])
        outcome = magic.delivery if magic.delivery is not Delivery.DELIVERED else behaviour.delivery
        error_code = magic.error_code or (behaviour.error_code if magic.delivery is Delivery.DELIVERED else None)
        if outcome is Delivery.NEVER:
            return []
        now = time.time()
        arrives = self._delivered_after()
        end = self._step(StepKind(outcome), now, arrives, error_code=error_code)
        if outcome is Delivery.FAILED:
            return [end]
        steps = [self._step(StepKind.SENT, now, self._settings.sent_after), end]
        if outcome is Delivery.DELIVERED:
            replies = self._contacts.replies_to_next_text(recipients[0])
            steps += [
                self._step(StepKind.REPLY, now, arrives + reply.after, text=reply.reply or "") for reply in replies
            ]
        return sorted(steps, key=lambda step: step.due)

    def _delivered_after(self) -> float:
        settings = self._settings
        return max(settings.sent_after, self._dice.uniform(settings.delivered_min, settings.delivered_max))

    def _step(
        self,
        kind: StepKind,
        now: float,
        after: float,
        *,
        error_code: str | None = None,
        text: str = "",
    ) -> Step:
        return Step(due=now + after / self._settings.time_factor, kind=kind, error_code=error_code, text=text)

    def _arm(self, message: Message) -> None:
        if message.steps:
            self._schedule.at(message.steps[0].due, partial(self._advance, message))

    async def _advance(self, message: Message) -> None:
        if self._messages.get(message.id) is not message or not message.steps:
            return
        step = message.steps.pop(0)
        if step.kind is StepKind.REPLY:
            self._messages.save(message)
            await self.receive(message.recipients[0], step.text)
        else:
            message.error_code = step.error_code
            self._change(message, Status(step.kind))
        await self._journal.flush()
        self._arm(message)

    async def _finish_now(self, message: Message) -> None:
        """Deliver and announce before the reply leaves."""
        message.steps = [step for step in message.steps if step.kind is StepKind.REPLY]
        message.status = Status.DELIVERED
        message.updated_at = self._clock.now()
        self._messages.save(message)
        made = self._deliveries.announce(self._event(message))
        await asyncio.gather(*(self._deliveries.start_now(delivery) for delivery in made))

    def _change(self, message: Message, status: Status) -> None:
        message.status = status
        message.updated_at = self._clock.now()
        if status in ANNOUNCED:
            self._announce(message)
        self._messages.save(message)

    def _announce(self, message: Message) -> None:
        thrice = magic_of(message.recipients).is_announced_thrice
        for delivery in self._deliveries.announce(self._event(message), repeats=int(thrice), copies=int(thrice)):
            self._deliveries.start(delivery)

    def _event(self, message: Message) -> Event:
        kind = f"message.{message.status.value}"
        return Event(kind, self._clock.now(), message, self._settings.organization_id, event_id())
