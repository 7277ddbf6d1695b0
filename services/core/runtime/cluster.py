"""The state of our own Deployments, read from the Kubernetes API with the pod's service account."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubernetes.client import Configuration, V1Deployment

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
WITHIN = (2, 5)  # seconds for the connection, and between the answer's parts


class ClusterUnreadable(Exception):
    """The cluster's API could not be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """A Deployment: `is_complete` when every wanted pod is there, ready and of the latest version."""

    name: str
    wanted: int
    ready: int
    is_complete: bool


def read_rollouts(namespace: str, *, account: Path = ACCOUNT) -> list[Rollout]:
    """All Deployments of the namespace, asked for once and within seconds. Raises `ClusterUnreadable`.

    Where the API is the kubelet tells every container in its environment, which the client reads itself.
    """
    try:
        # Dear to import (half a second, 30 MB), and an extra: only whoever has an account in a cluster needs it.
        from kubernetes.client import ApiClient, AppsV1Api
        from kubernetes.client.exceptions import OpenApiException
        from kubernetes.config import ConfigException
        from urllib3.exceptions import HTTPError
    except ImportError as error:
        raise ClusterUnreadable("its client is not installed: pip install attackacrack[kubernetes]") from error
    try:
        with ApiClient(_configuration(account)) as connected:
            connected.rest_client.pool_manager.connection_pool_kw["ssl_context"] = _trust(account)
            found = AppsV1Api(connected).list_namespaced_deployment(namespace, _request_timeout=WITHIN)
        return [rollout_of(deployment) for deployment in found.items]
    except ConfigException as error:
        raise ClusterUnreadable(f"this pod has no account for the cluster's API: {error}") from error
    except OpenApiException as error:
        status = getattr(error, "status", None)
        said = f"answers {status}" if status else f"cannot be asked: {type(error).__name__}"
        raise ClusterUnreadable(f"the cluster's API {said}") from error
    except (HTTPError, OSError) as error:
        raise ClusterUnreadable(f"the cluster's API cannot be reached: {_cause(error)}") from error
    except ValueError as error:  # what the client says of an answer that lacks what every Deployment has
        raise ClusterUnreadable(f"the cluster's API answers what is no list of Deployments: {error}"[:200]) from error


def rollout_of(deployment: V1Deployment) -> Rollout:
    """The rollout state in a Deployment. Raises `ValueError` for one that lacks what each has in a cluster."""
    about, status, wanted = deployment.metadata, deployment.status, deployment.spec.replicas
    if about is None or about.name is None or status is None:
        raise ValueError("a Deployment without a name or a status")
    wanted, ready, updated = 1 if wanted is None else wanted, status.ready_replicas or 0, status.updated_replicas or 0
    is_seen = (status.observed_generation or 0) >= (about.generation or 0)
    return Rollout(about.name, wanted, ready, is_complete=is_seen and ready >= wanted and updated >= wanted)


def _configuration(account: Path) -> Configuration:
    from kubernetes.client import Configuration
    from kubernetes.config.incluster_config import InClusterConfigLoader
    from urllib3 import Retry

    configuration = Configuration()
    loader = InClusterConfigLoader(token_filename=str(account / "token"), cert_filename=str(account / "ca.crt"))
    loader.load_and_set(configuration)
    configuration.retries = Retry(total=0)  # the next report asks again
    configuration.proxy = (
        None  # the way to our own cluster is no proxy's, whatever the environment has for the provider
    )
    return configuration


def _trust(account: Path) -> ssl.SSLContext:
    """The cluster's own authority, which we can't choose: many leave out extensions that Python 3.13 insists on."""
    context = ssl.create_default_context(cafile=str(account / "ca.crt"))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _cause(error: BaseException) -> str:
    """The name of what lies beneath the client's own wrappers, as `SSLCertVerificationError` does."""
    reason = getattr(error, "reason", None)
    beneath = reason if isinstance(reason, BaseException) else error.__cause__
    if beneath is None and error.args and isinstance(error.args[-1], BaseException):
        beneath = error.args[-1]
    return type(error).__name__ if beneath is None else _cause(beneath)
