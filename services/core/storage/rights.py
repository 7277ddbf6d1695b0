"""What each component may do in the database: declared here once, granted by the migrations, checked at every start.

A component signs in as `<database>_<component>`. The tables' owner runs the migrations and nothing else. An
installation whose components all sign in as the owner works too; `shares_the_owner` says so, and health does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from psycopg import sql
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from services.core.storage.models import Base

READ, ADD, CHANGE, REMOVE = "SELECT", "INSERT", "UPDATE", "DELETE"
REMEDY = "the database's owner runs attackacrack schema migrate, or what attackacrack schema grants prints"
BOOKKEEPING = ("alembic_version", "schema_compatibility")


class Component(StrEnum):
    WEBHOOK_INGRESS = "webhook_ingress"
    CONSOLE = "console"
    WEBHOOK_WORKER = "webhook_worker"
    CAMPAIGN_WORKER = "campaign_worker"
    OPERATIONS_WORKER = "operations_worker"
    BEAT = "beat"


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on a table, or on some of its columns only."""

    verb: str
    columns: tuple[str, ...] = ()


def _all(verbs: str) -> tuple[Right, ...]:
    return tuple(Right(verb) for verb in verbs.split())


R, RA, RC, RAC = _all("SELECT"), _all("SELECT INSERT"), _all("SELECT UPDATE"), _all("SELECT INSERT UPDATE")
RACD = _all("SELECT INSERT UPDATE DELETE")
RD, RAD = _all("SELECT DELETE"), _all("SELECT INSERT DELETE")

# What everybody reads to know the product's time, and whether sending is stopped; the first role makes the row.
INSTALLATION = {"installation": RA}
# A person's number is found, made and locked in one way by all who hear from it; an erased number takes back its row.
NUMBERS = {"contacts": RACD, "opt_outs": RAC, "reviews": RAC}
# Who records an opt-out lifts none.
HEARD = (Right(ADD), Right(READ), Right(CHANGE, ("said_at", "e164")))
HISTORY = {"task_runs": RAC, "dead_letters": RAC}
SENDING = {"messages": RAC, "attempts": RAC, "decisions": RA, "looks": RA, "cap_counters": RAC, "campaigns": RC}

RIGHTS: Mapping[Component, Mapping[str, tuple[Right, ...]]] = {
    # Open to the world: it stores what it can't read again, and can end texts but not write or read one.
    Component.WEBHOOK_INGRESS: INSTALLATION
    | NUMBERS
    | {
        "inbox": (Right(ADD), Right(READ, ("id", "dedupe_key", "body_hash", "status", "reason"))),
        "messages": (
            Right(READ, ("id", "contact_id", "status", "fence")),
            Right(
                CHANGE,
                ("status", "reason", "lease_until", "published_at", "fence", "opted_out_in_flight", "updated_at"),
            ),
        ),
        "opt_outs": HEARD,
        "reviews": RA,
    },
    Component.WEBHOOK_WORKER: INSTALLATION
    | NUMBERS
    | HISTORY
    | SENDING
    | {"inbox": RC, "effects": RAD, "recipients": R, "jobs": R, "scheduled_runs": R},
    # Before it sends it takes over what people wrote, from the provider's list, as a gap audit does.
    Component.CAMPAIGN_WORKER: INSTALLATION
    | NUMBERS
    | HISTORY
    | SENDING
    | {
        "installation": RAC,
        "inbox": RAC,
        "recipients": R,
        "opt_outs": HEARD,
        "reviews": RA,
        "effects": R,
        "audit": RA,
        "scheduled_runs": R,
    },
    Component.OPERATIONS_WORKER: INSTALLATION
    | NUMBERS
    | HISTORY
    | SENDING
    | {
        "installation": RAC,
        "inbox": RAC,
        "effects": RAD,
        "decisions": RAD,
        "looks": RAD,
        "dead_letters": RACD,
        "task_runs": RACD,
        "health_reports": RAD,
        "idempotency_keys": RD,
        "agreements": (Right(READ, ("id", "expires_at")), Right(REMOVE)),
        "sign_in_links": (Right(READ, ("id", "expires_at")), Right(REMOVE)),
        "user_sessions": (Right(READ, ("id", "created_at")), Right(REMOVE)),
        "recipients": RACD,
        "imports": RAC,
        "import_rows": RACD,
        "jobs": RAC,
        "schedule_controls": RAC,
        "scheduled_runs": RAC,
        "beat_lease": R,
        "audit": RA,
    },
    Component.BEAT: INSTALLATION
    | {
        "messages": RC,
        "attempts": RC,
        "decisions": RA,
        "campaigns": RC,
        "inbox": RC,
        "cap_counters": R,
        "contacts": R,
        "recipients": R,
        "reviews": R,
        "opt_outs": R,
        "jobs": R,
        "effects": R,
        "imports": RC,
        "beat_lease": RAC,
        "schedule_controls": RAC,
        "scheduled_runs": RAC,
        "task_runs": RC,
        "dead_letters": R,
        "health_reports": R,
        "audit": RA,
    },
    # Every verb of the operators, and the only one that makes tokens and lets people in.
    Component.CONSOLE: INSTALLATION
    | NUMBERS
    | HISTORY
    | SENDING
    | {
        "installation": RAC,
        "api_tokens": RAC,
        "users": RAC,
        "sign_in_links": RAC,
        "user_sessions": RAC,
        "agreements": RAC,
        "user_passwords": RACD,
        "recovery_codes": RACD,
        "idempotency_keys": RACD,
        "inbox": RAC,
        "effects": RAD,
        "recipients": RACD,
        "imports": RAC,
        "import_rows": RACD,
        "campaigns": RACD,
        "jobs": RAC,
        "schedule_controls": RAC,
        "scheduled_runs": RAC,
        "beat_lease": R,
        "health_reports": RA,
        "audit": RA,
    },
}


