"""What a command says when it fails: one line with the remedy, and an exit code that a script can go by."""

from enum import IntEnum

from services.core.domain.failures import RefusedInput

MIGRATE = "attackacrack schema migrate"


class ExitCode(IntEnum):
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    UNREACHABLE = 4
    INTERRUPTED = 130


def explain(error: Exception) -> tuple[ExitCode, str]:
    """The exit code, and `<what>: <remedy>`."""
    if isinstance(error, RefusedInput):
        own = "; a field of your list's own is named with --field" if error.code == "unknown_field" else ""
        return ExitCode.REFUSED, error.detail + own
    return _refused(error) or _unreachable(error) or _unfit(error) or _unexpected(error)


def _refused(error: Exception) -> tuple[ExitCode, str] | None:
    from services.core.domain.contacts_csv import FileRefused
    from services.core.openphone.errors import ProviderError

    if isinstance(error, FileRefused):
        return ExitCode.REFUSED, str(error)
    if isinstance(error, UnicodeError):
        return ExitCode.REFUSED, "an argument is not readable text: give it as UTF-8"
    if isinstance(error, ProviderError) and not error.retryable:
        return ExitCode.REFUSED, f"the provider refused ({error.reason}): nothing was changed"
    return None


def _unreachable(error: Exception) -> tuple[ExitCode, str] | None:
    import httpx
    import psycopg

    from services.cli.demo.provider import SimulatorUnavailable
    from services.cli.stack_settings import StackNotFound
    from services.core.openphone.errors import ProviderError
    from services.core.queue.enqueue import BrokerUnavailable
    from services.core.queue.throttle import ThrottleUnavailable
    from services.core.runtime.trace_reader import TracesUnreadable
    from services.core.storage.database import DatabaseRefused, DatabaseUnavailable, RowLocked
    from services.core.storage.schema import SchemaNotReady

    match error:
        case DatabaseRefused():
            return None
        case StackNotFound():
            line = str(error)
        case RowLocked():
            line = "somebody works on the same right now: nothing was done, try again"
        case DatabaseUnavailable():
            line = f"the database cannot be reached ({error}): is the stack up? attackacrack up"
        case SchemaNotReady():
            line = f"the schema is not ready ({error}): {MIGRATE}"
        case BrokerUnavailable() | ThrottleUnavailable():
            line = "Redis cannot be reached: is the stack up? Work waits in the database meanwhile"
        case ProviderError():
            line = f"the provider cannot be asked ({error.reason}): nothing was changed, try again later"
        case TracesUnreadable():
            line = f"the store of traces cannot be read ({error}): is it up? ATTACKACRACK_TRACE_QUERY_URL names it"
        case SimulatorUnavailable() | httpx.HTTPError():
            line = f"the simulator cannot be reached ({type(error).__name__}): is the stack up? attackacrack up"
        case _ if isinstance(getattr(error, "orig", None), psycopg.OperationalError):
            said = " ".join(str(getattr(error, "orig", "")).split())
            line = f"the database cannot be reached ({said}): is the stack up? attackacrack up"
        case _:
            return None
    return ExitCode.UNREACHABLE, line


def _unfit(error: Exception) -> tuple[ExitCode, str] | None:
    import psycopg.errors

    from services.core.runtime.settings import SettingsInvalid
    from services.core.storage.database import DatabaseRefused, RightMissing
    from services.core.storage.schema import SchemaTooNew

    if isinstance(error, SettingsInvalid | DatabaseRefused):
        return ExitCode.USAGE, f"the settings are not valid: {error}"
    if isinstance(error, SchemaTooNew | RightMissing):
        return ExitCode.FAILED, str(error)
    if isinstance(getattr(error, "orig", None), psycopg.errors.UndefinedTable | psycopg.errors.UndefinedFunction):
        return ExitCode.FAILED, f"the database has no schema yet: {MIGRATE}"
    if type(error).__name__ == "NoResultFound":  # SQLAlchemy's, whose only home is the storage
        return ExitCode.FAILED, "the installation is not set up yet: start one of its roles first"
    return None


def _unexpected(error: Exception) -> tuple[ExitCode, str]:
    return ExitCode.FAILED, f"unexpected {type(error).__name__}: set ATTACKACRACK_LOG_LEVEL=DEBUG to see where"
