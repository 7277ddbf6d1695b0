"""A list of contacts on its way from a file's bytes to the people that a campaign texts."""

import csv
import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from services.core.domain.failures import Conflict, RefusedInput
from services.core.domain.imports import RowOutcome
from services.core.queue.names import Queue
from services.core.storage import bulk, imports
from services.core.storage.database import DatabaseUnavailable
from services.core.usecases.campaigns.plan import plan_campaign
from services.core.usecases.campaigns.results import list_recipients
from services.core.usecases.contacts import confirm_import as confirming
from services.core.usecases.contacts import dry_run_import as reading
from services.core.usecases.contacts.add import add_contact
from services.core.usecases.contacts.confirm_import import confirm_import, resume_import
from services.core.usecases.contacts.discard_import import discard_import
from services.core.usecases.contacts.dry_run_import import dry_run_import
from services.core.usecases.contacts.erase import erase_contact
from services.core.usecases.contacts.find_imports import export_import_rows, list_import_rows, show_import
from services.core.usecases.contacts.import_state import lock_import
from services.core.usecases.contacts.opt_out import add_opt_out
from services.core.usecases.operations.sweep import sweep
from services.core.views.contacts import Erase, ImportReport, NewContact
from services.core.views.opt_outs import NewOptOut
from tests.tools.world import WITH_STOP, World, new_number


def read(world: World, *lines: str) -> ImportReport:
    return dry_run_import(world.console, ["\n".join(lines).encode()], file_name="list.csv", by="a test")


def taken(world: World, *lines: str) -> ImportReport:
    return confirm_import(world.console, read(world, *lines).import_id, by="a test")


class TestFieldNames:
    @pytest.mark.parametrize("written", ["job_type", "Job Type", "JOB  TYPE", "Job\u200b Type"])
    def test_a_field_is_found_however_its_name_is_written(self, world: World, written: str) -> None:
        done = taken(world, f"phone,{written}", f"{new_number()},piers")
        template = "About your {{job type}}. " + WITH_STOP
        audience = {"import": done.import_id}
        campaign_id = world.campaign(template_a=template, fields=[written], audience=audience)
        assert [(row.body or "")[:17] for row in world.rows_of(campaign_id)] == ["About your piers."]

    @pytest.mark.parametrize(
        "name", ["opted_out", "Opt-Out", "sms_consent", "stop", "phone", "ti\u200bmezone", "State/Region"]
    )
    def test_a_known_name_is_no_field_of_a_campaign_or_a_contact(self, world: World, name: str) -> None:
        with pytest.raises(RefusedInput, match="no name for a field") as refused:
            world.campaign(fields=[name], started=False)
        assert refused.value.pointer == "/fields/0"
        with pytest.raises(RefusedInput, match="no name for a field"):
            add_contact(world.console, NewContact.read(phone=new_number(), fields={name: "yes"}), by="a test")

    def test_a_contact_made_by_hand_has_its_field_as_a_file_would(self, world: World) -> None:
        made = add_contact(world.context, NewContact.read(phone=new_number(), fields={"Job Type": "roof"}), by="a test")
        assert made.fields == {"job_type": "roof"}


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    """Accepted, merged, rejected, suppressed."""
    return report.accepted, report.merged, report.rejected, report.suppressed


