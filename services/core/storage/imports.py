"""Imported files: judged row by row as they are read, and taken over some thousand rows at a time.

No statement sees more than one chunk, so none grows with the file. A chunk of a confirmation is one transaction, and
the import's cursor moves in it: one that was cut off goes on where it stopped, and does nothing twice.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.orm import Session

from services.core.domain.imports import ImportStatus
from services.core.storage import erasure, opt_outs
from services.core.storage.bulk import copy_in
from services.core.storage.models import Import, ImportRow
from services.core.storage.paging import page_by_id
from services.core.storage.published import Published, is_not_among

StagedRow = tuple[int, str | None, str | None, bool, str, str]
"""Line, number, rejection, opt-out mark, the contact's fields or the fault as JSON, warnings as JSON."""

ROWS_AT_ONCE = 2000
"""Of a confirmation, whose chunk holds the locks of so many contacts."""

STAGE = """
CREATE TEMPORARY TABLE staged_rows
    (line bigint, e164 text, reason text, opted_out boolean, data jsonb, warnings jsonb) ON COMMIT DROP
"""

# What is known of each number of the file: the first line that names it in a row that isn't refused, any mark, and the
# first line with a mark that says neither yes nor no.
STAGE_NUMBERS = """
CREATE TEMPORARY TABLE staged_numbers
    (e164 text PRIMARY KEY, first_line bigint, is_marked boolean NOT NULL, doubtful_line bigint) ON COMMIT DROP
"""

COPY_IN = "COPY staged_rows (line, e164, reason, opted_out, data, warnings) FROM STDIN"

NOTE_NUMBERS = """
INSERT INTO staged_numbers AS number (e164, first_line, is_marked, doubtful_line)
SELECT e164, min(line) FILTER (WHERE reason IS NULL), bool_or(opted_out),
       min(line) FILTER (WHERE reason = 'bad_opt_out_mark')
FROM staged_rows WHERE e164 IS NOT NULL GROUP BY e164
ON CONFLICT (e164) DO UPDATE SET first_line = coalesce(number.first_line, excluded.first_line),
                                 is_marked = number.is_marked OR excluded.is_marked,
                                 doubtful_line = coalesce(number.doubtful_line, excluded.doubtful_line)
WHERE number.first_line IS NULL OR excluded.is_marked OR excluded.doubtful_line IS NOT NULL
"""

# Suppressed wins over merged, over earlier rows of the same file too; a refused row's own mark counts for the others.
JUDGE = """
INSERT INTO import_rows (import_id, line, outcome, reason, e164, opted_out, data, warnings)
SELECT :import_id, row.line,
       CASE WHEN row.reason IS NOT NULL THEN 'rejected'
            WHEN row.is_marked OR row.opted_out_at IS NOT NULL OR row.suppressed_reason IS NOT NULL
            THEN 'suppressed'
            WHEN row.contact_id IS NOT NULL OR row.line > row.first_line THEN 'merged'
            ELSE 'accepted' END,
       coalesce(row.reason,
                CASE WHEN row.is_marked OR row.opted_out_at IS NOT NULL THEN 'opted_out'
                     ELSE row.suppressed_reason END),
       row.e164, row.opted_out, row.data, row.warnings
FROM (SELECT staged.*, number.first_line, number.is_marked, coalesce(known.id, erased.id) AS contact_id,
             coalesce(known.opted_out_at, erased.opted_out_at) AS opted_out_at,
             coalesce(known.suppressed_reason, erased.suppressed_reason) AS suppressed_reason
      FROM staged_rows AS staged
      LEFT JOIN staged_numbers AS number ON number.e164 = staged.e164
      LEFT JOIN contacts AS known ON known.e164 = staged.e164
      LEFT JOIN contacts AS erased ON erased.number_hash =
          sha256((SELECT number_pepper FROM installation) || convert_to(staged.e164, 'UTF8'))) AS row
"""

