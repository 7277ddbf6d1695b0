"""The webhook worker pool: `python -m services.webhook_worker`."""

from services.core.queue.names import WEBHOOK
from services.core.usecases.operations.start_worker import start_worker

if __name__ == "__main__":
    start_worker(WEBHOOK, tasks="services.webhook_worker.tasks")
