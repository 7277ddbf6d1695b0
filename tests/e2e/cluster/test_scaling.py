"""From zero to many and back, by the depth of the queues; killed workers and a dead broker lose and double nothing."""

import os
import random
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.cluster.picture import draw
from tests.e2e.cluster.release import CommandFailed, Release, eventually, run

TEXTS = int(os.environ.get("E2E_TEXTS", "5000"))
SCRIPT = (Path(__file__).parent / "campaign.py").read_text()
POOL = "campaign-worker"
PICTURE = Path(".cache/e2e-pods.svg")
QUICK = {"pollingInterval": 2, "cooldownPeriod": 15, "initialCooldownPeriod": 5, "maxReplicas": 4, "target": 2}
VALUES = {
    "provider": {"rate": 200},
    "config": {"numberDailyCap": 100_000, "accountDailyCap": 100_000, "guardAfter": 100_000},
    "simulator": {"rate": 1000, "latencyMin": 0.3, "latencyMax": 0.3, "timeFactor": 10},
    "workers": {
        "campaign": {
            "autoscaling": QUICK
            | {
                "scaleDown": {
                    "stabilizationWindowSeconds": 15,
                    "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
                }
            }
        },
        "webhook": {"autoscaling": {"maxReplicas": 2}},
    },
}


@pytest.fixture(scope="module", autouse=True)
def installed(release: Release) -> Release:
    release.install()
    eventually(lambda: not release.pods(POOL), within=120, what="the idle pool is at zero")
    return release


class Watch:
    """How many pods there were, and when; sampled every second until it is left. `texts` are for others to add."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self.texts: list[tuple[float, int]] = []
        self.began = time.time()
        self.samples: list[tuple[float, int]] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    @property
    def now(self) -> float:
        return self.at(time.time())

    def at(self, since_the_epoch: float) -> float:
        """Seconds since the watch began."""
        return since_the_epoch - self.began

    @property
    def most(self) -> int:
        return max(count for _, count in self.samples)

    @property
    def first_at(self) -> float:
        return next(at for at, count in self.samples if count)

    def _run(self) -> None:
        while not self._stopping.wait(1):
            self.samples.append((self.now, len(self.release.pods(POOL))))


def send(release: Release, prefix: str, texts: int) -> int:
    """Start a campaign; answers how many texts are planned."""
    return start(release, prefix, texts)[0]


def start(release: Release, prefix: str, texts: int) -> tuple[int, float]:
    """The same, and when it was started, in seconds since the epoch."""
    planned, started_at = release.python("console", SCRIPT, str(texts), prefix).split()[-2:]
    assert int(planned) == texts
    return int(planned), float(started_at)


def judge(release: Release, prefix: str, planned: int) -> tuple[int, int]:
    """Texts that never came, and texts that came again."""
    counts = Counter(entry["to"] for entry in release.ledger() if entry["to"].startswith(f"+1{prefix}"))
    return planned - len(counts), sum(count - 1 for count in counts.values())


def finish(release: Release, prefix: str, planned: int) -> int:
    """Wait until every text has arrived; answers how many were in doubt before, and were sent by a person's word."""
    eventually(
        lambda: not release.waiting("pending") and not release.waiting("sending"), within=900, what="nothing waits"
    )
    in_doubt = release.settle()
    eventually(lambda: arrived(release, prefix) >= planned, within=300, what="every text has arrived")
    return in_doubt


def arrived(release: Release, prefix: str) -> int:
    try:
        return int(
            release.execute(
                "provider-simulator", "grep", "-c", f'"kind": *"text".*"to": *"+1{prefix}', "/data/ledger.jsonl"
            )
        )
    except CommandFailed:
        return 0


def test_zero_to_many_to_zero(installed: Release, figures: dict[str, object]) -> None:
    with Watch(installed) as watch:
        planned, started_at = start(installed, "212300", TEXTS)
        started = watch.at(started_at)

        def all_arrived() -> bool:
            watch.texts.append((watch.now, arrived(installed, "212300")))
            return watch.texts[-1][1] >= planned

        eventually(all_arrived, within=120 + TEXTS, what="every text has arrived")
        zero = eventually(lambda: not installed.pods(POOL), within=180, what="the pool is back at zero")
    figures |= {
        "texts": planned,
        "seconds from the start to the first pod": round(watch.first_at - started, 1),
        "most pods": watch.most,
        "seconds from the start to the last text": round(watch.texts[-1][0] - started, 1),
        "seconds from there to zero": round(zero, 1),
    }
    draw(watch.samples, watch.texts, title=f"{planned} texts", file=PICTURE)
    assert judge(installed, "212300", planned) == (0, 0)
    assert 1 < watch.most <= QUICK["maxReplicas"]
    assert not installed.restarts()


def test_killed_workers(installed: Release, figures: dict[str, object]) -> None:
    """What a killed worker had begun is in doubt: it is looked up, held, and sent when a person says so."""
    planned = send(installed, "212400", TEXTS // 2)
    kills = 0
    deadline = time.monotonic() + 900
    while installed.waiting("pending") and time.monotonic() < deadline:
        time.sleep(20)
        if pods := installed.pods(POOL):
            victim = random.choice(pods).metadata.name
            run("kubectl", "-n", installed.namespace, "delete", "pod", victim, "--force", "--grace-period=0")
            kills += 1
    figures["workers killed while sending"] = kills
    figures["texts in doubt after the kills"] = finish(installed, "212400", planned)
    assert judge(installed, "212400", planned) == (0, 0)


def test_the_broker_dies_in_the_middle(installed: Release) -> None:
    planned = send(installed, "212500", TEXTS // 5)
    eventually(lambda: arrived(installed, "212500") > planned // 4, within=300, what="sending is under way")
    run("kubectl", "-n", installed.namespace, "delete", "pod", "attackacrack-valkey-0", "--force", "--grace-period=0")
    finish(installed, "212500", planned)
    assert judge(installed, "212500", planned) == (0, 0)


def test_a_long_outage_of_the_broker_restarts_nobody(installed: Release, figures: dict[str, object]) -> None:
    eventually(lambda: not installed.pods(POOL), within=180, what="the pool is at zero")
    before = installed.restarts()
    minutes = float(os.environ.get("E2E_OUTAGE_MINUTES", "5"))
    installed.scale("statefulset", "valkey", 0)
    time.sleep(minutes * 60)
    assert installed.restarts() == before
    assert len(installed.pods("webhook-worker")) >= 1
    installed.scale("statefulset", "valkey", 1)
    ready = lambda: all(  # noqa: E731
        status.ready for pod in installed.pods() for status in pod.status.container_statuses or []
    )
    figures["recovery after the outage, seconds"] = round(eventually(ready, within=180, what="all are ready again"), 1)
    planned = send(installed, "212600", 20)
    eventually(lambda: arrived(installed, "212600") >= planned, within=180, what="texts are sent again")
