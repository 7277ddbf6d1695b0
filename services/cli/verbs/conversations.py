"""Conversations with people, and a person's answers."""

from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import typer

from services.cli.output import listing, plain, rows_table
from services.cli.verb import LARGEST_ID, SOMEBODY, By, Limit, verb

if TYPE_CHECKING:
    from services.core.usecases.context import Context
    from services.core.views import conversations as views
    from services.core.views.values import Page

group = typer.Typer(help="What people wrote, and answers to them.", no_args_is_help=True)

Contact = Annotated[str, typer.Argument(help="An id, or a number in any form.", show_default=False)]
Before = Annotated[int | None, typer.Option("--before", "--after", min=1, max=LARGEST_ID, show_default=False)]


def _show_texts(conversation: "views.Conversation[int]", zone: ZoneInfo) -> list[Any]:
    more = [f"earlier: --before {conversation.before}"] if conversation.before is not None else []
    heading = plain(f"contact {conversation.contact_id}, {conversation.e164}")
    return [heading, rows_table(conversation.texts, ("at", "direction", "text", "status", "reason"), zone), *more]


@verb(group, "list", show=listing("contact_id", "phone", "first_name", "last_at", "last_text", "unanswered"))
def list_(context: "Context", limit: Limit = 100, before: Before = None) -> "Page[views.ConversationSummary]":
    """People who wrote, the latest first.

    Example: attackacrack conversations list
    """
    from services.core.usecases.contacts.conversations import list_conversations

    return list_conversations(context, before=before, limit=limit)


@verb(group, "show", show=_show_texts)
def show(context: "Context", contact: Contact, limit: Limit = 100, before: Before = None) -> "views.Conversation[int]":
    """What was said, the oldest first.

    Example: attackacrack conversations show +12125550143
    """
    from services.core.usecases.contacts.conversations import show_conversation

    return show_conversation(context, contact, before=before, limit=limit)


@verb(group, "reply")
def reply(
    context: "Context",
    contact: Contact,
    text: Annotated[str, typer.Argument(show_default=False)],
    key: Annotated[
        str | None, typer.Option("--key", help="Makes one message, however often it is said.", show_default=False)
    ] = None,
    by: By = SOMEBODY,
) -> "views.Reply":
    """Answer a person who wrote; the text leaves when the gate allows it.

    Example: attackacrack conversations reply 17 "We will be there at 9." --key answer-17
    """
    from services.core.usecases.contacts.conversations import reply_to_conversation
    from services.core.views.conversations import NewReply

    new = NewReply.read(text=text)
    return reply_to_conversation(context, contact, new, idempotency_key=key or str(uuid4()), by=by)
