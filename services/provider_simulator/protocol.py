"""The server's HTTP protocol, which lets a fault reach the connection beneath a request."""

from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

TRANSPORT = "provider_simulator.transport"


class OpenProtocol(HttpToolsProtocol):
    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast(dict[str, object], self.scope)[TRANSPORT] = self.transport
