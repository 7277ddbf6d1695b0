from pathlib import Path
from typing import Any

import pytest

from services.core.runtime.cluster import ClusterUnreadable, Rollout, read_rollouts, rollout_of
from services.core.usecases.operations.health_parts import cluster_parts, rollouts_part


def deployment(name: str = "beat", replicas: int = 2, generation: int = 3, **status: Any) -> dict[str, Any]:
    whole = {"readyReplicas": 2, "updatedReplicas": 2, "observedGeneration": 3}
    return {
        "metadata": {"name": name, "generation": generation},
        "spec": {"replicas": replicas},
        "status": whole | status,
    }


class TestRollout:
    @pytest.mark.parametrize(
        ("shown", "complete"),
        [
            (deployment(), True),
            (deployment(readyReplicas=1), False),
            (deployment(updatedReplicas=1), False),
            (deployment(generation=4), False),
            (deployment(replicas=0, readyReplicas=0, updatedReplicas=0), True),
        ],
    )
    def test_complete_when_all_pods_are_ready_and_new(self, shown: dict[str, Any], complete: bool) -> None:
        assert rollout_of(shown).is_complete is complete

    def test_the_report_names_what_is_behind(self) -> None:
        part = rollouts_part([Rollout("beat", 2, 2, True), Rollout("console", 3, 1, False)])
        assert (part.well, part.found) == (False, "console 1 of 3")
        assert rollouts_part([Rollout("beat", 2, 2, True)]).well

    def test_without_a_cluster_there_is_nothing_to_say(self) -> None:
        assert list(cluster_parts("")) == []

    def test_a_missing_account_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(ClusterUnreadable, match="FileNotFoundError"):
            read_rollouts("texts", account=tmp_path)
