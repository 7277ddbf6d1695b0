"""The cluster's API over real TLS: what is asked for, with which account, and what becomes of every answer."""

import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import certifi
import pytest

from services.core.openphone.own_events import certificate_until
from services.core.runtime.cluster import ClusterUnreadable, read_rollouts
from services.core.usecases.operations import health_parts
from services.core.usecases.operations.health_parts import cluster_parts

PEM = Path(__file__).with_name("localhost.pem")  # made for these tests, for localhost alone
TOKEN = "the-service-accounts-token"


@dataclass
class ClusterApi:
    """An API server's answer to one question, behind TLS."""

    deployments: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    asked: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0

    def add(self, name: str, *, wanted: int, ready: int) -> None:
        status = {"readyReplicas": ready, "updatedReplicas": ready, "observedGeneration": 1}
        self.deployments.append(
            {"metadata": {"name": name, "generation": 1}, "spec": {"replicas": wanted}, "status": status}
        )


@pytest.fixture
def api() -> Iterator[ClusterApi]:
    answers = ClusterApi()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers.asked.append((self.path, self.headers.get("authorization", "")))
            body = json.dumps({"items": answers.deployments}).encode()
            self.send_response(answers.status)
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
    Thread(target=server.serve_forever, daemon=True).start()
    yield answers
    server.shutdown()
    server.server_close()


@pytest.fixture
def account(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "ca.crt").write_text(PEM.read_text().partition("-----BEGIN PRIVATE KEY")[0])
    return tmp_path


def read(api: ClusterApi, account: Path) -> list[Any]:
    return read_rollouts("texts", api="localhost", port=api.port, account=account)


def test_it_asks_for_our_deployments_with_the_accounts_token(api: ClusterApi, account: Path) -> None:
    api.add("beat", wanted=2, ready=2)
    api.add("console", wanted=2, ready=1)
    assert [(each.name, each.ready, each.is_complete) for each in read(api, account)] == [
        ("beat", 2, True),
        ("console", 1, False),
    ]
    assert api.asked == [("/apis/apps/v1/namespaces/texts/deployments", f"Bearer {TOKEN}")]


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_refusal_is_said(api: ClusterApi, account: Path, status: int) -> None:
    api.status = status
    with pytest.raises(ClusterUnreadable, match=str(status)):
        read(api, account)


def test_a_server_that_the_cluster_does_not_vouch_for_is_not_told_the_token(api: ClusterApi, account: Path) -> None:
    (account / "ca.crt").write_text(Path(certifi.where()).read_text())
    with pytest.raises(ClusterUnreadable, match="SSLCertVerificationError"):
        read(api, account)
    assert api.asked == []


def test_the_report_has_a_line_of_it(api: ClusterApi, account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ours(namespace: str) -> list[Any]:
        return read_rollouts(namespace, api="localhost", port=api.port, account=account)

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
