"""What people and we wrote to each other."""

from datetime import datetime
from typing import Generic, TypeVar

from pydantic import Field

from services.core.domain.messages import Direction, MessageStatus
from services.core.views.values import Input, OfPerson, RowId, View, example

Position = TypeVar("Position")


class ConversationSummary(OfPerson):
    """A contact who has written to us; `unanswered` when the last word is theirs and no STOP, which wants no answer."""

    model_config = example(
        {
            "contact_id": 17,
            "phone": "+12025550143",
            "e164": "+12025550143",
            "first_name": "Ada",
            "incoming": 1,
            "last_message_id": 43,
            "last_at": "2026-03-02T19:00:00Z",
            "last_text": "When could you come?",
            "unanswered": True,
            "opted_out_at": None,
            "paused_at": None,
        }
    )

    contact_id: RowId
    first_name: str | None
    incoming: int
    last_message_id: int
    last_at: datetime
    last_text: str | None
    unanswered: bool
    opted_out_at: datetime | None
    paused_at: datetime | None


class ConversationText(View):
    """One text; `text` is null once it was erased."""

    message_id: RowId
    direction: Direction
    at: datetime
    text: str | None = Field(validation_alias="body")
    status: MessageStatus
    reason: str | None
    campaign_id: int | None


class Conversation(OfPerson, Generic[Position]):
    """What was said, the oldest first; `before` begins the page of what was said earlier, or is null."""

    model_config = example(
        {
            "contact_id": 17,
            "phone": "+12025550143",
            "e164": "+12025550143",
            "opted_out_at": None,
            "paused_at": None,
            "texts": [
                {
                    "message_id": 43,
                    "direction": "incoming",
                    "at": "2026-03-02T19:00:00Z",
                    "text": "When could you come?",
                    "status": "received",
                    "reason": None,
                    "campaign_id": 1,
                }
            ],
            "before": None,
        }
    )

    contact_id: RowId
    opted_out_at: datetime | None
    paused_at: datetime | None
    texts: list[ConversationText]
    before: Position | None


class NewReply(Input):
    model_config = example({"text": "We will be there at 9."})

    text: str = Field(min_length=1, max_length=5000)


class Reply(View):
    """The message that answers; `repeated` when this key had made it before."""

    model_config = example({"message_id": 44, "contact_id": 17, "status": "pending", "segments": 1, "repeated": False})

    message_id: RowId
    contact_id: int
    status: MessageStatus
    segments: int
    repeated: bool