class TestAudience:
    @pytest.mark.parametrize(
        ("made", "remedy"),
        [
            (lambda _world: 99_999, "there is no import 99999: attackacrack contacts imports"),
            (lambda world: read(world, "phone", new_number()).import_id, "attackacrack contacts confirm"),
            (
                lambda world: (
                    discard_import(world.console, read(world, "phone", new_number()).import_id, by="x").import_id
                ),
                "was discarded: import the file again",
            ),
            (lambda world: begun(world, "phone", new_number()), "wait until"),
        ],
        ids=["none", "a dry run", "discarded", "half taken over"],
    )
    def test_only_a_confirmed_import_is_one(self, world: World, made: Callable[[World], int], remedy: str) -> None:
        with pytest.raises(RefusedInput, match=remedy) as refused:
            world.campaign(audience={"import": made(world)}, started=False)
        assert refused.value.pointer == "/audience/import"

    def test_a_draft_of_an_older_version_is_not_planned_either(self, world: World) -> None:
        done = taken(world, "phone", new_number())
        campaign_id = world.campaign(audience={"import": done.import_id}, started=False)
        world.execute("UPDATE imports SET status = 'dry_run'")
        with pytest.raises(RefusedInput, match="is a dry run"):
            plan_campaign(world.console, campaign_id, by="a test")

    def test_nor_is_a_campaign_that_there_is_not(self, world: World) -> None:
        with pytest.raises(RefusedInput, match="there is no campaign"):
            world.campaign(audience={"failed_of": 99_999}, started=False)

    def test_the_accepted_and_the_merged_are_in_it(self, world: World) -> None:
        known, fresh, twice = new_number(), new_number(), new_number()
        world.contact(known)
        done = taken(world, "phone", known, fresh, twice, twice, "12")
        campaign_id = world.campaign(audience={"import": done.import_id}, started=False)
        assert {row.e164 for row in list_recipients(world.console, campaign_id).items} == {known, fresh, twice}


