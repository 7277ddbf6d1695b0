"""The campaign worker pool: `python -m services.campaign_worker`."""

from services.core.queue.names import CAMPAIGN
from services.core.usecases.operations.start_worker import start_worker

if __name__ == "__main__":
    start_worker(CAMPAIGN, tasks="services.campaign_worker.tasks")
