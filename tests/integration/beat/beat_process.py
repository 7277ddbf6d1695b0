"""The clock without the role's checks at its start: the tests' PostgreSQL forgoes fsync, which they refuse."""

from services.beat.__main__ import run_clock
from services.core.runtime import failpoints
from services.core.runtime.logs import configure_logs
from services.core.runtime.settings import settings

if __name__ == "__main__":
    configure_logs(settings())
    failpoints.arm(settings().failpoints)
    run_clock(settings())
