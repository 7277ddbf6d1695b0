"""The cluster's API over real TLS: what is asked for, with which account, and what becomes of every answer."""

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import certifi
import pytest
import urllib3.connection
from urllib3.util.ssl_ import create_urllib3_context

from services.cli.laptop.ports import free_ports
from services.core.openphone.own_events import certificate_until
from services.core.runtime import cluster
from services.core.runtime.cluster import ClusterUnreadable, Rollout, read_rollouts
from services.core.usecases.operations import health_parts
from services.core.usecases.operations.health_parts import cluster_parts

PEM = Path(__file__).with_name("localhost.pem")  # made for these tests, for localhost alone
TOKEN = "the-service-accounts-token"
SPEC: dict[str, Any] = {
    "selector": {"matchLabels": {"app": "texts"}},
    "template": {"metadata": {"labels": {"app": "texts"}}, "spec": {"containers": [{"name": "role"}]}},
}


@dataclass
class ClusterApi:
    """An API server's answer to one question, behind TLS."""

    deployments: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    body: bytes | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0

    def add(self, name: str, *, wanted: int, ready: int) -> None:
        status = {"readyReplicas": ready, "updatedReplicas": ready, "observedGeneration": 1}
        self.deployments.append(
            {"metadata": {"name": name, "generation": 1}, "spec": {"replicas": wanted} | SPEC, "status": status}
        )


def tell(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """Say where the API is, as the kubelet does."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "localhost")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(port))


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClusterApi]:
    answers = ClusterApi()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers.asked.append((self.path, self.headers.get("authorization", "")))
            listed = {"apiVersion": "apps/v1", "kind": "DeploymentList", "items": answers.deployments}
            body = json.dumps(listed).encode() if answers.body is None else answers.body
            self.send_response(answers.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    answers.port = server.server_port
    tell(monkeypatch, answers.port)
    Thread(target=server.serve_forever, daemon=True).start()
    yield answers
    server.shutdown()
    server.server_close()


@pytest.fixture
def account(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "ca.crt").write_text(PEM.read_text().partition("-----BEGIN PRIVATE KEY")[0])
    return tmp_path


def read(account: Path) -> list[Rollout]:
    return read_rollouts("texts", account=account)


def test_it_asks_for_our_deployments_with_the_accounts_token(api: ClusterApi, account: Path) -> None:
    api.add("beat", wanted=2, ready=2)
    api.add("console", wanted=2, ready=1)
    assert [(each.name, each.ready, each.is_complete) for each in read(account)] == [
        ("beat", 2, True),
        ("console", 1, False),
    ]
    assert api.asked == [("/apis/apps/v1/namespaces/texts/deployments", f"bearer {TOKEN}")]


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_refusal_is_said(api: ClusterApi, account: Path, status: int) -> None:
    api.status = status
    with pytest.raises(ClusterUnreadable, match=str(status)):
        read(account)


def test_a_server_that_the_cluster_does_not_vouch_for_is_not_told_the_token(api: ClusterApi, account: Path) -> None:
    (account / "ca.crt").write_text(Path(certifi.where()).read_text())
    with pytest.raises(ClusterUnreadable, match="SSLCertVerificationError"):
        read(account)
    assert api.asked == []


def test_an_authority_without_the_extensions_that_newer_pythons_insist_on(
    api: ClusterApi, account: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of many clusters. Python 3.13 insists by default, which is done here on every version; older OpenSSLs
    look at less, so what counts is what is asked of the one that shakes hands."""
    asked: list[int] = []
    shake_hands = ssl.SSLContext.wrap_socket

    def strict(make: Callable[..., ssl.SSLContext]) -> Callable[..., ssl.SSLContext]:
        def made(*given: Any, **named: Any) -> ssl.SSLContext:
            context = make(*given, **named)
            context.verify_flags |= ssl.VERIFY_X509_STRICT
            return context

        return made

    def noted(context: ssl.SSLContext, connection: socket.socket, *given: Any, **named: Any) -> ssl.SSLSocket:
        if context.verify_mode is ssl.CERT_REQUIRED:
            asked.append(context.verify_flags & ssl.VERIFY_X509_STRICT)
        return shake_hands(context, connection, *given, **named)

    monkeypatch.setattr(ssl, "create_default_context", strict(ssl.create_default_context))
    monkeypatch.setattr(urllib3.connection, "create_urllib3_context", strict(create_urllib3_context))
    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", noted)
    api.add("beat", wanted=1, ready=1)
    assert [each.name for each in read(account)] == ["beat"]
    assert asked == [0]


def test_a_proxy_that_is_meant_for_others_is_not_told_the_token(
    api: ClusterApi, account: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [nobody] = free_ports(1)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{nobody}")
    api.add("beat", wanted=1, ready=1)
    assert [each.name for each in read(account)] == ["beat"]


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b'{"items": [{"metadata": {"name": "beat"}, "spec": {}}]}'])
def test_an_answer_of_another_shape_is_said(api: ClusterApi, account: Path, body: bytes) -> None:
    api.body = body
    with pytest.raises(ClusterUnreadable, match="the cluster's API"):
        read(account)


def test_an_api_that_nobody_answers_at_is_said(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [nobody] = free_ports(1)
    tell(monkeypatch, nobody)
    with pytest.raises(ClusterUnreadable, match="ConnectionRefusedError"):
        read(account)


def test_one_that_does_not_answer_is_left_alone(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "WITHIN", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.listen()
        tell(monkeypatch, silent.getsockname()[1])
        with pytest.raises(ClusterUnreadable, match=r"cannot be reached: \w*[Tt]imeout"):
            read(account)


def test_the_report_has_a_line_of_it(api: ClusterApi, account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ours(namespace: str) -> list[Rollout]:
        return read_rollouts(namespace, account=account)

    monkeypatch.setattr(health_parts, "ACCOUNT", account)
    monkeypatch.setattr(health_parts, "read_rollouts", ours)
    api.add("beat", wanted=1, ready=1)
    assert [(part.name, part.well) for part in cluster_parts("texts")] == [("rollouts", True)]
    api.add("console", wanted=2, ready=0)
    [part] = cluster_parts("texts")
    assert (part.well, part.found) == (False, "console 0 of 2")
    api.status = 403
    [part] = cluster_parts("texts")
    assert (part.well, "service account" in part.remedy) == (False, True)


def test_a_certificate_nobody_vouches_for_has_no_date(api: ClusterApi) -> None:
    assert certificate_until(f"https://localhost:{api.port}/webhooks/openphone") is None
    assert certificate_until("http://localhost/webhooks/openphone") is None


def test_how_long_a_certificate_holds(api: ClusterApi, account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(account / "ca.crt"))
    until = certificate_until(f"https://localhost:{api.port}/webhooks/openphone")
    assert until is not None
    assert until.year > 2100
