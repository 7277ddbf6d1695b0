"""Every option of the simulator, from the command line or from ATTACKACRACK_SIMULATOR_* in the environment."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, CliApp, SettingsConfigDict

USAGE = 2
Seconds = Annotated[float, Field(ge=0)]


class Settings(BaseSettings):
    """Durations are seconds of real time unless said otherwise; `time_factor` shortens those of lives and retries."""

    model_config = SettingsConfigDict(
        env_prefix="ATTACKACRACK_SIMULATOR_",
        env_ignore_empty=True,
        secrets_dir=os.environ.get("ATTACKACRACK_SECRETS_DIR"),
        frozen=True,
        extra="ignore",
        cli_kebab_case=True,
        cli_prog_name="python -m services.provider_simulator",
    )

    host: str = "127.0.0.1"
    port: int = Field(default=8090, ge=1, le=65535)
    ledger: Path = Field(description="JSON lines: accepted texts and requests to send")
    state: Path | None = Field(default=None, description="journal that outlives a restart; none: all in memory")
    seed: int = 0
    log_level: Literal["debug", "info", "warning", "error"] = "warning"

    api_key: str = "simulator-key"
    phone_number_id: str = Field(default="PNsimulator", pattern=r"^PN.+")
    phone_number: str = Field(default="+12025550100", pattern=r"^\+[1-9]\d{1,14}$")
    user_id: str = Field(default="USsimulator", pattern=r"^US.+")
    organization_id: str = "ORsimulator"

    rate: int = Field(default=10, ge=1, description="requests a second and key")
    retry_after: str | None = Field(default=None, description="Retry-After of a 429; none: no such header")
    clock_offset: Seconds = Field(default=0, description="product time is ahead of real time by this much")
    time_factor: float = Field(default=1, gt=0, description="lives, replies and webhook retries run this much faster")

    latency_min: Seconds = 0.02
    latency_max: Seconds = 0.06
    sent_after: Seconds = 0.2
    delivered_min: Seconds = 0.3
    delivered_max: Seconds = 1.0
    late_reply: Seconds = Field(default=60, description="of the magic number that answers late")
    list_lag: Seconds = Field(default=0, description="product time until a new message is listed")
    slow_list_lag: Seconds = Field(default=20, description="the same, of the magic number that is listed late")
    deliver_stop: bool = Field(default=True, description="whether a single-word STOP is sent as message.received too")

    webhook_timeout: Seconds = 10
    webhook_concurrency: int = Field(default=32, ge=1)
    rotation_overlap: Seconds = Field(default=86_400, description="product time in which a rotated key still signs")
    webhook_url: str = Field(default="", description="register webhooks of both schemes for this URL at the start")
    webhook_standard_key: str = Field(default="", description="whsec_ key for --webhook-url")
    webhook_legacy_key: str = Field(default="", description="base64 key for --webhook-url")

    @model_validator(mode="after")
    def _ranges_in_order(self) -> "Settings":
        if self.latency_min > self.latency_max or self.delivered_min > self.delivered_max:
            raise ValueError("a minimum is above its maximum")
        return self


def read_settings(arguments: Sequence[str]) -> Settings:
    """What the command line says, then the environment, then the defaults; exits with 2 when it makes no sense."""
    try:
        return CliApp.run(Settings, cli_args=list(arguments))
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            names = ".".join(str(part) for part in problem["loc"])
            sys.stderr.write(f"{names or 'settings'}: {problem['msg']}\n")
        sys.exit(USAGE)
