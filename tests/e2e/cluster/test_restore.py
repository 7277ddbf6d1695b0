"""The drill of the chart's README: a dump put back under the running release sends nothing until a person adopts it."""

import time

from tests.e2e.cluster.release import Release, eventually, run
from tests.e2e.cluster.test_scaling import finish, judge, send

VALUES = {
    "provider": {"rate": 20},
    "config": {"numberDailyCap": 100_000, "accountDailyCap": 100_000, "guardAfter": 100_000},
    "simulator": {"rate": 1000, "timeFactor": 10},
    "autoscaling": {"mode": "none"},
}
TEXTS = 200
DUMP = "/var/lib/postgresql/data/drill.dump"


def test_yesterdays_dump(release: Release, figures: dict[str, object]) -> None:
    release.install()
    planned = send(release, "646400", TEXTS)
    eventually(lambda: len(release.ledger()) > TEXTS // 4, within=300, what="a quarter has left")
    release.execute("postgresql", "pg_dump", "-U", "attackacrack", "-Fc", "-f", DUMP, "attackacrack")
    in_the_dump = len(release.ledger())
    eventually(lambda: len(release.ledger()) >= planned, within=600, what="all have left")

    release.execute(
        "postgresql", "pg_restore", "-U", "attackacrack", "-d", "attackacrack", "--clean", "--if-exists", DUMP
    )
    assert release.tell("sending", "status")["rewound"]
    assert release.waiting("pending")
    time.sleep(60)  # some passes of dispatch and sweep, and the leases of what was under way
    assert len(release.ledger()) == planned
    assert not release.restarts()

    found = release.tell("sending", "recover")
    figures["restored dump: texts forgotten, and bound again"] = f"{planned - in_the_dump}, {found['bound']}"
    release.tell("sending", "adopt", "--reason", "a drill")
    finish(release, "646400", planned)
    assert judge(release, "646400", planned) == (0, 0)
    run("kubectl", "-n", release.namespace, "exec", "attackacrack-postgresql-0", "--", "rm", DUMP)
