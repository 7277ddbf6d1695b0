"""One act of the product in a process of its own: `world_process.py ACT FAILPOINTS ARGUMENT...`, settings on stdin."""

import json
import sys
from datetime import datetime

from services.core.runtime import failpoints
from services.core.runtime.settings import read_settings
from services.core.usecases.accept_webhook import ReadWebhook, read_webhook, store_webhooks
from services.core.usecases.context import Context
from services.core.usecases.handle_event import handle_events
from services.core.usecases.reconcile import reconcile_message
from services.core.usecases.send_message import send_messages
from services.core.usecases.sweep import sweep


def main() -> None:
    act, armed, *arguments = sys.argv[1:]
    context = Context(read_settings(**json.load(sys.stdin)))
    failpoints.arm(armed)
    match act:
        case "send":
            send_messages(context, [int(each) for each in arguments])
        case "handle":
            handle_events(context, [int(each) for each in arguments])
        case "reconcile":
            reconcile_message(context, int(arguments[0]))
        case "sweep":
            sweep(context)
        case "accept":
            raw, headers, at = arguments
            webhook = read_webhook(
                context, raw.encode(), json.loads(headers), at=datetime.fromisoformat(at), traceparent=None
            )
            assert isinstance(webhook, ReadWebhook)
            store_webhooks(context, [webhook])
        case _:
            raise ValueError(act)
    context.close()


if __name__ == "__main__":
    main()
