"""What the server's errors mean for the connection they came on, and for whoever tries again.

An error is about the statement (it is raised as it is), about the connection (it is thrown away, with all that were
opened before it, and the work may be tried again on another), or about the settings (to try again is no use).
"""

import re

import psycopg

CONDEMNING_CLASSES = ("08", "57P", "58")
"""Connection exceptions and protocol violations, the server's end or restart, and errors of its machine."""

CONDEMNING_STATES = frozenset(
    {
        "25006",  # read only: a standby, or a server that is full or being moved
        "25P03",  # the session stood idle in its transaction
        "25P04",  # the transaction took too long; the session ends with it
        "26000",  # a prepared statement is gone: this is another session than the one that made it
        "42P05",  # or is there already
        "40001",  # without serialisable transactions only a standby says so: its recovery came first
        "55000",  # likewise: "recovery is in progress"
    }
)
REFUSALS = (
    (r"password authentication failed|no password supplied", "user and password are not accepted"),
    (r"role \".*\" does not exist", "there is no such user: create it, or name another"),
    (r"role \".*\" is not permitted to log in", "this user may not log in: ALTER ROLE ... LOGIN"),
    (r"database \".*\" does not exist", "there is no such database: CREATE DATABASE, or name another"),
    (r"permission denied for database", "this user may not connect: GRANT CONNECT ON DATABASE ... TO ..."),
    (r"no pg_hba\.conf entry|pg_hba\.conf rejects", "the server's pg_hba.conf does not let this user in from here"),
    (r"server does not support SSL|SSL was required", "the server and sslmode do not agree: change one of them"),
    (r"certificate verify failed|server certificate for", "the server's certificate is not the one sslmode asks for"),
    (r"unsupported startup parameter|no such user|no such database", "this is a connection pooler: {direct}"),
    (r"invalid (?:URI query parameter|connection option|\S+ value)|could not parse", "an option after ? is not known"),
)
"""What is said before there is a session carries no code, so that only the words tell."""

UNKNOWN_LOGIN = re.compile(r"password authentication failed|role \".*\" does not exist")
"""For a login that is not there yet the server has the words of a wrong password."""

DIRECT = "give PostgreSQL's own address, for our processes keep sessions; they have a small pool each"


def condemns(error: BaseException | None) -> bool:
    """Whether the connection on which this came must not be used again."""
    state = getattr(error, "sqlstate", None) or ""
    return state in CONDEMNING_STATES or state.startswith(CONDEMNING_CLASSES)


def is_unknown_login(error: BaseException | None) -> bool:
    """Whether the server doesn't know this user with this password, as before a migration that makes the login."""
    return isinstance(error, psycopg.Error) and not error.sqlstate and bool(UNKNOWN_LOGIN.search(str(error)))


def refusal_of(error: BaseException | None) -> str | None:
    """What the settings must change before it can be of use to connect again; `None` when it may pass by itself."""
    if not isinstance(error, psycopg.Error) or error.sqlstate:
        return None
    for words, remedy in REFUSALS:
        if re.search(words, str(error)):
            return remedy.format(direct=DIRECT)
    return None
