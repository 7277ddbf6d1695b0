"""A form with a file: read from the received body piece by piece, so that no second copy of the file is made."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from services.console import sessions
from services.console.body import Upload, read_file_form
from services.core.domain.failures import RefusedInput

FIELD_AT_MOST = 4096
PARTS_AT_MOST = 10
NAME_AT_MOST = 200


@dataclass(frozen=True, slots=True)
class FileForm:
    """A form's fields, and the file that came with them; `upload` is to be closed."""

    fields: dict[str, str]
    file_name: str
    upload: Upload
    boundary: bytes

    def file(self) -> Iterator[bytes]:
        """The file's content."""
        return (content for part, content in _parts(self.upload.chunks(), self.boundary) if part.file_name is not None)


@dataclass(slots=True)
class _Part:
    name: str = ""
    file_name: str | None = None


async def own_file_form(request: Request) -> FileForm:
    """A form of one of our pages, with at most one file. Raises `RefusedInput`; then nothing is left open."""
    upload = await read_file_form(request)
    try:
        form = _read(request, upload)
        sessions.check_form(request, form.fields.get(sessions.CSRF_FIELD, ""))
    except BaseException:
        upload.close()
        raise
    return form


def _read(request: Request, upload: Upload) -> FileForm:
    _, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    fields: dict[str, str] = {}
    names: list[str] = []
    for part, content in _parts(upload.chunks(), boundary):
        if part.file_name is None:
            fields[part.name] = fields.get(part.name, "") + content.decode("utf-8", "replace")
            if len(fields[part.name]) > FIELD_AT_MOST:
                raise RefusedInput("field_too_long", f"a field has at most {FIELD_AT_MOST} characters")
        elif part.file_name not in names:
            names.append(part.file_name)
    if len(names) != 1 or not names[0]:
        raise RefusedInput("file_missing", "choose one CSV file", pointer="/file")
    return FileForm(fields, _shown(names[0]), upload, boundary)


def _shown(name: str) -> str:
    """The file's name as we keep it: without the folders that some browsers name, and in visible characters."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable())[:NAME_AT_MOST] or "upload.csv"


def _parts(chunks: Iterable[bytes], boundary: bytes) -> Iterator[tuple[_Part, bytes]]:
    """The content of each part, in pieces; a part without content is one empty piece."""
    found: list[tuple[_Part, bytes]] = []
    part, header, value, count = _Part(), bytearray(), bytearray(), 0

    def begin() -> None:
        nonlocal part, count
        part, count = _Part(), count + 1
        if count > PARTS_AT_MOST:
            raise RefusedInput("body_malformed", "the form has too many parts", status=400)

    def end_header() -> None:
        if header.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(value))
            part.name = options.get(b"name", b"").decode("utf-8", "replace")
            if b"filename" in options:
                part.file_name = options[b"filename"].decode("utf-8", "replace")
        header.clear()
        value.clear()

    callbacks: Any = {
        "on_part_begin": begin,
        "on_header_field": lambda data, start, end: header.extend(data[start:end]),
        "on_header_value": lambda data, start, end: value.extend(data[start:end]),
        "on_header_end": end_header,
        "on_headers_finished": lambda: found.append((part, b"")),
        "on_part_data": lambda data, start, end: found.append((part, data[start:end])),
    }
    try:
        parser = MultipartParser(boundary, callbacks)
        for chunk in chunks:
            parser.write(chunk)
            yield from found
            found.clear()
        parser.finalize()
    except FormParserError as error:
        raise RefusedInput("body_malformed", "this is no form that a browser sends", status=400) from error
    yield from found
