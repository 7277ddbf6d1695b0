"""What a data folder keeps between runs: its addresses, passwords and secrets, and the environment made of them."""

import base64
import hmac
import json
import os
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

from services.cli.laptop.ports import free_ports, is_free
from services.cli.laptop.postgres import USER
from services.cli.laptop.run_file import write_private
from services.core.storage.rights import Component, login

NAME = "stack.json"
PLACE, PLACE_SETTING = "place", "ATTACKACRACK_PLACE"
MACHINE = Path("/etc/machine-id")
SETTINGS = "settings.env"
DATABASE = "attackacrack"
DATABASE_URL = "ATTACKACRACK_DATABASE_URL"
INGRESS_URL = "ATTACKACRACK_INGRESS_URL"
WEBHOOK_ID = "ATTACKACRACK_PROVIDER_WEBHOOK_ID"
OTLP_ENDPOINT, TRACE_QUERY_URL = "ATTACKACRACK_OTLP_ENDPOINT", "ATTACKACRACK_TRACE_QUERY_URL"
TRACE_RECEIVER_PORT = "ATTACKACRACK_TRACE_RECEIVER_PORT"
OUR_NUMBER = "+12125550100"
MEASURED = ("webhook_ingress", "console", "campaign_worker", "webhook_worker", "operations_worker", "beat")
"""The roles that answer Prometheus, each on a port of its own: `metrics_<role>`."""

