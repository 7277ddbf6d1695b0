from pathlib import Path

import pytest
from kubernetes.client import (
    V1Deployment,
    V1DeploymentSpec,
    V1DeploymentStatus,
    V1LabelSelector,
    V1ObjectMeta,
    V1PodTemplateSpec,
)

from services.core.runtime.cluster import ClusterUnreadable, Rollout, read_rollouts, rollout_of
from services.core.usecases.operations.health_parts import cluster_parts, rollouts_part


def deployment(
    name: str = "beat", replicas: int = 2, generation: int = 3, ready_replicas: int = 2, updated_replicas: int = 2
) -> V1Deployment:
    return V1Deployment(
        metadata=V1ObjectMeta(name=name, generation=generation),
        spec=V1DeploymentSpec(replicas=replicas, selector=V1LabelSelector(), template=V1PodTemplateSpec()),
        status=V1DeploymentStatus(
            ready_replicas=ready_replicas, updated_replicas=updated_replicas, observed_generation=3
        ),
    )


class TestRollout:
    @pytest.mark.parametrize(
        ("shown", "complete"),
        [
            (deployment(), True),
            (deployment(ready_replicas=1), False),
            (deployment(updated_replicas=1), False),
            (deployment(generation=4), False),
            (deployment(replicas=0, ready_replicas=0, updated_replicas=0), True),
        ],
    )
    def test_complete_when_all_pods_are_ready_and_new(self, shown: V1Deployment, complete: bool) -> None:
        assert rollout_of(shown).is_complete is complete

    def test_the_report_names_what_is_behind(self) -> None:
        part = rollouts_part([Rollout("beat", 2, 2, True), Rollout("console", 3, 1, False)])
        assert (part.well, part.found) == (False, "console 1 of 3")
        assert rollouts_part([Rollout("beat", 2, 2, True)]).well

    def test_without_a_cluster_there_is_nothing_to_say(self) -> None:
        assert list(cluster_parts("")) == []

    def test_a_missing_account_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(ClusterUnreadable, match="no account"):
            read_rollouts("texts", account=tmp_path)
