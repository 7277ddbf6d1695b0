"""A public address with a certificate before a stack's ingress: what the chart leaves to an ingress controller."""

import ssl
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from threading import Thread
from typing import Any

import httpx

PASSED_ON = ("content-type", "webhook-id", "webhook-timestamp", "webhook-signature")
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class PublicAddress:
    """Ends TLS at https://localhost and hands each webhook to `ingress`; its authority is the file `authority`."""

    def __init__(self, folder: Path) -> None:
        self.ingress = ""
        self.authority = folder / "authority.pem"
        self._folder = folder
        self._openssl("req", "-x509", *KEY, "-keyout", "authority.key", "-out", "authority.pem", "-subj", "/CN=drill")
        self.renew(days=90)
        self._server = _Server(self)
        self.url = f"https://localhost:{self._server.server_port}/webhooks/openphone"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def renew(self, *, days: int) -> None:
        """Show a certificate from now on that ends in so many days; below zero it ended."""
        names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
        self._openssl("req", *KEY, "-keyout", "leaf.key", "-out", "leaf.csr", *names)
        signed_by = ("-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial", "-copy_extensions", "copy")
        self._openssl("x509", "-req", "-in", "leaf.csr", *signed_by, "-days", str(days), "-out", "leaf.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._folder / "leaf.pem", self._folder / "leaf.key")
        self.context = context

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self._folder, check=True, capture_output=True)


class _Server(ThreadingHTTPServer):
    def __init__(self, address: PublicAddress) -> None:
        self._address = address
        super().__init__(("127.0.0.1", 0), _handler_of(address))

    def get_request(self) -> tuple[socket, Any]:
        raw, client = super().get_request()
        return self._address.context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False), client

    def handle_error(self, *_: object) -> None:
        """A client that does not trust us hangs up: that is its right."""


def _handler_of(address: PublicAddress) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name: self.headers[name] for name in PASSED_ON if name in self.headers}
            answer = httpx.post(address.ingress, content=body, headers=headers, timeout=60, trust_env=False)
            self.send_response(answer.status_code)
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
