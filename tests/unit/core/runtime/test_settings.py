"""What the environment may say, and what comes of it."""

from datetime import timedelta

import pytest

from services.core.runtime.settings import SettingsInvalid, read_settings


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
    "name", ["SIGNATURE_TOLERANCE", "CONTACT_FREQUENCY", "DURATIONS__LEASE", "CELERY__VISIBILITY_TIMEOUT"]
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
