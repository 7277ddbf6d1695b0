"""A person's browser at the console, as far as cookies and headers go: what it says of who makes it act."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx


@dataclass
class Browser:
    """`host` is what stands in its address bar; the connection goes to `url` whatever that is."""

    url: str
    host: str = ""
    scheme: str = "http"
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.host = self.host or urlsplit(self.url).netloc
        self.client = httpx.Client(base_url=self.url, timeout=30, trust_env=False, follow_redirects=False)

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}"

    def open(self, path: str, **headers: str) -> httpx.Response:
        """As by a link or by hand."""
        return self.client.get(path, headers={"host": self.host, "user-agent": "Browser/1"} | headers)

    def submit(self, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
        """A form of our own page, unless the headers say otherwise."""
        own = {"host": self.host, "user-agent": "Browser/1", "origin": self.origin, "sec-fetch-site": "same-origin"}
        return self.client.post(
            path, data=fields, headers=own | {name.replace("_", "-"): headers[name] for name in headers}
        )

    def enter(self, link: str, *, to: str = "/") -> httpx.Response:
        """Open a sign-in link and press the button."""
        code = parse_qs(urlsplit(link).query)["code"][0]
        assert self.open(f"/enter?code={code}").status_code == 200
        return self.submit("/enter", {"code": code, "next": to})

    def cookies(self) -> dict[str, str]:
        return dict(self.client.cookies)

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The API, as a script of our own page calls it."""
        headers = {"host": self.host, "origin": self.origin, "sec-fetch-site": "same-origin"}
        return self.client.request(method, f"/api/v1{path}", headers=headers | options.pop("headers", {}), **options)

    def close(self) -> None:
        self.client.close()