class TestConfirm:
    def test_it_judges_again_and_says_what_differs(self, world: World) -> None:
        numbers = [new_number() for _ in range(3)]
        first, second = read(world, "phone", *numbers), read(world, "phone", *numbers)
        assert counts(first) == counts(second) == (3, 0, 0, 0)
        assert counts(confirm_import(world.console, first.import_id, by="a test")) == (3, 0, 0, 0)
        done = confirm_import(world.console, second.import_id, by="a test")
        assert counts(done) == (0, 3, 0, 0)
        assert done.foreseen == {"accepted": 3, "merged": 0, "rejected": 0, "suppressed": 0}

    def test_what_happened_since_the_dry_run_counts(self, world: World) -> None:
        stopped, erased, fine = new_number(), new_number(), new_number()
        world.contact(erased)
        report = read(world, "phone", stopped, erased, fine)
        assert counts(report) == (2, 1, 0, 0)
        add_opt_out(world.console, NewOptOut.read(phone=stopped, evidence="by phone"), by="a test")
        erase_contact(world.console, erased, Erase.read(reason="asked"), by="a test")
        done = confirm_import(world.console, report.import_id, by="a test")
        assert (counts(done), done.rejections) == ((1, 0, 1, 1), {"erased": 1})

    def test_a_repeat_changes_nothing(self, world: World) -> None:
        done = taken(world, "phone,opted_out", f"{new_number()},yes", f"{new_number()},")
        assert confirm_import(world.console, done.import_id, by="a test") == done
        assert world.value("SELECT count(*) FROM opt_outs") == 1

    def test_two_at_once_accept_everybody_once(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(imports, "ROWS_AT_ONCE", 3)
        numbers = [new_number() for _ in range(12)]
        ids = [read(world, "phone", *listed).import_id for listed in (numbers, numbers[::-1])]
        with ThreadPoolExecutor(4) as people:
            list(people.map(lambda import_id: confirm_import(world.console, import_id, by="a test"), [*ids, *ids]))
        reports = [show_import(world.console, import_id) for import_id in ids]
        assert sum(report.accepted for report in reports) == len(numbers)
        assert sum(report.merged for report in reports) == len(numbers)

    def test_discarded_is_not_confirmed_and_confirmed_not_discarded(self, world: World) -> None:
        report = read(world, "phone", new_number())
        assert discard_import(world.console, report.import_id, by="a test").status == "cancelled"
        with pytest.raises(Conflict, match="import the file again"):
            confirm_import(world.console, report.import_id, by="a test")
        done = taken(world, "phone", new_number())
        with pytest.raises(Conflict, match="are taken over"):
            discard_import(world.console, done.import_id, by="a test")


class TestChunks:
    @pytest.mark.parametrize("size", [1, 2, 3, 1000])
    def test_their_size_changes_nothing(self, world: World, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
        monkeypatch.setattr(imports, "ROWS_AT_ONCE", size)
        monkeypatch.setattr(reading, "ROWS_AT_ONCE", size)
        known, twice, below, above, refused = (new_number() for _ in range(5))
        world.contact(known, first_name="Known")
        done = taken(
            world,
            "phone,first_name,city,opted_out",
            f"{known},Other,Troy,",
            f"{twice},First,,",
            f"{below},Marked below,,",
            f"{twice},Second,Utica,",
            f"{refused},{'x' * 201},,yes",
            f"{above},Marked,,yes",
            f"{above},Marked above,,",
            f"{below},,,yes",
            "12,,,",
        )
        assert (counts(done), done.foreseen) == (
            (1, 2, 2, 4),
            {"accepted": 1, "merged": 2, "rejected": 2, "suppressed": 4},
        )
        people = world.rows("SELECT e164, first_name, city, opted_out_at IS NULL AS textable FROM contacts")
        assert {(row.e164, row.first_name, row.city, row.textable) for row in people} == {
            (known, "Known", "Troy", True),
            (twice, "First", None, True),
            (below, "Marked below", None, False),
            (above, "Marked", None, False),
            (refused, None, None, False),
        }

    @pytest.mark.parametrize("size", [1, 1000])
    def test_a_mark_that_cannot_be_read_lets_no_row_of_the_number_pass(
        self, world: World, monkeypatch: pytest.MonkeyPatch, size: int
    ) -> None:
        monkeypatch.setattr(reading, "ROWS_AT_ONCE", size)
        doubtful, marked = new_number(), new_number()
        done = taken(
            world,
            "phone,opted_out",
            f"{doubtful},",
            f"{doubtful},since May",
            f"{doubtful},no",
            f"{marked},",
            f"{marked},since May",
            f"{marked},yes",
        )
        assert (counts(done), done.rejections) == ((0, 0, 4, 2), {"bad_opt_out_mark": 4})
        assert world.value("SELECT count(*) FROM contacts WHERE e164 = :e164", e164=doubtful) == 0

    def test_statements_do_not_grow_with_the_marked(self, world: World) -> None:
        def statements(rows: int) -> int:
            report = read(world, "phone,opted_out", *(f"{new_number()},yes" for _ in range(rows)))
            return world.statements(lambda context: confirm_import(context, report.import_id, by="a test"))

        assert statements(3) == statements(40)

    def test_marks_skip_what_waits_and_flag_what_is_on_its_way(self, world: World) -> None:
        waiting, going = new_number(), new_number()
        messages = [world.message(world_number) for world_number in (waiting, going)]
        world.execute("UPDATE messages SET status = 'uncertain' WHERE id = :id", id=messages[1])
        taken(world, "phone,opted_out", f"{waiting},yes", f"{going},yes")
        rows = [world.row(message_id) for message_id in messages]
        assert [(row.status, row.reason, row.opted_out_in_flight) for row in rows] == [
            ("skipped", "opted_out", False),
            ("uncertain", None, True),
        ]

    def test_a_start_said_later_is_not_undone(self, world: World) -> None:
        number = new_number()
        report = read(world, "phone,opted_out", f"{number},yes")
        later = world.now() + timedelta(hours=1)
        world.contact(number, opted_in_at=later)
        confirm_import(world.console, report.import_id, by="a test")
        assert world.value("SELECT opted_out_at FROM contacts WHERE e164 = :e164", e164=number) is None
        assert world.value("SELECT lifted_at FROM opt_outs") == later

    def test_what_nobody_works_on_is_published_and_ends(self, world: World) -> None:
        import_id = begun(world, "phone", new_number())
        assert sweep(world.beat).imports == 0
        world.execute("UPDATE imports SET progress_at = now() - interval '61 seconds'")
        waiting = world.context.inspector.waiting(Queue.DEFAULT)
        assert [sweep(world.beat).imports for _ in range(2)] == [1, 0]
        assert world.context.inspector.waiting(Queue.DEFAULT) == waiting + 1
        assert resume_import(world.console, import_id)
        assert show_import(world.console, import_id).status == "confirmed"

    def test_a_task_s_time_is_kept_and_the_rest_published_at_once(self, world: World) -> None:
        import_id = begun(world, "phone", new_number())
        clock = iter([0.0, 26.0])
        assert not resume_import(world.console, import_id, elapsed=lambda: next(clock))
        assert sweep(world.beat).imports == 1

    def test_an_error_while_copying_is_the_database_s(self, world: World) -> None:
        row = (1, None, "missing", False, "{}", "[]")

        def rows() -> Iterator[tuple[object, ...]]:
            yield row
            world.execute(
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND query LIKE 'COPY staged_rows%'"
            )
            yield row

        def copy() -> None:
            with world.context.database.transaction() as session:
                session.execute(text(imports.STAGE))
                bulk.copy_in(session, imports.COPY_IN, rows())

        with pytest.raises(DatabaseUnavailable, match="QueryCanceled"):
            copy()
        assert world.value("SELECT 1") == 1


class TestRows:
    def test_a_refused_row_says_where_and_what_and_hides_the_number(self, world: World) -> None:
        marked, plain = new_number(), new_number()
        report = read(
            world,
            "Phone Number,first_name,Opted-Out?",
            "212-555-014,Ann,",
            f"{marked},Bob,perhaps",
            f"{marked},{'x' * 300},",
            "1,2",
            f"{marked},Zed,",
            f"{plain},Zoe,",
        )
        page = list_import_rows(world.console, report.import_id, outcome=RowOutcome.REJECTED, after=0, limit=100)
        assert [(row.line, row.reason, row.column, row.value, row.mark_line) for row in page.items] == [
            (2, "too_short", "Phone Number", "•••-•••-•14", None),
            (3, "bad_opt_out_mark", "Opted-Out?", "perhaps", None),
            (4, "field_too_long", "first_name", "over 200 characters", None),
            (5, "ragged", None, "2 cells, 3 columns", None),
            (6, "bad_opt_out_mark", "Opted-Out?", "perhaps", 3),  # for the mark about the same number
        ]
        every = list_import_rows(world.console, report.import_id, outcome=None, after=6, limit=100)
        assert [(row.line, row.outcome, row.phone) for row in every.items] == [(7, "accepted", plain)]

    def test_as_a_file_without_formulas(self, world: World) -> None:
        report = read(world, "phone,opted_out", f'{new_number()},"=HYPERLINK(1)"')
        written = b"".join(export_import_rows(world.console, report.import_id, outcome=RowOutcome.REJECTED, by="maria"))
        [row] = csv.DictReader(io.StringIO(written.decode("utf-8-sig")))
        assert (row["line"], row["reason"], row["value"]) == ("2", "bad_opt_out_mark", "'=HYPERLINK(1)")

    def test_columns_are_named_with_what_they_were_read_as_and_numbers_left_unread(self, world: World) -> None:
        report = read(
            world,
            "Phone Number,Mobile Phone Number,Job Type,",
            f",{new_number()},piers,",
            f",{new_number()[2:]},,",
            f"{new_number()},,,",
        )
        assert [(column.name, column.read_as) for column in report.columns] == [
            ("Phone Number", "phone"),
            ("Mobile Phone Number", "field mobile_phone_number"),
            ("Job Type", "field job_type"),
            ("", "nothing"),
        ]
        assert (report.unread_phones, report.rejections) == (["Mobile Phone Number"], {"missing": 2})

    @pytest.mark.parametrize("name", ["#N/A", "n/a", "NULL", "-", "#REF!", "NaN", "None", "#DIV/0!", "?"])
    def test_what_a_program_writes_for_nothing_is_no_name(self, world: World, name: str) -> None:
        done = taken(world, "phone,first_name", f"{new_number()},{name}", f"{new_number()},Nan")
        assert done.warnings == {"placeholder_ignored": 1}
        template = "Hi {{first_name|there}}. " + WITH_STOP
        campaign_id = world.campaign(template_a=template, audience={"import": done.import_id})
        assert [(row.body or "").partition(".")[0] for row in world.rows_of(campaign_id)] == ["Hi there", "Hi Nan"]


def begun(world: World, *lines: str) -> int:
    """An import whose confirmation was cut off before its first chunk."""
    import_id = read(world, *lines).import_id
    with world.context.database.transaction() as session:
        confirming._begin(session, lock_import(session, import_id), by="a test")
    return import_id
