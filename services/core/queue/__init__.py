"""Celery and Redis, nowhere else: queues, the task base, publishing, the shared limiter, what workers do."""

import os

# Read once by billiard when it is imported, so it is set before anything here imports Celery. Without it SIGTERM
# is a warm shutdown, which ignores the soft shutdown timeout.
os.environ.setdefault("REMAP_SIGTERM", "SIGQUIT")
