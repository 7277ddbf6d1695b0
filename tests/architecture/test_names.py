"""Names that cross a boundary are in one place, and everybody uses the same ones."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from services.core.domain.schedule import JOBS
from services.core.queue.names import POOLS, TASK_QUEUES, Pool, Queue, TaskName

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "services").rglob("*.py"))
WORKERS = {"campaign": "campaign_worker", "webhook": "webhook_worker", "operations": "operations_worker"}
SHOW_TASKS = """
import sys
from importlib import import_module
from services.core.queue.app import app
import_module(f"services.{sys.argv[1]}.tasks")
print(*(name for name in app.tasks if not name.startswith("celery.")))
"""


def test_every_queue_has_exactly_one_pool() -> None:
    consumed = [queue for pool in POOLS for queue in pool.queues]
    assert sorted(consumed) == sorted(Queue)


def test_every_task_has_a_queue() -> None:
    assert set(TASK_QUEUES) == set(TaskName)


def test_every_scheduled_job_is_a_task() -> None:
    assert set(JOBS) <= set(TaskName)


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: pool.name)
def test_a_pool_serves_the_tasks_of_its_queues_and_no_others(pool: Pool) -> None:
    shown = subprocess.run([sys.executable, "-c", SHOW_TASKS, WORKERS[pool.name]], capture_output=True, check=True)
    assert set(shown.stdout.decode().split()) == {name for name in TaskName if TASK_QUEUES[name] in pool.queues}


def test_pools_share_no_unacked_key() -> None:
    keys = [key for pool in POOLS for key in (pool.unacked_key, pool.unacked_index_key, pool.unacked_mutex_key)]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("word", ["utils", "helpers", "common", "manager", "misc"])
def test_no_module_is_a_drawer(word: str) -> None:
    assert [path for path in SOURCES if path.stem == word or word in path.parts] == []


def test_nobody_waits_in_the_broker() -> None:
    """An eta or a long countdown would be run many times over; waiting is a column."""
    outside = [path for path in SOURCES if "queue" not in path.parts and "provider_simulator" not in path.parts]
    used = re.compile(r"\b(eta|countdown)\s*=")
    assert [path for path in outside if used.search(path.read_text())] == []


def test_only_settings_read_the_environment() -> None:
    """Below the entry points nothing looks at os.environ but the settings."""
    core = [path for path in SOURCES if "core" in path.parts and path.name not in ("settings.py",)]
    reads = re.compile(r"os\.environ(?!\.setdefault)|os\.getenv")
    assert [path.relative_to(ROOT) for path in core if reads.search(path.read_text())] == []
