"""The provider's JSON: an object, as deep as nobody nests one, with numbers as long as it may make its ids."""

from typing import Any

from services.core.domain.json_documents import DocumentRefused, Fault, Reader

READER = Reader(deepest=64, largest=10**20 - 1)


def read_document(raw: bytes) -> dict[str, Any]:
    """The JSON object in these bytes. Raises `DocumentRefused`, and nothing else."""
    document = READER.read(raw)
    if not isinstance(document, dict):
        raise DocumentRefused(Fault.NOT_AN_OBJECT)
    return document
