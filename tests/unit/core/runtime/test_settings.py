"""What the environment may say, and what comes of it."""

import string
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.runtime.failpoints import FailpointsInvalid, arm
from services.core.runtime.settings import Settings, SettingsInvalid, read_settings
from services.core.usecases.operations.judge_settings import judge_settings

MARK = "s3cr3t-v4lue"
KEY = "whsec_c3RhbmRhcmQta2V5LW9mLWEtdGVzdA=="
TWO_LINES = f"{MARK}\n"
BAD: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("service_name", "installation", "environment", "place", "provider_phone_number_id", "provider_webhook_id"),
        (TWO_LINES, f"{MARK}\x07", MARK * 30),
    ),
    **dict.fromkeys(("kubernetes_namespace", "flower_password"), (TWO_LINES, f"{MARK}\x00")),
    **dict.fromkeys(("data_dir", "run_dir"), (f"{__file__}/{MARK}",)),
    **dict.fromkeys(
        ("provider_base_url", "console_url", "ingress_url", "otlp_endpoint", "trace_query_url"),
        (
            MARK,
            f"ftp://{MARK}/",
            f"https://{MARK}:99999999/",
            f"https:///{MARK}",
            f"https://h/ {MARK}",
            f"http://[{MARK}",
        ),
    ),
    **dict.fromkeys(
        ("ingress_port", "console_port", "flower_port", "trace_receiver_port"), ("0", "65536", MARK, "-1", "tcp://h:1")
    ),
    **dict.fromkeys(("metrics_port",), ("-1", "65536", MARK)),
    **dict.fromkeys(
        (
            *("database_pool_size", "webhook_max_body", "number_daily_cap", "account_daily_cap", "worker_concurrency"),
            "guard_after",
        ),
        ("0", "-5", MARK, "1.5"),
    ),
    **dict.fromkeys(
        (
            *("provider_rate", "provider_read_share", "time_scale", "trace_sample_ratio"),
            *("scheduled_start_drift", "guard_failed", "guard_undelivered", "guard_opt_outs"),
        ),
        ("-1", "nan", "inf", MARK, "1e9"),
    ),
    **dict.fromkeys(("webhook_body_timeout", "signature_tolerance", "contact_frequency"), ("-1", MARK, "PT-5S")),
    **dict.fromkeys(
        ("follow_up_text", "help_text", "reminder_text"), (f"Hi {{{{{MARK}", f"{{{{ {MARK} }}", MARK * 500)
    ),
    **dict.fromkeys(
        ("follow_up_texts", "reminder_texts"),
        (MARK, f'{{"repair": {{"{MARK}": 1}}}}', f'{{"repair": "Hi {{{{{MARK}"}}', f"[{MARK}", '{"repair": ""}'),
    ),
    "database_url": (
        *(MARK, f"mysql://u:{MARK}@h/n", f"postgresql://u:{MARK}@h", f"postgresql://u:{MARK}@h/", f"postgresql:{MARK}"),
        *(f"postgresql://u:{MARK}@h:port/n", f"postgresql://u:{MARK}@h:0/n", f"postgresql://u:{MARK}@/n"),
        *(f"postgresql://u:{MARK}{sign}@h/n" for sign in "#/?@[]% "),
        *(f"postgresql://u:{MARK}@h/n\n", f"postgresql://u:{MARK}@h_!/n"),
    ),
    "component_passwords": (MARK, f'{{"beat": "{MARK}\\n"}}', f'["{MARK}"]', f'{{"beat": {{"{MARK}": 1}}}}'),
    "redis_url": (
        *(MARK, f"http://u:{MARK}@h/0", f"redis://u:{MARK}@h/zero", f"redis://:{MARK}@/0", f"unix://{MARK}"),
        *(f"redis://u:{MARK}@h:port/0", f"redis://u:{MARK}@h/0?db={MARK}", f"redis://u:{MARK}@a,b/0"),
        *(f"redis://u:{MARK}{sign}@h/0" for sign in "#/?@[]% "),
    ),
    "provider": (MARK, "Quo"),
    "provider_api_key": (TWO_LINES, f"{MARK} {MARK}", f"{MARK}\u2028x"),
    "provider_phone_number": (MARK, "(212) 555-0100", "12125550100"),
    "webhook_secrets_standard": (MARK, f"{KEY},{MARK}", f"{KEY},whsec_abc", f"{KEY},{KEY[:-1]}", "whsec_AAAA"),
    "webhook_secrets_legacy": (MARK, f"{KEY},AAAA", f"{KEY};{KEY}"),
    "business_zone": (MARK, "../../etc/passwd", "America/Nowhere"),
    "closed_days": (MARK, "2026-12-25,2026-13-01"),
    "allowed_countries": (MARK, "US,us", "US,XX", "USA"),
    "durations": (f'{{"lease": "{MARK}"}}', '{"lease": "PT1S"}', f'{{"{MARK}": 1}}', MARK),
    "celery": (f'{{"time_limit": "{MARK}"}}', '{"time_limit": "PT1S"}', MARK),
    "flower_user": (f"{MARK}:x", TWO_LINES),
    "bind_host": (MARK + "!", "300.1.1.1", f"http://{MARK}"),
    "log_format": (MARK,),
    "log_level": (MARK, "LOUD"),
    "failpoints": (MARK, f"after_submit={MARK}", "after_submit=kill@x"),
}
"""For every setting values that can't be meant."""