NEXT_MARKED_STAGED = """
SELECT e164 FROM staged_numbers
WHERE (is_marked OR doubtful_line IS NOT NULL) AND e164 > :after ORDER BY e164 LIMIT :count
"""

# A mark may stand below the rows that it holds for; one that can't be read lets none of the number's rows pass,
# which say where it stands.
SUPPRESS_MARKED = """
UPDATE import_rows AS row SET outcome = CASE WHEN number.is_marked THEN 'suppressed' ELSE 'rejected' END,
                              reason = CASE WHEN number.is_marked THEN 'opted_out' ELSE 'bad_opt_out_mark' END,
                              data = CASE WHEN number.is_marked THEN row.data
                                          ELSE mark.data || jsonb_build_object('line', mark.line) END
FROM staged_numbers AS number
LEFT JOIN import_rows AS mark ON mark.import_id = :import_id AND mark.line = number.doubtful_line
WHERE row.import_id = :import_id AND row.outcome IN ('accepted', 'merged') AND row.e164 = number.e164
  AND number.e164 = ANY(:numbers)
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

NEXT_MARKED = """
SELECT DISTINCT e164 FROM import_rows
WHERE import_id = :import_id AND opted_out AND e164 > :after ORDER BY e164 LIMIT :count
"""

NEXT_LINE = """
SELECT max(line) FROM (SELECT line FROM import_rows
                       WHERE import_id = :import_id AND line > :after ORDER BY line LIMIT :count) AS chunk
"""

# The chunk's rows that stand for their number in this file: the first that isn't refused, whatever chunk it is in.
FIRST_ROWS = """
SELECT DISTINCT ON (row.e164) row.* FROM import_rows AS row
WHERE row.import_id = :import_id AND row.line > :after AND row.line <= :until AND row.outcome <> 'rejected'
  AND row.e164 IS NOT NULL
  AND NOT EXISTS (SELECT FROM import_rows AS earlier
                  WHERE earlier.import_id = row.import_id AND earlier.e164 = row.e164 AND earlier.line < row.line
                    AND earlier.outcome <> 'rejected')
ORDER BY row.e164, row.line
"""

MAKE_MARKED = """
INSERT INTO contacts (e164, import_id) SELECT number, :import_id FROM unnest(cast(:numbers AS text[])) AS number
ORDER BY number ON CONFLICT (e164) DO NOTHING RETURNING id
"""

MAKE = f"""
INSERT INTO contacts (e164, first_name, last_name, city, state, zip, timezone, external_id, fields, import_id)
SELECT e164, data->>'first_name', data->>'last_name', data->>'city', data->>'state', data->>'zip',
       data->>'timezone', data->>'external_id', coalesce(data->'fields', '{{}}'), import_id
FROM ({FIRST_ROWS}) AS first
ORDER BY e164 ON CONFLICT (e164) DO NOTHING RETURNING id
"""  # noqa: S608 - no value is put in

LOCK_CONTACTS = """
SELECT id FROM contacts WHERE e164 = ANY(:numbers) ORDER BY e164 FOR NO KEY UPDATE
"""

NUMBERS = """
SELECT DISTINCT e164 FROM import_rows
WHERE import_id = :import_id AND line > :after AND line <= :until AND outcome <> 'rejected' AND e164 IS NOT NULL
"""

# What a contact has stays; the file only fills gaps, so an old list can't undo a correction.
FILL_GAPS = f"""
UPDATE contacts AS known SET
    first_name = coalesce(known.first_name, given.first_name),
    last_name = coalesce(known.last_name, given.last_name),
    city = coalesce(known.city, given.city),
    state = coalesce(known.state, given.state),
    zip = coalesce(known.zip, given.zip),
    timezone = coalesce(known.timezone, given.timezone),
    external_id = coalesce(known.external_id, given.external_id),
    fields = given.fields || known.fields,
    updated_at = product_now()
