"""The verifier against the provider's vectors, the Standard Webhooks library, and hostile headers."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from services.core.openphone.signature import SecretInvalid, Signature, VerifiedDelivery, key_id, load_secrets, verify

VECTORS = json.loads((Path(__file__).parent / "data" / "quo-signature-vectors.json").read_text())["vectors"]

AT = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
BODY = b'{"id":"EV1"}'
STANDARD = "whsec_" + base64.b64encode(b"standard key of 24 bytes").decode()
OTHER = "whsec_" + base64.b64encode(b"another key of 24 bytes!").decode()
LEGACY = base64.b64encode(b"\xff legacy key with high bytes").decode()


def sign(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def standard_headers(
    body: bytes = BODY, *, signed_at: datetime = AT, delivery_id: str = "msg_1", secrets: tuple[str, ...] = (STANDARD,)
) -> dict[str, str]:
    timestamp = str(int(signed_at.timestamp()))
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{sign(secret, signed)}" for secret in secrets),
    }


def legacy_headers(body: bytes = BODY, *, signed_at: datetime = AT, secret: str = LEGACY) -> dict[str, str]:
    timestamp = str(int(signed_at.timestamp() * 1000))
    return {"openphone-signature": f"hmac;1;{timestamp};{sign(secret, timestamp.encode() + b'.' + body)}"}


def judge(headers: dict[str, str], body: bytes = BODY, at: datetime = AT) -> VerifiedDelivery:
    return verify(body, headers, standard_secrets=[STANDARD], legacy_secrets=[LEGACY], at=at)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_provider_vector(vector: dict[str, Any]) -> None:
    secrets = {vector["scheme"]: vector["receiver_secrets"]}
    delivery = verify(
        base64.b64decode(vector["body_base64"]),
        vector["headers"],
        standard_secrets=secrets.get("standard", []),
        legacy_secrets=secrets.get("legacy", []),
        at=datetime.fromtimestamp(vector["now_unix_seconds"], UTC),
        tolerance=timedelta(seconds=vector["tolerance_seconds"]),
    )
    assert (delivery.verdict is Signature.VALID) == (vector["expect"] == "valid")
    assert (delivery.reason == "") == (vector["expect"] == "valid")


@pytest.mark.parametrize("between", [" ", ",", ", ", " , ", "  "])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_list_is_one_however_it_was_joined(between: str, place: int) -> None:
    given = ["v1,AAAA", "v1a,BBBB"]
    given.insert(place, standard_headers()["webhook-signature"])
    assert judge(standard_headers() | {"webhook-signature": between.join(given)}).verdict is Signature.VALID


class TestVerdict:
    def test_a_valid_delivery_tells_who_and_when(self) -> None:
        assert judge(standard_headers()) == VerifiedDelivery(
            Signature.VALID, "standard", "msg_1", AT, key_id(STANDARD), ""
        )

    def test_legacy_has_no_delivery_id(self) -> None:
        assert judge(legacy_headers()) == VerifiedDelivery(Signature.VALID, "legacy", None, AT, key_id(LEGACY), "")

    @pytest.mark.parametrize("headers", [standard_headers, legacy_headers])
    @pytest.mark.parametrize(
        ("off_by", "verdict"),
        [
            (timedelta(minutes=5), Signature.VALID),
            (timedelta(minutes=-5), Signature.VALID),
            (timedelta(minutes=6), Signature.STALE),
            (timedelta(minutes=-6), Signature.STALE),
            (timedelta(days=30), Signature.STALE),
            (timedelta(days=-30), Signature.STALE),
            (timedelta(days=30, seconds=1), Signature.INVALID),
            (timedelta(days=-30, seconds=-1), Signature.INVALID),
        ],
    )
    def test_a_right_signature_of_another_time(
        self, headers: Callable[..., dict[str, str]], off_by: timedelta, verdict: Signature
    ) -> None:
        assert judge(headers(signed_at=AT + off_by)).verdict is verdict

    def test_a_stale_delivery_keeps_its_id(self) -> None:
        delivery = judge(standard_headers(signed_at=AT - timedelta(hours=1)))
        assert (delivery.delivery_id, delivery.reason) == ("msg_1", "timestamp_outside_tolerance")

    def test_a_wrong_signature_of_another_time_is_invalid(self) -> None:
        headers = standard_headers(signed_at=AT - timedelta(hours=1), secrets=(OTHER,))
        assert judge(headers).verdict is Signature.INVALID

    def test_nothing_signed(self) -> None:
        assert judge({"content-type": "application/json"}).reason == "no_signature"


class TestBothSchemes:
    OLD = AT - timedelta(hours=1)

    @pytest.mark.parametrize(
        ("headers", "verdict"),
        [
            (standard_headers() | legacy_headers(), Signature.VALID),
            (standard_headers() | legacy_headers(signed_at=OLD), Signature.STALE),
            (standard_headers(signed_at=OLD) | legacy_headers(), Signature.STALE),
            (standard_headers() | legacy_headers(secret=OTHER.removeprefix("whsec_")), Signature.INVALID),
            (standard_headers(secrets=(OTHER,)) | legacy_headers(), Signature.INVALID),
            (standard_headers(signed_at=OLD) | {"openphone-signature": ""}, Signature.INVALID),
            (legacy_headers() | {"webhook-id": "msg_1"}, Signature.INVALID),
        ],
    )
    def test_the_worse_answer_counts(self, headers: dict[str, str], verdict: Signature) -> None:
        assert judge(headers).verdict is verdict

    def test_the_delivery_id_stays_when_only_legacy_is_stale(self) -> None:
        assert judge(standard_headers() | legacy_headers(signed_at=self.OLD)).delivery_id == "msg_1"


class TestRotation:
    def test_the_matching_secret_is_named(self) -> None:
        delivery = verify(
            BODY, standard_headers(secrets=(OTHER,)), standard_secrets=[STANDARD, OTHER], legacy_secrets=[], at=AT
        )
        assert delivery.key_id == key_id(OTHER)

    def test_the_sender_signs_with_old_and_new_key(self) -> None:
        assert judge(standard_headers(secrets=(OTHER, STANDARD))).verdict is Signature.VALID

    def test_of_two_right_legacy_signatures_the_fresh_one_counts(self) -> None:
        old = legacy_headers(signed_at=AT - timedelta(hours=1))["openphone-signature"]
        header = f"{old},{legacy_headers()['openphone-signature']}"
        assert judge({"openphone-signature": header}).signed_at == AT

    def test_a_retired_key_is_invalid(self) -> None:
        assert judge(standard_headers(secrets=(OTHER,))).verdict is Signature.INVALID


class TestHostileHeaders:
    @pytest.mark.parametrize("delivery_id", ["a.b", "a\0b", "x" * 256, "caf\u00e9", "", "a\nb"])
    def test_ambiguous_delivery_id(self, delivery_id: str) -> None:
        assert judge(standard_headers(delivery_id=delivery_id)).reason == "delivery_id_malformed"

    def test_a_delivery_id_of_255_characters(self) -> None:
        assert judge(standard_headers(delivery_id="x" * 255)).verdict is Signature.VALID

    @pytest.mark.parametrize("timestamp", ["-1", "1e30", "NaN", "", " 1", "+1795183509", "9" * 20, "1" * 21, "\u0661"])
    def test_malformed_timestamp(self, timestamp: str) -> None:
        headers = standard_headers() | {"webhook-timestamp": timestamp}
        assert judge(headers).reason == "timestamp_malformed_or_far_off"

    @pytest.mark.parametrize(("wrong_before", "verdict"), [(7, Signature.VALID), (8, Signature.INVALID)])
    def test_at_most_eight_signatures(self, wrong_before: int, verdict: Signature) -> None:
        headers = standard_headers(secrets=(OTHER,) * wrong_before + (STANDARD,))
        assert judge(headers).verdict is verdict

    def test_a_thousand_legacy_signatures(self) -> None:
        header = ",".join([legacy_headers()["openphone-signature"]] * 1000)
        assert judge({"openphone-signature": header}).reason == "too_many_signatures"

    @settings(max_examples=200)
    @given(
        body=st.binary(max_size=200),
        headers=st.dictionaries(
            st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature", "openphone-signature"]),
            st.one_of(
                st.text(st.characters(max_codepoint=255), max_size=60),
                st.sampled_from(["msg_1", "1795442400", "v1,AAAA", "hmac;1;1795442400000;AAAA", "hmac;1;;"]),
            ),
        ),
    )
    def test_never_raises_and_never_accepts_noise(self, body: bytes, headers: dict[str, str]) -> None:
        assert judge(headers, body).verdict is Signature.INVALID


@settings(max_examples=100)
@given(body=st.text(max_size=300), flipped=st.integers(0, 7))
def test_agrees_with_the_standard_webhooks_library(body: str, flipped: int) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    library = Webhook(STANDARD)
    signature = library.sign("msg_1", now, body)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
    raw = body.encode()
    assert judge(headers, raw, at=now).verdict is Signature.VALID
    forged = bytes([raw[0] ^ 1 << flipped]) + raw[1:] if raw else b"x"
    assert judge(headers, forged, at=now).verdict is Signature.INVALID


class TestSecrets:
    @pytest.mark.parametrize("secret", ["", "whsec_", "not base64!", "c2hvcnQ=", "whsec_" + "A" * 33, "\u00e9" * 24])
    def test_malformed(self, secret: str) -> None:
        with pytest.raises(SecretInvalid) as refusal:
            load_secrets((STANDARD, secret))
        assert "2" in str(refusal.value)
        assert not secret or secret not in str(refusal.value)

    def test_never_shown(self) -> None:
        assert STANDARD[6:] not in repr(load_secrets((STANDARD,)))

    def test_surrounding_blanks_of_a_file_do_not_matter(self) -> None:
        assert load_secrets((STANDARD + "\n",)) == load_secrets((STANDARD,))
