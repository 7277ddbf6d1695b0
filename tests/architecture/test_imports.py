"""What a role and a command import: every module costs each start, of a pod, of a child, of a command.

Counted are modules that are not Python's own; a ceiling is a little above what was there when it was written.
"""

import json
import subprocess
import sys

import pytest

IMPORTS = """
import importlib, json, pkgutil, sys
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    for found in pkgutil.iter_modules(getattr(module, "__path__", ())):
        if not found.ispkg:
            importlib.import_module(f"{name}.{found.name}")
print(json.dumps([name for name in sys.modules if name.partition(".")[0] not in sys.stdlib_module_names]))
"""
A_COMMAND = ("services.cli.app", "services.cli.verbs.contacts", "services.core.usecases.contacts.find")


def imported(*names: str) -> frozenset[str]:
    """The modules that are there after these, and those of their folders, were imported by a new process."""
    done = subprocess.run([sys.executable, "-c", IMPORTS, *names], capture_output=True, text=True, check=True)
    return frozenset(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("names", "without", "at_most"),
    [
        (A_COMMAND, {"alembic", "celery", "kombu", "redis", "httpx", "fastapi", "holidays", "kubernetes"}, 600),
        (("services.webhook_ingress",), {"alembic", "celery", "kombu", "httpx", "kubernetes"}, 870),
        (("services.console",), {"alembic", "celery", "kombu", "kubernetes"}, 1_250),
        (("services.beat",), {"alembic", "celery", "kombu", "fastapi", "kubernetes"}, 840),
        (("services.webhook_worker",), {"alembic", "fastapi", "holidays", "kubernetes"}, 980),
        (("services.campaign_worker",), {"alembic", "fastapi", "holidays", "kubernetes"}, 1_080),
        (("services.operations_worker",), {"alembic", "fastapi", "holidays", "kubernetes"}, 1_120),
    ],
)
def test_a_start_imports_what_it_needs(names: tuple[str, ...], without: set[str], at_most: int) -> None:
    found = imported(*names)
    assert not {name.partition(".")[0] for name in found} & without
    assert len(found) <= at_most
