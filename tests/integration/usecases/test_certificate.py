"""How long the public address's certificate still holds, by a real one."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.core.openphone.own_events import certificate_until
from tests.tools.public_address import PublicAddress

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture
def public(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PublicAddress]:
    address = PublicAddress(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(address.authority))
    yield address
    address.close()


def test_it_holds_until_it_ends(public: PublicAddress) -> None:
    public.renew(days=13)
    until = certificate_until(public.url)
    assert until is not None
    assert timedelta(days=12) < until - datetime.now(UTC) <= timedelta(days=13)


def test_one_that_has_ended_is_said_to_have(public: PublicAddress) -> None:
    public.renew(days=-1)
    until = certificate_until(public.url)
    assert until is not None
    assert until <= datetime.now(UTC)


def test_one_that_nobody_vouches_for_has_no_date(public: PublicAddress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    assert certificate_until(public.url) is None
