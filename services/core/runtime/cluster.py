"""The state of our own Deployments, read from the Kubernetes API with the pod's service account."""

import json
import ssl
from dataclasses import dataclass
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

API = "kubernetes.default.svc"
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TIMEOUT_SECONDS = 5


class ClusterUnreadable(Exception):
    """The cluster's API could not be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """A Deployment: `is_complete` when every wanted pod is there, ready and of the latest version."""

    name: str
    wanted: int
    ready: int
    is_complete: bool


def read_rollouts(namespace: str, *, api: str = API, port: int = 443, account: Path = ACCOUNT) -> list[Rollout]:
    """All Deployments of the namespace. Raises `ClusterUnreadable`."""
    try:
        token = (account / "token").read_text().strip()
        context = ssl.create_default_context(cafile=str(account / "ca.crt"))
        # Many clusters' own authorities leave out extensions that Python 3.13 asks for by default.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        connection = HTTPSConnection(api, port, timeout=TIMEOUT_SECONDS, context=context)
        try:
            headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
            connection.request("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments", headers=headers)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
    except (OSError, HTTPException) as error:
        raise ClusterUnreadable(f"the cluster's API cannot be reached: {type(error).__name__}") from error
    if answer.status != 200:
        raise ClusterUnreadable(f"the cluster's API answers {answer.status}")
    return [rollout_of(item) for item in json.loads(body)["items"]]


def rollout_of(deployment: dict[str, Any]) -> Rollout:
    """The rollout state in a Deployment as the API gives it."""
    status, wanted = deployment.get("status", {}), int(deployment["spec"].get("replicas", 1))
    ready, updated = int(status.get("readyReplicas", 0)), int(status.get("updatedReplicas", 0))
    is_seen = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    is_complete = is_seen and ready >= wanted and updated >= wanted
    return Rollout(deployment["metadata"]["name"], wanted, ready, is_complete)