FROM (SELECT e164, data->>'first_name' AS first_name, data->>'last_name' AS last_name, data->>'city' AS city,
             data->>'state' AS state, data->>'zip' AS zip, data->>'timezone' AS timezone,
             data->>'external_id' AS external_id, coalesce(data->'fields', '{{}}') AS fields
      FROM ({FIRST_ROWS}) AS first) AS given
WHERE known.e164 = given.e164
  AND (known.first_name IS NULL AND given.first_name IS NOT NULL
       OR known.last_name IS NULL AND given.last_name IS NOT NULL
       OR known.city IS NULL AND given.city IS NOT NULL
       OR known.state IS NULL AND given.state IS NOT NULL
       OR known.zip IS NULL AND given.zip IS NOT NULL
       OR known.timezone IS NULL AND given.timezone IS NOT NULL
       OR known.external_id IS NULL AND given.external_id IS NOT NULL
       OR NOT known.fields @> given.fields)
"""  # noqa: S608 - no value is put in

# The contacts are locked: what is read here stays so until the chunk is committed. A row without a number was erased
# since the dry run.
JUDGE_AGAIN = """
UPDATE import_rows AS row SET outcome = judged.outcome, reason = judged.reason
FROM (SELECT chunk.id,
             CASE WHEN chunk.e164 IS NULL THEN 'rejected'
                  WHEN known.opted_out_at IS NOT NULL OR known.suppressed_reason IS NOT NULL THEN 'suppressed'
                  WHEN known.id = ANY(:made)
                       AND row_number() OVER (PARTITION BY chunk.e164 ORDER BY chunk.line) = 1 THEN 'accepted'
                  ELSE 'merged' END AS outcome,
             CASE WHEN chunk.e164 IS NULL THEN 'erased'
                  WHEN known.opted_out_at IS NOT NULL THEN 'opted_out'
                  ELSE known.suppressed_reason END AS reason
      FROM import_rows AS chunk LEFT JOIN contacts AS known ON known.e164 = chunk.e164
      WHERE chunk.import_id = :import_id AND chunk.line > :after AND chunk.line <= :until
        AND chunk.outcome <> 'rejected') AS judged
