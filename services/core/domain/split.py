"""The A/B split: which variant a contact gets, always the same one in the same campaign."""

import hashlib


def variant_of(campaign_id: int, e164: str, *, percent_b: int) -> str:
    """`b` for `percent_b` of a hundred contacts, spread by a hash, so that a new plan moves nobody."""
    digest = hashlib.sha256(f"{campaign_id}:{e164}".encode()).digest()
    return "b" if int.from_bytes(digest[:4]) % 100 < percent_b else "a"
