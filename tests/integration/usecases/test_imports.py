"""A list of contacts on its way from a file's bytes to the people that a campaign texts."""

import pytest

from services.core.domain.failures import RefusedInput
from services.core.usecases.contact_verbs import NewContact, add_contact
from services.core.usecases.import_contacts import ImportReport, confirm, dry_run
from tests.tools.world import WITH_STOP, World, new_number


def read(world: World, *lines: str) -> ImportReport:
    return dry_run(world.context, ["\n".join(lines).encode()], file_name="list.csv", by="a test")


def taken(world: World, *lines: str) -> ImportReport:
    return confirm(world.context, read(world, *lines).import_id, by="a test")


class TestFieldNames:
    @pytest.mark.parametrize("written", ["job_type", "Job Type", "JOB  TYPE", "Job\u200b Type"])
    def test_a_field_is_found_however_its_name_is_written(self, world: World, written: str) -> None:
        done = taken(world, f"phone,{written}", f"{new_number()},piers")
        template = "About your {{job type}}. " + WITH_STOP
        audience = {"import": done.import_id}
        campaign_id = world.campaign(template_a=template, fields=frozenset({written}), audience=audience)
        assert [(row.body or "")[:17] for row in world.rows_of(campaign_id)] == ["About your piers."]

    @pytest.mark.parametrize(
        "name", ["opted_out", "Opt-Out", "sms_consent", "stop", "phone", "ti\u200bmezone", "State/Region"]
    )
    def test_a_known_name_is_no_field_of_a_campaign_or_a_contact(self, world: World, name: str) -> None:
        with pytest.raises(RefusedInput, match="no name for a field") as refused:
            world.campaign(fields=frozenset({name}), started=False)
        assert refused.value.pointer == "/fields"
        with pytest.raises(RefusedInput, match="no name for a field"):
            add_contact(world.context, NewContact(number=new_number(), fields={name: "yes"}), by="a test")