WHERE row.id = judged.id AND (row.outcome, row.reason) IS DISTINCT FROM (judged.outcome, judged.reason)
"""


def prepare(session: Session) -> None:
    """Make the tables that a dry run needs; they end with the transaction."""
    _look_up_by_index(session)
    session.execute(text(STAGE))
    session.execute(text(STAGE_NUMBERS))


def _look_up_by_index(session: Session) -> None:
    """Plan this transaction's joins as look-ups.

    A chunk is a few thousand rows of tables that have just grown, or are temporary, and have no statistics: the planner
    would read them whole for each chunk, and an import of a million rows would take the square of the time.
    """
    for plan in ("hashjoin", "mergejoin", "seqscan"):
        session.execute(text(f"SET LOCAL enable_{plan} = off"))


def stage(session: Session, import_id: int, rows: Sequence[StagedRow]) -> None:
    """Keep the next rows of the file, each with its outcome as far as the file has been read."""
    session.execute(text("TRUNCATE staged_rows"))
    copy_in(session, COPY_IN, rows)
    session.execute(text(NOTE_NUMBERS))
    session.execute(text(JUDGE), {"import_id": import_id})


def end_staging(session: Session, import_id: int) -> None:
    """Let the marks hold for the rows above them too, and give the import its four counts."""
    last = ""
    while numbers := session.scalars(text(NEXT_MARKED_STAGED), {"after": last, "count": ROWS_AT_ONCE}).all():
        session.execute(text(SUPPRESS_MARKED), {"import_id": import_id, "numbers": numbers})
        last = numbers[-1]
    count(session, import_id)


def count(session: Session, import_id: int) -> None:
    """Give the import its four counts."""
    session.execute(text(COUNT), {"import_id": import_id})


def opt_out_next(session: Session, taken: Import, *, at: datetime) -> bool:
    """Opt the next marked numbers out, those of refused rows too; False when there are none left.

    A number that is no contact becomes one, so that its opt-out holds.
    """
    _look_up_by_index(session)
    values = {"import_id": taken.id, "after": taken.taken_number or "", "count": ROWS_AT_ONCE}
    numbers = session.scalars(text(NEXT_MARKED), values).all()
    if not numbers:
        return False
    made = session.scalars(text(MAKE_MARKED), {"import_id": taken.id, "numbers": numbers}).all()
    erasure.reunite_made(session, made)
    locked = session.scalars(text(LOCK_CONTACTS), {"numbers": numbers}).all()
    opt_outs.record_imported(session, locked, import_id=taken.id, said_at=at)
    taken.taken_number = numbers[-1]
    return True


def take_next(session: Session, taken: Import) -> bool:
    """Make contacts of the next rows, and judge them again under the contacts' locks; False when none are left.

    A number that was erased gets its contact back.
    """
    _look_up_by_index(session)
    after = taken.taken_line or 0
    until = session.scalar(text(NEXT_LINE), {"import_id": taken.id, "after": after, "count": ROWS_AT_ONCE})
    if until is None:
        return False
    chunk = {"import_id": taken.id, "after": after, "until": until}
    made = session.scalars(text(MAKE), chunk).all()
    reunited = erasure.reunite_made(session, made)
    session.execute(text(LOCK_CONTACTS), {"numbers": session.scalars(text(NUMBERS), chunk).all()})
    session.execute(text(FILL_GAPS), chunk)
    session.execute(text(JUDGE_AGAIN), chunk | {"made": [each for each in made if each not in reunited]})
    taken.taken_line = until
    return True


def lock(session: Session, import_id: int) -> Import | None:
    return session.scalar(
        select(Import).where(Import.id == import_id).with_for_update().execution_options(populate_existing=True)
    )


def page(session: Session, *, after: int, limit: int, newest_first: bool = False) -> Sequence[Import]:
    return page_by_id(session, Import, after=after, limit=limit, newest_first=newest_first)


def stalled(session: Session, *, queued: Collection[int], still_for: timedelta, limit: int) -> list[Published]:
    """Confirmations that nobody works on any more and that are not `queued`."""
    rows = session.execute(
        select(Import.id, Import.traceparent)
        .where(
            Import.status == ImportStatus.CONFIRMING,
            is_not_among(Import.id, queued),
            or_(Import.progress_at.is_(None), Import.progress_at < func.now() - still_for),
        )
        .order_by(Import.id)
        .limit(limit)
    )
    return [Published(*row) for row in rows]


def stamp_published(session: Session, import_ids: Sequence[int]) -> None:
    """Say that these confirmations are with the queue since now."""
    session.execute(update(Import).where(Import.id.in_(import_ids)).values(progress_at=func.now()))


def rejections(session: Session, import_id: int) -> dict[str, int]:
    """Refused rows by reason."""
    rows = session.execute(
        select(ImportRow.reason, func.count())
        .where(ImportRow.import_id == import_id, ImportRow.outcome == "rejected")
        .group_by(ImportRow.reason)
        .order_by(func.count().desc(), ImportRow.reason)
    )
    return {reason or "": count for reason, count in rows}


def rows_of(session: Session, import_id: int, *, outcome: str | None, after: int, limit: int) -> Sequence[ImportRow]:
    """Rows by line, `limit` of them after the line `after`; of one outcome, or of all."""
    query = select(ImportRow).where(ImportRow.import_id == import_id, ImportRow.line > after)
    if outcome is not None:
        query = query.where(ImportRow.outcome == outcome)
    return session.scalars(query.order_by(ImportRow.line).limit(limit)).all()
