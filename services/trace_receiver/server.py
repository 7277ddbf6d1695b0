"""OTLP over HTTP in, Jaeger's query API out; on loopback, for one laptop."""

import gzip
import json
import zlib
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from services.trace_receiver.store import NotOtlp, Traces

LARGEST_EXPORT = 16 * 1024 * 1024
PROTOBUF = "application/x-protobuf"
JSON = "application/json"
SPANS, TRACE = "/v1/traces", "/api/traces/"
TAKEN_AND_DROPPED = ("/v1/metrics", "/v1/logs")
"""The other signals' addresses: whoever exports them here need not hear that nobody keeps them."""


class Receiver(ThreadingHTTPServer):
    """Serves until it is left; `traces` is what it keeps."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], traces: Traces) -> None:
        self.traces = traces
        super().__init__(address, Handler)

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Receiver
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_POST(self) -> None:
        if self.path in TAKEN_AND_DROPPED:
            self._read()
            self._answer(HTTPStatus.OK, b"", PROTOBUF)
            return
        if self.path != SPANS:
            self._refuse(HTTPStatus.NOT_FOUND, f"spans go to {SPANS}")
            return
        try:
            self.server.traces.add(self._read())
        except (NotOtlp, ValueError, OSError, zlib.error):
            self._refuse(HTTPStatus.BAD_REQUEST, "an export of spans as OTLP protobuf is expected")
        else:
            self._answer(HTTPStatus.OK, b"", PROTOBUF)

    def do_GET(self) -> None:
        if self.path == "/livez":
            self._answer(HTTPStatus.OK, b"{}", JSON)
            return
        spans = self.server.traces.find(self.path.removeprefix(TRACE)) if self.path.startswith(TRACE) else []
        if spans:
            self._write({"data": [_document(spans)], "errors": None})
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "trace not found")

    def log_message(self, format: str, *_: Any) -> None:  # noqa: A002 - the parent's name
        """Say nothing: a line for each export would fill the log."""

    def _read(self) -> bytes:
        length = int(self.headers.get("content-length", ""))
        if not 0 <= length <= LARGEST_EXPORT:
            self.close_connection = True
            raise ValueError("too large")
        body = self.rfile.read(length)
        return gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body

    def _write(self, document: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        self._answer(status, json.dumps(document).encode(), JSON)

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        self._write({"data": None, "errors": [{"code": status.value, "msg": text}]}, status)

    def _answer(self, status: HTTPStatus, body: bytes, media_type: str) -> None:
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _document(spans: list[dict[str, Any]]) -> dict[str, Any]:
    """A trace with its processes set apart, as Jaeger has them."""
    processes = {json.dumps(span["process"]): span["process"] for span in spans}
    names = {key: f"p{number}" for number, key in enumerate(processes, start=1)}
    return {
        "traceID": spans[0]["traceID"],
        "spans": [
            {name: value for name, value in span.items() if name != "process"}
            | {"processID": names[json.dumps(span["process"])]}
            for span in spans
        ],
        "processes": {names[key]: process for key, process in processes.items()},
    }
