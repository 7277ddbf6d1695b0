"""A role that can't work as it is set ends at its start: one line with name and remedy, no value, exit code 1."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROLES = ("webhook_ingress", "console", "webhook_worker", "campaign_worker", "operations_worker", "beat", "flower")
MARK = "s3cr3t"
KEY = "whsec_c3RhbmRhcmQta2V5LW9mLWEtdGVzdA=="


def start(role: str, **settings: str) -> subprocess.CompletedProcess[str]:
    foreign = {name: value for name, value in os.environ.items() if not name.startswith("ATTACKACRACK_")}
    own = {f"ATTACKACRACK_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", f"services.{role}"]
    return subprocess.run(command, cwd=ROOT, env=foreign | own, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("role", ROLES)
def test_every_role_refuses_an_address_that_means_something_else(role: str) -> None:
    ended = start(role, REDIS_URL=f"redis://u:{MARK}#x@h/0", DATABASE_URL="postgresql://u@h/n", FLOWER_PASSWORD=MARK)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "settings refused: ATTACKACRACK_REDIS_URL: a # in user or password is written as %23"
    ]
    assert ended.stdout == ""


@pytest.mark.parametrize(
    ("role", "settings", "named"),
    [
        ("webhook_ingress", {"WEBHOOK_SECRETS_LEGACY": f"{KEY},{KEY[:-1]}"}, "WEBHOOK_SECRETS_LEGACY, the 2. value: "),
        ("webhook_ingress", {}, "WEBHOOK_SECRETS_STANDARD: it is empty"),
        ("campaign_worker", {"PROVIDER": "quo"}, "PROVIDER_API_KEY: it is empty"),
        ("operations_worker", {"PROVIDER": "quo", "PROVIDER_API_KEY": MARK}, "PROVIDER_PHONE_NUMBER_ID: it is empty"),
        ("beat", {"FOLLOW_UP_TEXT": f"Hi {{{{{MARK}"}, "FOLLOW_UP_TEXT: not a text with fields"),
        ("beat", {"REMINDER_TEXTS": f"{{{MARK}"}, "REMINDER_TEXTS: not JSON"),
        ("beat", {"FAILPOINTS": MARK, "DATABASE_URL": "postgresql://u@h/n"}, "FAILPOINTS: the 1. part is not one"),
        ("beat", {}, "DATABASE_URL: it is empty"),
    ],
)  # fmt: skip
def test_a_role_refuses_what_it_can_t_work_with(role: str, settings: dict[str, str], named: str) -> None:
    ended = start(role, **settings)
    assert ended.returncode == 1
    [line] = (ended.stderr + ended.stdout).splitlines()
    assert f"ATTACKACRACK_{named}" in line
    assert MARK not in line
