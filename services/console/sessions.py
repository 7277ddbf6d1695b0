"""What a browser shows to be let in, and the proof that it was one of our own pages that made it act.

The cookie is bound to this host: `__Host-` with Secure everywhere but on loopback, where browsers speak plain HTTP.
There its name has the port, since all servers of a machine share its cookies.
"""

import hashlib
import hmac
import ipaddress
import re
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from services.core.domain.failures import RefusedInput
from services.core.domain.sign_in import SESSION_AT_MOST

COOKIE = "attackacrack_session"
HOST_COOKIE = f"__Host-{COOKIE}"
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf_token"
SECRET_AT_MOST = 200
SAFE_METHODS = frozenset({"GET", "HEAD"})
OWN_PAGES = frozenset({"same-origin", "none"})
"""What a browser says of a request that one of our pages made, or the person by hand."""


def is_loopback(request: Request) -> bool:
    """Whether the browser reaches us at its own machine's address."""
    name = urlsplit(f"//{_host(request)}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def secret_of(request: Request) -> str:
    """The session's secret that a request shows; empty without one. It may be of a session that has ended."""
    secret = request.cookies.get(_cookie_name(request), "")
    return secret if len(secret) <= SECRET_AT_MOST else ""


def set_cookie(request: Request, response: Response, secret: str) -> None:
    response.set_cookie(
        _cookie_name(request),
        secret,
        max_age=int(SESSION_AT_MOST.total_seconds()),
        path="/",
        secure=not is_loopback(request),
        httponly=True,
        samesite="lax",
    )


def drop_cookie(request: Request, response: Response) -> None:
    response.delete_cookie(
        _cookie_name(request), path="/", secure=not is_loopback(request), httponly=True, samesite="lax"
    )


def csrf_token(request: Request) -> str:
    """What every form of a page holds in the field `csrf_token`, made of the session's secret: no other site has it."""
    return _token(secret_of(request))


def check_origin(request: Request) -> None:
    """A browser names the page that makes it act; pages of other hosts make nobody act here.

    Raises `RefusedInput` (403).
    """
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise _other_site()


def check_call(request: Request, secret: str) -> None:
    """That a call of the API by a session is made by one of our pages. Raises `RefusedInput` (403)."""
    if request.headers.get("sec-fetch-site", "none") not in OWN_PAGES:
        raise _other_site()
    if request.method not in SAFE_METHODS:
        _check_token(secret, request.headers.get(CSRF_HEADER, ""), f"the header {CSRF_HEADER}")


def check_form(request: Request, token: str) -> None:
    """That a form was sent by one of our pages, for who is signed in. Raises `RefusedInput` (403)."""
    check_own_page(request)
    _check_token(secret_of(request), token, f"the field {CSRF_FIELD}")


def check_own_page(request: Request) -> None:
    """That a browser says that one of our pages makes it act; for forms of people who are not signed in yet.

    Raises `RefusedInput` (403), also for a browser that can't keep the session's cookie.
    """
    check_origin(request)
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if (site is None and origin is None) or (site is not None and site not in OWN_PAGES):
        raise _other_site()
    if origin is not None and urlsplit(origin).scheme == "http" and not is_loopback(request):
        detail = "people sign in by https, or at localhost: a browser keeps no session of a page that others can read"
        raise RefusedInput("https_missing", detail, status=403)


def _check_token(secret: str, given: str, where: str) -> None:
    if not hmac.compare_digest(_token(secret).encode(), given.encode()):
        detail = f"{where} is not of this session: load the page again, and repeat what you did"
        raise RefusedInput("csrf_token_invalid", detail, status=403)


def _token(secret: str) -> str:
    return hmac.new(secret.encode(), b"csrf", hashlib.sha256).hexdigest()


def _cookie_name(request: Request) -> str:
    if not is_loopback(request):
        return HOST_COOKIE
    port = re.search(r":(\d+)$", _host(request))
    return f"{COOKIE}_{port[1]}" if port is not None else COOKIE


def _host(request: Request) -> str:
    return request.headers.get("host", "")


def _other_site() -> RefusedInput:
    return RefusedInput("origin_refused", "requests from other sites' pages are refused", status=403)
