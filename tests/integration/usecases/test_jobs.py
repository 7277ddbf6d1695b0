"""Jobs from the file to the text, and back again when they are cancelled, opened again or reviewed."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.core.domain.failures import Conflict, NotFound, RefusedInput
from services.core.usecases.jobs.complete import complete_jobs
from services.core.usecases.jobs.find import list_jobs, show_job
from services.core.usecases.jobs.import_file import import_jobs
from services.core.usecases.jobs.put import put_job, update_job
from services.core.views.jobs import Job, JobChange, NewJob, PutOutcome
from tests.tools.world import ZONE, World, new_number

HEADER = "external_id,phone,first_name,job_type,calendar_end,invoice_paid_at,review_at,cancelled\n"


def put(world: World, external_id: str, **said: object) -> Job:
    return put_job(world.console, NewJob.read(external_id=external_id, **said), by="a test").job


def done(world: World, external_id: str = "J-1", **said: object) -> Job:
    """A job that is complete, with its follow-up written."""
    hour_ago = world.now() - timedelta(hours=1)
    complete = {"calendar_end": hour_ago, "invoice_paid_at": hour_ago, "phone": new_number(), "job_type": "roof"}
    put(world, external_id, **complete | said)
    assert complete_jobs(world.operations_worker)["completed"] == 1
    return show_job(world.console, external_id)


def follow_up(job: Job) -> int:
    assert job.follow_up is not None
    return job.follow_up.message_id


class TestCompletion:
    def test_a_completed_job_is_followed_up_once_at_ten_on_the_next_business_day(self, world: World) -> None:
        job = done(world, first_name="Ana")
        assert (job.state, job.reminder) == ("completed", None)
        message = world.row(follow_up(job))
        assert message.body is not None
        assert message.body.startswith("Hi Ana, thank you")
        assert message.not_before is not None
        local = message.not_before.astimezone(ZONE)
        assert (local.hour, local.minute, local.weekday() < 5) == (10, 0, True)
        assert local.date() > world.now().astimezone(ZONE).date()
        assert complete_jobs(world.operations_worker) == {"completed": 0, "reminded": 0, "failed": 0}
        world.move_to(message.not_before)
        assert world.send(message.id) == 1
        assert len(world.texts(job.e164)) == 1

    def test_the_text_goes_by_the_type(self, make_world: Callable[..., World]) -> None:
        world = make_world(
            follow_up_texts={"roof": "Your roof is done, {{first_name|friend}}."}, reminder_texts={"roof": "And?"}
        )
        job = done(world)
        assert world.row(follow_up(job)).body == "Your roof is done, friend."
        world.move(days=7)
        assert complete_jobs(world.operations_worker)["reminded"] == 1
        job = show_job(world.console, "J-1")
        assert job.reminder is not None
        assert world.row(job.reminder.message_id).body == "And?"

    def test_a_text_that_cannot_be_made_keeps_no_other_waiting(self, make_world: Callable[..., World]) -> None:
        world = make_world(follow_up_texts={"wall": "{{city}} is prettier now"})
        hour_ago = world.now() - timedelta(hours=1)
        for external_id, job_type in (("J-1", "wall"), ("J-2", "roof")):
            put(
                world,
                external_id,
                phone=new_number(),
                job_type=job_type,
                calendar_end=hour_ago,
                invoice_paid_at=hour_ago,
            )
        assert complete_jobs(world.operations_worker) == {"completed": 1, "reminded": 0, "failed": 1}
        assert show_job(world.console, "J-1").state == "open"

    def test_one_reminder_after_seven_days(self, world: World) -> None:
        done(world)
        world.move(days=6, hours=23)
        assert complete_jobs(world.operations_worker)["reminded"] == 0
        world.move(hours=2)
        assert [complete_jobs(world.operations_worker)["reminded"] for _ in range(2)] == [1, 0]

    def test_no_reminder_after_a_review(self, world: World) -> None:
        done(world)
        put(world, "J-1", review_at=world.now())
        world.move(days=8)
        assert complete_jobs(world.operations_worker)["reminded"] == 0


class TestChangesInBetween:
    @pytest.mark.parametrize(
        ("change", "reason", "state"),
        [
            ({"cancelled": True}, "job_cancelled", "cancelled"),
            ({"invoice_paid_at": None}, "job_reopened", "open"),
            ({"calendar_end": datetime(2090, 1, 1, tzinfo=ZONE)}, "job_reopened", "open"),
        ],
    )
    def test_the_waiting_follow_up_is_taken_back(
        self, world: World, change: dict[str, Any], reason: str, state: str
    ) -> None:
        waiting = follow_up(done(world))
        job = put(world, "J-1", **change)
        assert (job.state, job.completed_at, job.follow_up) == (state, None, None)
        message = world.row(waiting)
        assert (message.status, message.reason) == ("skipped", reason)

    def test_a_job_that_completes_again_is_followed_up_if_it_was_not_yet(self, world: World) -> None:
        waiting = follow_up(done(world))
        put(world, "J-1", cancelled=True)
        put(world, "J-1", cancelled=False)
        assert complete_jobs(world.operations_worker)["completed"] == 1
        again = follow_up(show_job(world.console, "J-1"))
        assert again != waiting
        assert world.status(again) == "pending"

    def test_nobody_is_followed_up_twice(self, world: World) -> None:
        sent = follow_up(done(world))
        world.move_to(world.row(sent).not_before or world.now())
        world.send(sent)
        put(world, "J-1", invoice_paid_at=None)
        put(world, "J-1", invoice_paid_at=world.now())
        complete_jobs(world.operations_worker)
        job = show_job(world.console, "J-1")
        assert (job.state, follow_up(job)) == ("completed", sent)

    def test_a_review_takes_the_waiting_reminder_back(self, world: World) -> None:
        done(world)
        world.move(days=8)
        complete_jobs(world.operations_worker)
        reminder = show_job(world.console, "J-1").reminder
        assert reminder is not None
        job = put(world, "J-1", review_at=world.now())
        assert (world.row(reminder.message_id).reason, job.reminder) == ("review_recorded", None)
        assert complete_jobs(world.operations_worker)["reminded"] == 0


class TestPut:
    def test_the_same_again_changes_nothing(self, world: World) -> None:
        new = NewJob.read(external_id="J-1", phone=new_number(), job_type="roof", calendar_end=world.now())
        outcomes = [put_job(world.console, new, by="a test").outcome for _ in range(2)]
        assert outcomes == [PutOutcome.ADDED, PutOutcome.UNCHANGED]
        assert [job.external_id for job in list_jobs(world.console, after=0, limit=10).items] == ["J-1"]

    def test_what_is_refused(self, world: World) -> None:
        put(world, "J-1", phone=new_number(), job_type="roof")
        cases: list[tuple[type[RefusedInput], str, dict[str, Any]]] = [
            (RefusedInput, "number_missing", {"external_id": "J-2", "job_type": "roof"}),
            (RefusedInput, "job_type_missing", {"external_id": "J-2", "phone": new_number()}),
            (RefusedInput, "external_id_refused", {"external_id": " "}),
            (RefusedInput, "job_type_refused", {"external_id": "J-1", "job_type": " "}),
            (RefusedInput, "body_invalid", {"external_id": "J-1", "completed_at": None}),
            (Conflict, "other_person", {"external_id": "J-1", "phone": new_number()}),
        ]
        for kind, code, said in cases:
            with pytest.raises(kind) as refused:
                put_job(world.console, NewJob.read(**said), by="a test")
            assert refused.value.code == code
        with pytest.raises(NotFound):
            update_job(world.console, "J-9", JobChange.read(cancelled=True), by="a test")
        with pytest.raises(NotFound):
            show_job(world.console, "J-9")


class TestImport:
    def test_a_dry_run_says_what_the_import_then_does(self, world: World) -> None:
        put(world, "J-1", phone="+12125550143", job_type="roof")
        file = (
            HEADER + "J-1,2125550143,,wall,,,,\nJ-2,2125550144,Ana,roof,2027-06-01,,,\nJ-3,2125550145,,,,,,\n"
            "J-4,nobody,,roof,,,,\nJ-1,2125550143,,,,,,\nJ-5,2125550146,,roof,soon,,,\n"
        ).encode()
        dry, real, again = (
            import_jobs(world.console, [file], by="a test", apply=apply) for apply in (False, True, True)
        )
        counts = [(each.added, each.changed, each.unchanged, each.rejected) for each in (dry, real, again)]
        assert counts == [(1, 1, 0, 4), (1, 1, 0, 4), (0, 0, 2, 4)]
        assert [(each.line, each.reason) for each in dry.rejections] == [
            (4, "job_type_missing"),
            (5, "not_a_number"),
            (6, "repeated_external_id"),
            (7, "bad_time:calendar_end"),
        ]
        assert dry.rejections == real.rejections
        assert (show_job(world.console, "J-1").job_type, show_job(world.console, "J-2").first_name) == ("wall", "Ana")

    def test_a_dry_run_writes_nothing(self, world: World) -> None:
        file = (HEADER + "J-1,2125550143,Ana,roof,,,,\n").encode()
        assert import_jobs(world.console, [file], by="a test", apply=False).added == 1
        assert list_jobs(world.console, after=0, limit=10).items == []
