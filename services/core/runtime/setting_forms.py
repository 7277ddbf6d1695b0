"""What the value of a setting must look like. Each check answers the value; it raises `ValueError` with the remedy.

No message holds the value, or a part of it: an address holds a password, and what is misplaced may be one.
"""

import binascii
import logging
import re
from base64 import b64decode
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import unquote, urlsplit

DRIVER = "postgresql+psycopg"
DATABASE_FORM = "postgresql://user:password@host:5432/name"
REDIS_FORM = "redis://user:password@host:6379/0"
SHORTEST_KEY = 16
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9._-]{1,253}")
RESERVED = {"#": "%23", "/": "%2F", "?": "%3F", "@": "%40", "[": "%5B", "]": "%5D"}
LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def printable(text: str) -> str:
    """One line without blanks around it: a line end is what a file or a shell adds unseen."""
    if text != text.strip() or not text.isprintable():
        raise ValueError("it holds a line end, a control character or a blank around it: take that away")
    return text


def header_value(text: str) -> str:
    """What can stand in a header of HTTP."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("it holds a blank, a line end or a letter that no key has: copy the key again")
    return text


def signing_key(text: str) -> str:
    """Base64 of at least 16 bytes, with or without `whsec_`."""
    try:
        key = b64decode(text.strip().removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64, or cut off: copy the whole key, with the = at its end") from error
    if len(key) < SHORTEST_KEY:
        raise ValueError(f"shorter than {SHORTEST_KEY} bytes: copy the whole key")
    return text


def e164(text: str) -> str:
    if text and not re.fullmatch(r"\+[1-9][0-9]{7,14}", text):
        raise ValueError("write the number as +12125550100")
    return text


def user_name(text: str) -> str:
    """A name in front of a password, which a colon parts."""
    if not text or ":" in printable(text):
        raise ValueError("it is empty or holds a colon: choose another name")
    return text


def address(text: str) -> str:
    """What to listen on."""
    try:
        ip_address(text)
    except ValueError as error:
        if not HOST_NAME.fullmatch(text) or text.replace(".", "").isdecimal():
            raise ValueError("not an address to listen on: 127.0.0.1, 0.0.0.0 or ::") from error
    return text


def folder(path: Path) -> Path:
    if any(part.is_file() for part in (path, *path.parents)):
        raise ValueError("there is a file in the place of the folder: name a folder")
    return path


def log_level(text: str) -> str:
    if text.upper() not in logging.getLevelNamesMapping():
        raise ValueError("write DEBUG, INFO, WARNING, ERROR or CRITICAL")
    return text.upper()


def http_url(text: str) -> str:
    """An address of HTTP, or none."""
    if not text:
        return text
    form = "write it as https://host:port/path"
    try:
        parts = urlsplit(header_value(text))
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"not an address: {form}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"not an address of HTTP: {form}")
    return text


def database_url(text: str) -> str:
    """The address with our driver. PostgreSQL's own tools write it without: postgresql://, or the older postgres://."""
    scheme, separator, rest = text.partition("://")
    if not text:
        return text
    if scheme not in ("postgres", "postgresql", DRIVER) or not separator:
        raise ValueError(f"not the address of a PostgreSQL database: {DATABASE_FORM}")
    hosts, name, options = _parts(rest, form=DATABASE_FORM)
    if not (hosts or "host=" in options):
        raise ValueError(f"it names no host: {DATABASE_FORM}")
    if not name:
        raise ValueError(f"it names no database: {DATABASE_FORM}")
    return f"{DRIVER}://{rest}"


def redis_url(text: str) -> str:
    """The address of a Redis or Valkey; rediss:// is over TLS."""
    scheme, separator, rest = text.partition("://")
    if scheme not in ("redis", "rediss") or not separator:
        raise ValueError(f"not the address of a Redis: {REDIS_FORM}")
    hosts, database, options = _parts(rest, form=REDIS_FORM)
    if not hosts or "," in hosts:
        raise ValueError(f"it names no single host: {REDIS_FORM}")
    if database and not re.fullmatch(r"[0-9]{1,4}", database):
        raise ValueError(f"the database after the last / is a number: {REDIS_FORM}")
    if any(not option.startswith("ssl_") for option in filter(None, options.split("&"))):
        raise ValueError("of the options after ? only those that begin with ssl_ are known: take the others away")
    return text


def _parts(rest: str, *, form: str) -> tuple[str, str, str]:
    """Hosts, database and options of an address; everything before the last @ is user and password."""
    user, _, place = rest.rpartition("@")
    _check_signs(user)
    place, _, options = place.partition("?")
    hosts, _, database = place.partition("/")
    if "#" in place or "#" in options:
        raise ValueError(_write_as("#"))
    if not (rest.isascii() and rest.isprintable()) or " " in rest:
        raise ValueError(f"it holds a blank or another sign that no address has: {form}, the rest written as %..")
    for host in filter(None, hosts.split(",")):
        _check_host(host, form=form)
    if "/" in database or not unquote(database).isprintable():
        raise ValueError(_write_as("/"))
    return hosts, database, options


def _check_signs(text: str) -> None:
    for sign in RESERVED:
        if sign in text:
            raise ValueError(_write_as(sign))
    if LONE_PERCENT.search(text):
        raise ValueError("a % in user or password is written as %25")


def _write_as(sign: str) -> str:
    return f"a {sign} in user or password is written as {RESERVED[sign]}"


def _check_host(host: str, *, form: str) -> None:
    name, port = host, ""
    if not host.endswith("]") and ":" in host:
        name, _, port = host.rpartition(":")
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError(f"the port is not a number from 1 to 65535: {form}")
    if not HOST.fullmatch(name):
        raise ValueError(f"the host is not a name or an address: {form}; other signs belong to user and password")