class TestEverySetting:
    def test_has_values_here_that_it_refuses(self) -> None:
        assert set(BAD) == set(Settings.model_fields)

    @pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
    def test_is_refused_by_its_name_with_a_remedy_and_never_shown(
        self, name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """From a file, which can hold what an environment can't."""
        (tmp_path / f"attackacrack_{name}").write_text(f"x{value}" if value.endswith("\n") else value, newline="")
        monkeypatch.setenv("ATTACKACRACK_SECRETS_DIR", str(tmp_path))
        with pytest.raises((SettingsInvalid, FailpointsInvalid)) as refused:
            use(name, value, monkeypatch)
        said = str(refused.value)
        assert f"ATTACKACRACK_{name.upper()}" in said
        assert ": " in said
        assert MARK not in said
        assert "\n" not in said
        assert KEY not in said


def use(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a role does with its settings before it begins."""
    if value.endswith("\n"):  # a file's last line end is its own, an environment's is not
        monkeypatch.setenv(f"ATTACKACRACK_{name.upper()}", value)
    configured = read_settings()
    judge_settings(configured)
    try:
        arm(configured.failpoints)
    finally:
        arm("")


class TestAddresses:
    @given(password=st.text(alphabet=string.printable.strip() + "äß", min_size=1))
    def test_any_password_can_be_written_and_means_itself(self, password: str) -> None:
        written = quote(password, safe="")
        for address in (
            read_settings(database_url=f"postgresql://u:{written}@h:5432/n").database_url,
            read_settings(redis_url=f"redis://u:{written}@h:6379/0").redis_url,
        ):
            assert unquote(urlsplit(address.get_secret_value()).password or "") == password

    @given(password=st.text(alphabet=string.printable.strip(), min_size=1))
    def test_one_that_is_not_written_so_is_refused_or_means_itself(self, password: str) -> None:
        try:
            read = read_settings(redis_url=f"redis://u:{password}@h:6379/0").redis_url.get_secret_value()
        except SettingsInvalid:
            return
        parts = urlsplit(read)
        assert (parts.hostname, parts.port, parts.path) == ("h", 6379, "/0")
        assert unquote(parts.password or "") == unquote(password)

    @pytest.mark.parametrize(
        "address",
        [
            *("postgresql://h/n", "postgresql://u@h/n", "postgres://u:p@[::1]:5432/n", "postgresql://u:p@a:1,b:2/n"),
            *("postgresql://u:p@/n?host=/var/run/postgresql", "postgresql://u:a:b@h/n?sslmode=verify-full"),
        ],
    )
    def test_forms_that_postgresql_knows_are_taken(self, address: str) -> None:
        assert read_settings(database_url=address).database_url.get_secret_value().partition("://")[2]

    @pytest.mark.parametrize(
        "address", ["redis://h", "redis://h:6379", "rediss://:p@h:6380/1?ssl_ca_certs=/etc/ca.pem", "redis://[::1]:1/0"]
    )
    def test_forms_that_redis_knows_are_taken(self, address: str) -> None:
        assert read_settings(redis_url=address).redis_url.get_secret_value() == address


class TestDatabaseUrl:
    @pytest.mark.parametrize(
        ("said", "used"),
        [
            ("postgresql+psycopg://u:p@h:5432/n", "postgresql+psycopg://u:p@h:5432/n"),
            ("postgresql://u:p@h:5432/n?sslmode=require", "postgresql+psycopg://u:p@h:5432/n?sslmode=require"),
            ("postgres://u:p@h/n", "postgresql+psycopg://u:p@h/n"),
            ("", ""),
        ],
    )
    def test_it_names_our_driver(self, said: str, used: str) -> None:
        assert read_settings(database_url=said).database_url.get_secret_value() == used

    @pytest.mark.parametrize("said", ["mysql://u:p@h/n", "sqlite:///file", "h:5432", "PGHOST=h"])
    def test_no_other_database_is_taken_and_no_password_told(self, said: str) -> None:
        with pytest.raises(SettingsInvalid, match=r"ATTACKACRACK_DATABASE_URL: .*not the address") as refused:
            read_settings(database_url=said)
        assert said not in str(refused.value)


@pytest.mark.parametrize("value", ["90", "90.0", "PT90S", "PT1M30S"])
@pytest.mark.parametrize(
    "name", ["SIGNATURE_TOLERANCE", "CONTACT_FREQUENCY", "DURATIONS__LEASE", "DURATIONS__INBOX_LEASE"]
)
def test_a_duration_is_iso_8601_or_seconds(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"ATTACKACRACK_{name}", value)
    found: object = read_settings()
    for part in name.lower().split("__"):
        found = getattr(found, part)
    assert found == timedelta(seconds=90)


@pytest.mark.parametrize("value", ["soon", "nan", "-1", "0"])
def test_any_other_duration_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ATTACKACRACK_DURATIONS__LEASE", value)
    with pytest.raises(SettingsInvalid, match="ATTACKACRACK_DURATIONS__LEASE"):
        read_settings()
