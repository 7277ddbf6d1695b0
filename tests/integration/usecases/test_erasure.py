"""Erasing a person: nothing that tells who it was is left in any table, and the number is known again."""

from collections.abc import Sequence

import pytest
from sqlalchemy import text

from services.core.domain.failures import Conflict, NotFound, RefusedInput
from services.core.domain.messages import MessageStatus
from services.core.usecases.campaigns.find import show_campaign
from services.core.usecases.campaigns.plan import plan_campaign
from services.core.usecases.campaigns.start import start_campaign
from services.core.usecases.contacts.add import add_contact
from services.core.usecases.contacts.confirm_import import confirm_import
from services.core.usecases.contacts.dry_run_import import dry_run_import
from services.core.usecases.contacts.erase import erase_contact
from services.core.usecases.contacts.opt_out import add_opt_out, lift_opt_out, list_opt_outs
from services.core.views.contacts import Erase, Erasure, NewContact
from services.core.views.opt_outs import LiftOptOut, NewOptOut
from tests.tools.world import World, new_number

NAME = "Zebulon"
ABOUT_HER = b"phone,first_name,city,note\n%s,Zebulon,Quincyville,porch is sinking\n"
SAID = "my porch is sinking badly"


def erase(world: World, key: object) -> Erasure:
    return erase_contact(world.console, str(key), Erase.read(reason="her letter of 2 March"), by="maria")


def imported(world: World, e164: str) -> tuple[int, int]:
    """The number of rows accepted and of rows suppressed."""
    report = dry_run_import(world.console, [ABOUT_HER % e164.encode()], file_name="list.csv", by="maria")
    confirm_import(world.console, report.import_id, by="maria")
    return report.accepted, report.suppressed


def hits(world: World, word: str) -> Sequence[str]:
    """The tables in which a word stands, in any column of any row, bytes included."""
    with world.context.database.reading() as session:
        tables = session.scalars(text("SELECT relname FROM pg_stat_user_tables ORDER BY 1")).all()
        return [
            table
            for table in tables
            if session.scalar(
                text(
                    f"SELECT count(*) FROM {table} AS t WHERE strpos(t::text, :word) > 0"  # noqa: S608 - names of ours
                    " OR strpos(t::text, encode(convert_to(:word, 'UTF8'), 'hex')) > 0"
                ),
                {"word": word},
            )
        ]


def contact_id_of(world: World, e164: str) -> int:
    with world.context.database.reading() as session:
        query = text("SELECT id FROM contacts WHERE e164 = :e164")
        return int(session.execute(query, {"e164": e164}).scalar_one())


class TestErase:
    def test_no_table_knows_the_person_any_more(self, world: World) -> None:
        e164 = new_number()
        imported(world, e164)
        campaign_id = world.campaign()
        (message,) = world.rows_of(campaign_id)
        world.send(message.id)
        world.receive(world.receipt_for("delivered", message.id))
        world.receive(world.text_from(e164, SAID))
        world.receive(world.event("call.ringing", sender=e164, recipient="+12125550100", said=SAID))
        words = (e164[1:], NAME, "Quincyville", "porch is sinking")
        assert all(hits(world, word) for word in words)
        done = erase(world, e164)
        assert (done.messages, done.recipients, done.webhooks, done.import_rows) == (2, 1, 3, 1)
        assert [table for word in words for table in hits(world, word)] == []
        assert show_campaign(world.console, str(campaign_id)).messages["delivered"] == 1

    def test_waiting_texts_are_not_sent(self, world: World) -> None:
        waiting = world.message()
        e164 = world.row(waiting).e164
        assert erase(world, e164).skipped == 1
        assert (world.status(waiting), world.row(waiting).reason) == ("skipped", "contact_erased")
        world.send(waiting)
        assert world.texts(e164) == []

    def test_a_draft_must_be_planned_again(self, world: World) -> None:
        campaign_id = world.campaign(people=2, started=False)
        approved = show_campaign(world.console, str(campaign_id)).plan_hash
        with world.context.database.reading() as session:
            one = session.scalars(text("SELECT id FROM contacts ORDER BY id LIMIT 1")).one()
        erase(world, one)
        with pytest.raises(Conflict, match="plan it again"):
            start_campaign(world.console, campaign_id, plan_hash=str(approved), by="maria")
        assert plan_campaign(world.console, campaign_id, by="maria").recipients == 1

    @pytest.mark.parametrize("status", [MessageStatus.SENDING, MessageStatus.UNCERTAIN, MessageStatus.HELD])
    def test_an_open_outcome_comes_first(self, world: World, status: MessageStatus) -> None:
        message = world.message()
        world.execute(
            "UPDATE messages SET status = :status, lease_until = now() WHERE id = :id", status=status, id=message
        )
        with pytest.raises(Conflict, match="on its way or held"):
            erase(world, world.row(message).e164)

    def test_an_open_review_comes_first(self, world: World) -> None:
        e164 = new_number()
        world.receive(world.text_from(e164, "not interested"))
        with pytest.raises(Conflict, match="reviews list"):
            erase(world, e164)

    def test_an_event_that_waits_comes_first(self, world: World) -> None:
        e164 = new_number()
        contact_id = world.contact(e164)
        world.accept(world.text_from(e164, "hello"))
        with pytest.raises(Conflict, match="just being handled"):
            erase(world, contact_id)

    def test_only_once_and_only_with_a_reason(self, world: World) -> None:
        contact_id = world.contact()
        with pytest.raises(RefusedInput, match="who asked"):
            erase_contact(world.console, str(contact_id), Erase.read(reason=" "), by="maria")
        erase(world, contact_id)
        with pytest.raises(Conflict, match="was erased on"):
            erase(world, contact_id)
        with pytest.raises(NotFound):
            erase(world, "+12125559999")


