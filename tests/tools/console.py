"""The console as a process of its own, as `tests/integration/http` attacks it, with a live token for each role."""

from pathlib import Path

from services.core.domain.access import Role
from services.core.runtime.settings import read_settings
from services.core.storage import installation, tokens
from services.core.usecases.context import Context
from tests.tools.http_role import HttpRole


class ConsoleProcess(HttpRole):
    role = "console"
    port_setting = "console_port"

    def __init__(self, folder: Path, *, database_url: str, redis_url: str, **settings: str) -> None:
        super().__init__(folder, database_url=database_url, redis_url=redis_url, **settings)
        self.database_url = database_url
        self.tokens = _make_tokens(database_url, redis_url)

    def authorization(self, role: Role) -> dict[str, str]:
        return {"authorization": f"Bearer {self.tokens[role]}"}


def _make_tokens(database_url: str, redis_url: str) -> dict[Role, str]:
    context = Context(read_settings(database_url=database_url, redis_url=redis_url))
    try:
        with context.database.transaction() as session:
            installation.ensure(
                session,
                provider=context.settings.provider,
                environment=context.settings.environment,
                key_fingerprint=context.key_fingerprint,
            )
            return {role: tokens.create(session, name=f"test-{role}", role=role) for role in Role}
    finally:
        context.close()
