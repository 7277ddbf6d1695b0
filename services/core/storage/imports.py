"""Imported files: staged row by row over COPY, judged in one statement, taken over in another."""

from collections.abc import Iterable, Iterator

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from services.core.storage import erasure
from services.core.storage.bulk import copy_in
from services.core.storage.models import Import, ImportRow

StagedRow = tuple[int, str | None, str | None, bool, str, str]
"""Line, number, rejection, opt-out mark, the contact's fields as JSON, warnings as JSON."""

STAGE = """
CREATE TEMPORARY TABLE staged_rows
    (line bigint, e164 text, reason text, opted_out boolean, data jsonb, warnings jsonb) ON COMMIT DROP
"""

COPY_IN = "COPY staged_rows (line, e164, reason, opted_out, data, warnings) FROM STDIN"

# Suppressed wins over merged, over earlier rows of the same file too; a refused row's own mark counts for the others.
JUDGE = """
INSERT INTO import_rows (import_id, line, outcome, reason, e164, opted_out, data, warnings)
SELECT :import_id, row.line,
       CASE WHEN row.reason IS NOT NULL THEN 'rejected'
            WHEN row.is_marked OR row.opted_out_at IS NOT NULL OR row.suppressed_reason IS NOT NULL
            THEN 'suppressed'
            WHEN row.contact_id IS NOT NULL OR row.nth > 1 THEN 'merged'
            ELSE 'accepted' END,
       coalesce(row.reason,
                CASE WHEN row.is_marked OR row.opted_out_at IS NOT NULL THEN 'opted_out'
                     ELSE row.suppressed_reason END),
       row.e164, row.opted_out, row.data, row.warnings
FROM (SELECT staged.*, coalesce(known.id, erased.id) AS contact_id,
             coalesce(known.opted_out_at, erased.opted_out_at) AS opted_out_at,
             coalesce(known.suppressed_reason, erased.suppressed_reason) AS suppressed_reason,
             bool_or(staged.opted_out) OVER (PARTITION BY staged.e164) AS is_marked,
             row_number() OVER (PARTITION BY staged.e164, staged.reason IS NULL ORDER BY staged.line) AS nth
      FROM staged_rows AS staged
      LEFT JOIN contacts AS known ON known.e164 = staged.e164
      LEFT JOIN contacts AS erased ON erased.number_hash =
          sha256((SELECT number_pepper FROM installation) || convert_to(staged.e164, 'UTF8'))) AS row
"""

COUNT = """
UPDATE imports SET rows = counted.rows, accepted = counted.accepted, merged = counted.merged,
                   rejected = counted.rejected, suppressed = counted.suppressed
FROM (SELECT count(*) AS rows,
             count(*) FILTER (WHERE outcome = 'accepted') AS accepted,
             count(*) FILTER (WHERE outcome = 'merged') AS merged,
             count(*) FILTER (WHERE outcome = 'rejected') AS rejected,
             count(*) FILTER (WHERE outcome = 'suppressed') AS suppressed
      FROM import_rows WHERE import_id = :import_id) AS counted
WHERE id = :import_id
"""

# What a contact has stays; the file only fills gaps, so an old list can't undo a correction.
TAKE_OVER = """
INSERT INTO contacts AS known
    (e164, first_name, last_name, city, state, zip, timezone, external_id, fields, import_id)
SELECT DISTINCT ON (e164) e164, data->>'first_name', data->>'last_name', data->>'city', data->>'state', data->>'zip',
       data->>'timezone', data->>'external_id', coalesce(data->'fields', '{}'), import_id
FROM import_rows
WHERE import_id = :import_id AND outcome <> 'rejected' AND e164 IS NOT NULL -- erased since the dry run
ORDER BY e164, line
ON CONFLICT (e164) DO UPDATE SET
    first_name = coalesce(known.first_name, excluded.first_name),
    last_name = coalesce(known.last_name, excluded.last_name),
    city = coalesce(known.city, excluded.city),
    state = coalesce(known.state, excluded.state),
    zip = coalesce(known.zip, excluded.zip),
    timezone = coalesce(known.timezone, excluded.timezone),
    external_id = coalesce(known.external_id, excluded.external_id),
    fields = excluded.fields || known.fields,
    updated_at = product_now()
"""


def stage(session: Session, rows: Iterable[StagedRow]) -> None:
    """Copy the rows into a table that ends with the transaction; what `rows` raises ends it too."""
    session.execute(text(STAGE))
    copy_in(session, COPY_IN, rows)


def judge(session: Session, import_id: int) -> None:
    """Give each staged row its outcome and the import its four counts."""
    session.execute(text(JUDGE), {"import_id": import_id})
    session.execute(text(COUNT), {"import_id": import_id})


def take_over(session: Session, import_id: int) -> None:
    """Make contacts of the rows that were not rejected; a number that was erased gets its contact back."""
    session.execute(text(TAKE_OVER), {"import_id": import_id})
    erasure.reunite_imported(session, import_id)


def marked_numbers(session: Session, import_id: int) -> Iterator[str]:
    """Numbers that the file marks as opted out, of refused rows too."""
    yield from session.scalars(
        select(ImportRow.e164)
        .where(ImportRow.import_id == import_id, ImportRow.opted_out, ImportRow.e164.is_not(None))
        .distinct()
        .order_by(ImportRow.e164)
    ).all()  # type: ignore[misc]


def lock(session: Session, import_id: int) -> Import | None:
    return session.scalar(
        select(Import).where(Import.id == import_id).with_for_update().execution_options(populate_existing=True)
    )


def rejections(session: Session, import_id: int) -> dict[str, int]:
    """Refused rows by reason."""
    rows = session.execute(
        select(ImportRow.reason, func.count())
        .where(ImportRow.import_id == import_id, ImportRow.outcome == "rejected")
        .group_by(ImportRow.reason)
        .order_by(func.count().desc())
    )
    return {reason or "": count for reason, count in rows}


def rows_of(session: Session, import_id: int, *, outcome: str, after: int = 0, limit: int = 100) -> list[ImportRow]:
    return list(
        session.scalars(
            select(ImportRow)
            .where(ImportRow.import_id == import_id, ImportRow.outcome == outcome, ImportRow.line > after)
            .order_by(ImportRow.line)
            .limit(limit)
        )
    )