class TestTheNumberComesBack:
    @pytest.fixture
    def opted_out(self, world: World) -> str:
        """A number that opted out and was erased."""
        e164 = new_number()
        world.contact(e164)
        world.receive(world.text_from(e164, "STOP"))
        assert erase(world, e164).opted_out
        assert hits(world, e164[1:]) == []
        return e164

    def test_by_an_import(self, world: World, opted_out: str) -> None:
        assert imported(world, opted_out) == (0, 1)
        person = world.person(contact_id_of(world, opted_out))
        assert (person.first_name, person.opted_out_at is not None, person.erased_at) == (NAME, True, None)
        assert world.rows_of(world.campaign()) == []

    def test_by_hand(self, world: World, opted_out: str) -> None:
        assert add_contact(world.console, NewContact.read(phone=opted_out), by="maria").opted_out_at is not None

    def test_by_a_text_and_only_a_later_start_lifts(self, world: World, opted_out: str) -> None:
        world.receive(world.text_from(opted_out, "hello?"))
        assert world.person(contact_id_of(world, opted_out)).opted_out_at is not None
        world.receive(world.text_from(opted_out, "START"))
        assert world.person(contact_id_of(world, opted_out)).opted_out_at is None

    def test_the_proof_names_the_number_again(self, world: World, opted_out: str) -> None:
        (proof,) = list_opt_outs(world.console, after=0, limit=10).items
        assert proof.e164 == f"erased-{proof.contact_id}"
        add_opt_out(world.console, NewOptOut.read(phone=opted_out, evidence="by phone"), by="maria")
        assert [each.e164 for each in list_opt_outs(world.console, after=0, limit=10).items] == [opted_out]

    def test_somebody_who_had_not_opted_out_keeps_the_frequency_cap(self, world: World) -> None:
        e164 = new_number()
        imported(world, e164)
        (first,) = world.rows_of(world.campaign())
        world.send(first.id)
        world.receive(world.receipt_for("delivered", first.id))
        erase(world, e164)
        imported(world, e164)
        (second,) = world.rows_of(world.campaign())
        world.send(second.id)
        assert (second.e164, len(world.texts(e164))) == (e164, 1)

    @pytest.mark.usefixtures("opted_out")
    def test_another_number_is_another_person(self, world: World) -> None:
        assert imported(world, new_number()) == (1, 0)


class TestLift:
    def test_with_evidence(self, world: World) -> None:
        e164 = new_number()
        world.contact(e164)
        add_opt_out(world.console, NewOptOut.read(phone=e164, evidence="by phone"), by="maria")
        lifted = lift_opt_out(
            world.context, LiftOptOut.read(phone=e164, evidence="signed up at the fair, form 17"), by="joe"
        )
        assert lifted.opted_out_at is None
        (proof,) = list_opt_outs(world.console, after=0, limit=10, in_force=False).items
        said = "signed up at the fair, form 17"
        assert (proof.lifted_by, proof.lifted_at is not None, proof.lift_evidence) == ("joe", True, said)
        world.send(message := world.message(contact_id=lifted.contact_id))
        assert world.status(message) == "sent"

    def test_a_later_stop_holds_again(self, world: World) -> None:
        e164 = new_number()
        add_opt_out(world.console, NewOptOut.read(phone=e164, evidence="by phone"), by="maria")
        lift_opt_out(world.console, LiftOptOut.read(phone=e164, evidence="asked again"), by="joe")
        world.receive(world.text_from(e164, "STOP"))
        assert world.person(contact_id_of(world, e164)).opted_out_at is not None

    @pytest.mark.parametrize("evidence", ["", "  "])
    def test_never_without(self, world: World, evidence: str) -> None:
        with pytest.raises(RefusedInput) as refused:
            lift_opt_out(world.console, LiftOptOut.read(phone=new_number(), evidence=evidence), by="joe")
        assert refused.value.pointer == "/evidence"

    def test_nothing_to_lift_makes_no_contact(self, world: World) -> None:
        e164 = new_number()
        with pytest.raises(Conflict, match="has not opted out"):
            lift_opt_out(world.console, LiftOptOut.read(phone=e164, evidence="asked"), by="joe")
        assert hits(world, e164[1:]) == []