PORTS = (
    *("ingress", "console", "flower", "simulator", "postgres", "valkey", "traces"),
    *(f"metrics_{role}" for role in MEASURED),
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Made once per folder."""

    ports: Mapping[str, int]
    postgres_password: str
    valkey_password: str
    provider_api_key: str
    phone_number_id: str
    phone_number: str
    webhook_secret_standard: str
    webhook_secret_legacy: str
    flower_password: str
    api_token: str

    @property
    def local_ingress(self) -> str:
        """Where the simulator delivers; a public address that the user names leads here too."""
        return f"{self.url('ingress')}/webhooks/openphone"

    def url(self, name: str) -> str:
        """The address of one of `PORTS`' HTTP roles, or of `database` or `redis` with its password."""
        match name:
            case "database":
                return f"postgresql://{USER}:{self.postgres_password}@127.0.0.1:{self.ports['postgres']}/{DATABASE}"
            case "redis":
                return f"redis://:{self.valkey_password}@127.0.0.1:{self.ports['valkey']}/0"
            case _:
                return f"http://127.0.0.1:{self.ports[name]}"


def database_passwords(identity: Identity) -> dict[str, str]:
    """A password for the login of each component, made of the owner's, which none of them tells."""
    owner = identity.postgres_password.encode()
    return {each.value: hmac.new(owner, each.encode(), "sha256").hexdigest() for each in Component}


def database_urls(identity: Identity) -> dict[str, str]:
    """What each component signs in with; the stack's own address of the database is its owner's."""
    place = f"127.0.0.1:{identity.ports['postgres']}/{DATABASE}"
    return {
        component: f"postgresql+psycopg://{login(DATABASE, Component(component))}:{password}@{place}"
        for component, password in database_passwords(identity).items()
    }


def metrics_urls(identity: Identity) -> dict[str, str]:
    """Where each role answers Prometheus."""
    return {role: f"http://127.0.0.1:{identity.ports[f'metrics_{role}']}/metrics" for role in MEASURED}


def load_identity(data_dir: Path, *, port_base: int | None = None) -> Identity:
    """The folder's identity, made and stored when it has none.

    Addresses stay, unless `port_base` asks for others or somebody else listens there. A copy never takes those that it
    brought along: the first folder's settings, with the same passwords, would lead to it. Raises `NoFreePort`.
    """
    path = data_dir / NAME
    identity = Identity(**json.loads(path.read_text())) if path.exists() else _new_identity()
    others = frozenset(identity.ports.values()) if is_copy(data_dir) else frozenset[int]()
    if port_base is not None or others or not all(map(is_free, identity.ports.values())):
        identity = replace(identity, ports={})
    missing = [name for name in PORTS if name not in identity.ports]
    added = dict(zip(missing, free_ports(len(missing), base=port_base, but_not=others), strict=True)) if missing else {}
    identity = replace(identity, ports={**identity.ports, **added})
    write_private(path, json.dumps(asdict(identity), indent=2) + "\n")
    return identity


def place_of(data_dir: Path) -> str:
    """Tells the folder from its copies: moved within a disk it keeps its place, copied or put back it has another.

    It is what no copy can bring along: when and where the disk made the folder's mark, and on which machine.
    """
    mark = data_dir / PLACE
    if not mark.exists():  # a touch would change what is known of it
        mark.touch(mode=0o600)
    known = mark.stat()
    machine = MACHINE.read_text().strip() if MACHINE.exists() else ""
    return sha256(f"{machine}/{known.st_ino}/{known.st_ctime_ns}".encode()).hexdigest()[:16]


def is_copy(data_dir: Path) -> bool:
    """Whether the settings in the folder are those of another place: it was copied, and no stack begun in it since."""
    try:
        known = read_settings_file(data_dir).get(PLACE_SETTING)
    except FileNotFoundError:
        return False
    return known is not None and known != place_of(data_dir)


def environment_of(identity: Identity, *, data_dir: Path, provider_rate: float) -> dict[str, str]:
    """The settings that make a process part of this stack."""
    values = {
        "DATA_DIR": data_dir,
        "PLACE": place_of(data_dir),
        "DATABASE_URL": identity.url("database").replace("postgresql://", "postgresql+psycopg://"),
        "REDIS_URL": identity.url("redis"),
        "PROVIDER": "simulator",
        "PROVIDER_BASE_URL": identity.url("simulator"),
        "PROVIDER_API_KEY": identity.provider_api_key,
        "PROVIDER_PHONE_NUMBER_ID": identity.phone_number_id,
        "PROVIDER_PHONE_NUMBER": identity.phone_number,
        "PROVIDER_RATE": f"{provider_rate:g}",
        "WEBHOOK_SECRETS_STANDARD": identity.webhook_secret_standard,
        "WEBHOOK_SECRETS_LEGACY": identity.webhook_secret_legacy,
        "BIND_HOST": "127.0.0.1",
        "INGRESS_URL": os.environ.get(INGRESS_URL) or identity.local_ingress,
        "INGRESS_PORT": identity.ports["ingress"],
        "CONSOLE_PORT": identity.ports["console"],
        "CONSOLE_URL": identity.url("console"),
        "FLOWER_PORT": identity.ports["flower"],
        "FLOWER_PASSWORD": identity.flower_password,
        "API_TOKEN": identity.api_token,
        "WORKER_CONCURRENCY": 2,
        # somebody watches: what a killed process held comes back sooner, and one number sends a day's texts at once
        "DURATIONS__LEASE": "PT30S",
        "DURATIONS__UNLEASED_AFTER": "PT30S",
        "NUMBER_DAILY_CAP": 1000,
        "ACCOUNT_DAILY_CAP": 5000,
        # the demo's people opt out more often than those of a list may, and its campaign is to reach its end
        "GUARD_AFTER": 1000,
    }
    return {f"ATTACKACRACK_{name}": str(value) for name, value in values.items()} | trace_store(identity)


def trace_store(identity: Identity, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Where spans go and are read: what the user's environment names, else the stack's own receiver."""
    if environment.get(OTLP_ENDPOINT):
        return {name: environment[name] for name in (OTLP_ENDPOINT, TRACE_QUERY_URL) if name in environment}
    url, port = identity.url("traces"), str(identity.ports["traces"])
    return {OTLP_ENDPOINT: url, TRACE_QUERY_URL: url, TRACE_RECEIVER_PORT: port}


def write_settings(data_dir: Path, environment: Mapping[str, str]) -> None:
    """Keep the environment where the CLI, or a shell, finds it."""
    lines = (f"{name}={shlex.quote(value)}\n" for name, value in environment.items())
    write_private(data_dir / SETTINGS, "".join(lines))


def read_settings_file(data_dir: Path) -> dict[str, str]:
    """The environment of the folder's stack; raises `FileNotFoundError` when none was ever started there."""
    assignments = shlex.split((data_dir / SETTINGS).read_text())
    return {name: value for name, _, value in (assignment.partition("=") for assignment in assignments)}


def _new_identity() -> Identity:
    return Identity(
        ports={},
        postgres_password=secrets.token_urlsafe(24),
        valkey_password=secrets.token_urlsafe(24),
        provider_api_key=secrets.token_hex(16),
        phone_number_id=f"PN{secrets.token_hex(5)}",
        phone_number=OUR_NUMBER,
        webhook_secret_standard=f"whsec_{_base64_secret()}",
        webhook_secret_legacy=_base64_secret(),
        flower_password=secrets.token_urlsafe(24),
        api_token=secrets.token_urlsafe(32),
    )


def _base64_secret() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()
