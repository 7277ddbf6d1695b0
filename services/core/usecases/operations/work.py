"""Work in the queues: what waits, who works on it, and what was done."""

from services.core.storage import work
from services.core.usecases.context import Context
from services.core.usecases.operations.vitals import queued_work
from services.core.views.values import Page, page_of
from services.core.views.work import PoolLoad, QueueDepth, Queues, Task, Worker


def list_tasks(
    context: Context,
    *,
    name: str | None = None,
    message_id: int | None = None,
    campaign_id: int | None = None,
    before: int | None = None,
    limit: int,
) -> Page[Task]:
    """Task history, newest first, of one task, message or campaign; `next` is the `before` of the following page."""
    with context.database.reading() as session:
        rows = work.runs(
            session, name=name, message_id=message_id, campaign_id=campaign_id, before=before, limit=limit + 1
        )
        return page_of(rows, limit, Task.of)


def read_queues(context: Context) -> Queues:
    """Depth of each queue, its oldest work, and what each pool holds. Raises `BrokerUnavailable`."""
    depths, loads = context.inspector.depths(), context.inspector.loads()
    with context.database.reading() as session:
        queued = queued_work(session)
    queues = [
        QueueDepth(queue=depth.queue, pool=depth.pool, waiting=depth.waiting, oldest=queued[depth.queue].oldest)
        for depth in depths
    ]
    return Queues(queues=queues, pools=[PoolLoad.of(load) for load in loads])


def list_workers(context: Context) -> Page[Worker]:
    """The workers that answer now, with what they run. Raises `BrokerUnavailable`."""
    return Page(items=[Worker.of(worker) for worker in context.inspector.workers()], next=None)
