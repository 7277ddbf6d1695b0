"""Read a delivery: a kind that is read, within the size that is taken. Its time is the connection's."""

from collections.abc import Mapping

from services.core.domain.failures import RefusedInput
from services.core.http.body import Receive, check_encoding, media_type, read_chunks
from services.core.runtime import failpoints

READ_AS_JSON = ("", "application/json")


async def read_body(headers: Mapping[str, str], receive: Receive, *, largest: int) -> bytes:
    """The raw bytes. Raises `RefusedInput` for a wrong kind (415) or a large one (413), or `SenderGone`."""
    check_encoding(headers)
    kind = media_type(headers)
    if kind not in READ_AS_JSON and not kind.startswith("text/"):
        raise RefusedInput("content_type", "a webhook's content type is application/json", status=415)
    failpoints.reach("webhook_head_read")
    chunks: list[bytes] = []
    async for chunk in read_chunks(headers, receive, largest=largest):
        if chunks:
            failpoints.reach("webhook_body_begun")
        chunks.append(chunk)
    failpoints.reach("webhook_body_read")
    return b"".join(chunks)
