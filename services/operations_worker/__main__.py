"""The operations worker pool: `python -m services.operations_worker`."""

from services.core.queue.names import OPERATIONS
from services.core.usecases.operations.start_worker import start_worker

if __name__ == "__main__":
    start_worker(OPERATIONS, tasks="services.operations_worker.tasks")
