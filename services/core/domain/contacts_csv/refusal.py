"""Why a whole file is refused."""


class FileRefused(ValueError):
    """A file that is not imported at all.

    `code` is stable, `status` the HTTP status (413, 415, 422), `detail` names the remedy and never shows a value of the
    file; `line` (from 1) and `byte_offset` (from 0) say where, when there is a place.
    """

    def __init__(
        self, code: str, detail: str, *, status: int = 422, line: int | None = None, byte_offset: int | None = None
    ) -> None:
        place = [f"line {line}"] * (line is not None) + [f"byte {byte_offset}"] * (byte_offset is not None)
        super().__init__(f"{detail} ({', '.join(place)})" if place else detail)
        self.code = code
        self.detail = detail
        self.status = status
        self.line = line
        self.byte_offset = byte_offset
