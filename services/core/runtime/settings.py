"""One frozen, typed object with every setting, read once at start; nothing else reads the environment.

A value comes from `ATTACKACRACK_<NAME>`, or from the file `attackacrack_<name>` in the folder that
`ATTACKACRACK_SECRETS_DIR` names, or from its default here. Durations are ISO 8601 (`PT30S`) or seconds.
"""

import os
import re
from collections.abc import Callable
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from services.core.runtime import setting_forms as forms
from services.core.runtime.durations import Durations, NotNegative, Positive, TaskLimits, faults

PREFIX = "ATTACKACRACK_"
SECRETS_DIR = f"{PREFIX}SECRETS_DIR"
NAMED_FIELD = re.compile(r'"(\w+)"')


class SettingsInvalid(Exception):
    """The environment does not make a valid configuration; the text names each setting and its fault."""


class ProviderKind(StrEnum):
    SIMULATOR = "simulator"
    QUO = "quo"


class LogFormat(StrEnum):
    JSON = "json"
    CONSOLE = "console"


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError("not a time zone: write it as America/New_York") from error
    return name


def _secret(check: Callable[[str], str]) -> AfterValidator:
    return AfterValidator(lambda secret: SecretStr(check(secret.get_secret_value())))


Zone = Annotated[str, AfterValidator(_known_zone)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Word = Annotated[str, Field(max_length=200), AfterValidator(forms.printable)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
Folder = Annotated[Path, AfterValidator(forms.folder)]
Url = Annotated[str, AfterValidator(forms.http_url)]
Port = Annotated[int, Field(ge=1, le=65535)]
Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]
DatabaseUrl = Annotated[SecretStr, _secret(forms.database_url)]
RedisUrl = Annotated[SecretStr, _secret(forms.redis_url)]
Password = Annotated[SecretStr, _secret(forms.printable)]
Key = Annotated[SecretStr, _secret(forms.header_value)]
SigningKey = Annotated[SecretStr, _secret(forms.signing_key)]


class Settings(BaseSettings):
    """What an installation can set. Secrets are `SecretStr`; an empty one is refused where it is needed."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="ignore", env_ignore_empty=True
    )

    service_name: Word = "attackacrack"
    installation: Word = "attackacrack"
    environment: Word = "development"
    data_dir: Folder | None = None
    run_dir: Folder | None = None
    place: Word = Field(default="", description="of the database's files: a copy of them has another; empty: unknown")

    database_url: DatabaseUrl = SecretStr("")
    database_pool_size: int = Field(default=5, ge=1, le=100)
    component_passwords: dict[str, Password] = Field(
        default_factory=dict, description="by component, for schema migrate alone, which makes their logins"
    )
    redis_url: RedisUrl = SecretStr("redis://127.0.0.1:6379/0")

    provider: ProviderKind = ProviderKind.SIMULATOR
    provider_base_url: Url = "https://api.quo.com"
    provider_api_key: Key = SecretStr("")
    provider_phone_number_id: Word = ""
    provider_phone_number: Annotated[str, AfterValidator(forms.e164)] = ""
    provider_rate: float = Field(default=8.0, gt=0, le=1000, allow_inf_nan=False)
    provider_read_share: float = Field(default=0.2, gt=0, le=1, allow_inf_nan=False)
    provider_webhook_id: Word = ""

    webhook_secrets_standard: Annotated[tuple[SigningKey, ...], NoDecode] = ()
    webhook_secrets_legacy: Annotated[tuple[SigningKey, ...], NoDecode] = ()
    ingress_url: Url = ""
    webhook_max_body: int = Field(default=256 * 1024, ge=1024)
    webhook_body_timeout: Positive = timedelta(seconds=10)
    signature_tolerance: Positive = timedelta(minutes=5)

    business_zone: Zone = "America/New_York"
    closed_days: Annotated[tuple[date, ...], NoDecode] = ()
    allowed_countries: Annotated[tuple[Country, ...], NoDecode] = ("US",)
    contact_frequency: NotNegative = timedelta(days=30)
    number_daily_cap: int = Field(default=125, ge=1)
    account_daily_cap: int = Field(default=1000, ge=1)
    scheduled_start_drift: Share = Field(default=0.05, description="of the approved texts: more of others waits")
    guard_after: int = Field(default=50, ge=1, description="texts before a campaign may stop itself")
    guard_failed: Share = Field(default=0.1, description="of texts with an outcome; 1 stops nothing")
    guard_undelivered: Share = Field(default=0.2, description="of texts with an outcome; 1 stops nothing")
    guard_opt_outs: Share = Field(default=0.03, description="of people texted; 1 stops nothing")

    follow_up_text: Text = "Hi {{first_name|there}}, thank you for letting us work on your home. How did we do?"
    help_text: Text = "Attack-a-Crack, foundation repair. A person reads what you write here. Reply STOP to opt out."
    reminder_text: Text = "Hi {{first_name|there}}, a short review of our work would mean a lot to us. Thank you!"
    follow_up_texts: dict[str, Text] = Field(
        default_factory=dict, description="by job type, in place of the text above"
    )
    reminder_texts: dict[str, Text] = Field(default_factory=dict, description="by job type, in place of the text above")

    durations: Durations = Durations()
    time_scale: float = Field(default=1.0, ge=1, le=10_000, allow_inf_nan=False)
    celery: TaskLimits = TaskLimits()

    ingress_port: Port = 8080
    console_port: Port = 8081
    console_url: Url = Field(default="http://localhost:8081", description="as browsers reach it: in sign-in links")
    flower_port: Port = 5555
    flower_user: Annotated[str, AfterValidator(forms.user_name)] = "operator"
    flower_password: Password = SecretStr("")
    bind_host: Annotated[str, AfterValidator(forms.address)] = "127.0.0.1"
    worker_concurrency: int = Field(default=2, ge=1, le=64)

    kubernetes_namespace: Word = ""
    otlp_endpoint: Url = ""
    metrics_port: int = Field(default=0, ge=0, le=65535, description="0 serves none")
    trace_query_url: Url = ""
    trace_receiver_port: Port = 4318
    trace_sample_ratio: float = Field(default=1.0, ge=0, le=1, allow_inf_nan=False)
    log_format: LogFormat = LogFormat.JSON
    log_level: Annotated[str, AfterValidator(forms.log_level)] = "INFO"
    failpoints: str = ""

    @model_validator(mode="before")
    @classmethod
    def _lists_from_commas(cls, values: dict[str, object]) -> dict[str, object]:
        names = ("webhook_secrets_standard", "webhook_secrets_legacy", "closed_days", "allowed_countries")
        return values | {name: _split(values[name]) for name in names if name in values}

    @model_validator(mode="after")
    def _simulator_only(self) -> Self:
        if self.provider is ProviderKind.SIMULATOR:
            return self
        for name, is_set in (
            ("time_scale", self.time_scale != 1),
            ("failpoints", bool(self.failpoints)),
            ("provider_base_url", not self.provider_base_url.startswith("https://")),
        ):
            if is_set:
                raise ValueError(f"{variable(name)}: this value is for the simulator only; a real provider refuses it")
        return self

    @model_validator(mode="after")
    def _durations_fit(self) -> Self:
        broken = [f"{variable(fault.setting)}: {fault.says}" for fault in faults(self.durations, self.celery)]
        if broken:
            raise ValueError("; ".join(broken))
        return self

    @property
    def timings(self) -> Durations:
        """The durations in force: `durations` divided by `time_scale`."""
        return self.durations.scaled(self.time_scale)


def read_settings(**overrides: Any) -> Settings:
    """Read the environment and the secrets folder.

    Raises `SettingsInvalid` with one line per wrong setting, named as the environment names it.
    """
    try:
        return Settings(_secrets_dir=os.environ.get(SECRETS_DIR), **overrides)  # type: ignore[call-arg]
    except ValidationError as error:
        raise SettingsInvalid("; ".join(map(_fault, error.errors(include_url=False)))) from None
    except SettingsError as error:  # its own words are the field's name, in quotes
        named = NAMED_FIELD.search(str(error))
        raise SettingsInvalid(f"{variable(named[1]) if named else PREFIX}: not JSON: write {{...}}") from None
    except (OSError, UnicodeError) as error:
        raise SettingsInvalid(f"{SECRETS_DIR}: a file in it can't be read ({type(error).__name__})") from None


def variable(*place: str | int) -> str:
    """How the environment names a setting, or one part of it."""
    name, *parts = place
    numbered = "".join(f", the {part + 1}. value" if isinstance(part, int) else f"__{part}".upper() for part in parts)
    return f"{PREFIX}{name}".upper() + numbered


def _fault(error: ErrorDetails) -> str:
    words = error["msg"].removeprefix("Value error, ")
    return f"{variable(*error['loc'])}: {words}" if error["loc"] else words


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The process's settings, read at the first call."""
    return read_settings()