def login(database: str, component: Component) -> str:
    """The name that a component signs in with."""
    return f"{database}_{component}"


def grants(database: str) -> Iterator[str]:
    """The statements that give every component its rights and nothing else, for the tables' owner to run."""
    for component in Component:
        yield from (statement.as_string() for statement in _grants(database, component))


def script(database: str) -> str:
    """What a database's administrator runs once, with passwords of their own in place of the question marks."""
    logins = [f"CREATE ROLE {_quoted(login(database, each))} LOGIN PASSWORD '?';" for each in Component]
    return "\n".join([*logins, *(f"{statement};" for statement in grants(database))])


def apply(connection: Connection, *, passwords: Mapping[str, str]) -> list[Component]:
    """Give each component that can sign in its rights, in one transaction; those with a password get their login first.

    Answers who can sign in. The connection is the owner's.
    """
    database = str(connection.scalar(text("SELECT current_database()")))
    driver = connection.connection.driver_connection
    if driver is None:
        raise RuntimeError("there is no connection")
    for component, password in passwords.items():
        name = login(database, Component(component))
        verb = "ALTER" if _exists(connection, name) else "CREATE"
        query = sql.SQL(verb + " ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(password))
        driver.execute(query)
    present = [component for component in Component if _exists(connection, login(database, component))]
    for component in present:
        for statement in _grants(database, component):
            driver.execute(statement)
    connection.commit()
    return present


def missing(session: Session, component: Component) -> list[str]:
    """The declared rights that this session's user lacks, as `INSERT on messages`."""
    wanted = [*((table, right) for table, rights in RIGHTS[component].items() for right in rights)]
    wanted += [(table, Right(READ)) for table in BOOKKEEPING]
    return [
        f"{right.verb} on {table}"
        for table, right in wanted
        if not all(
            session.scalar(text("SELECT has_column_privilege(:table, :column, :verb)"), values)
            if values["column"]
            else session.scalar(text("SELECT has_table_privilege(:table, :verb)"), values)
            for values in (
                {"table": table, "column": column, "verb": right.verb} for column in (right.columns or ("",))
            )
        )
    ]


def shares_the_owner(session: Session) -> bool:
    """Whether this session's user owns the tables, and so could change what nobody may."""
    owned = "SELECT pg_has_role(relowner, 'MEMBER') FROM pg_class WHERE oid = 'audit'::regclass"
    return bool(session.scalar(text(owned)))


def undeclared() -> set[str]:
    """Tables of the models that no component has a right on."""
    return set(Base.metadata.tables) - {table for rights in RIGHTS.values() for table in rights}


def _grants(database: str, component: Component) -> Iterator[sql.Composed]:
    name = sql.Identifier(login(database, component))
    yield sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}").format(name)
    yield sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(database), name)
    yield sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(name)
    tables = {table: (Right(READ),) for table in BOOKKEEPING} | dict(RIGHTS[component])
    for table, rights in sorted(tables.items()):
        what = sql.SQL(", ").join(_what(right) for right in rights)
        yield sql.SQL("GRANT {} ON {} TO {}").format(what, sql.Identifier(table), name)


def _what(right: Right) -> sql.Composable:
    if not right.columns:
        return sql.SQL(right.verb)
    columns = sql.SQL(", ").join(map(sql.Identifier, right.columns))
    return sql.SQL(right.verb + " ({})").format(columns)


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string()


def _exists(connection: Connection, name: str) -> bool:
    return bool(connection.scalar(text("SELECT count(*) FROM pg_roles WHERE rolname = :name"), {"name": name}))
