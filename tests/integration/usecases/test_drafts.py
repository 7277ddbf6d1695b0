"""A draft is edited and deleted, its text previewed for real people; a plan of what it was before is no plan of it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.core.domain.failures import Conflict, NotFound, RefusedInput
from services.core.usecases.campaigns.cancel import cancel_campaign
from services.core.usecases.campaigns.create import create_campaign
from services.core.usecases.campaigns.delete import delete_campaign
from services.core.usecases.campaigns.edit import edit_campaign
from services.core.usecases.campaigns.find import show_campaign
from services.core.usecases.campaigns.plan import plan_campaign
from services.core.usecases.campaigns.preview import preview_campaign
from services.core.usecases.campaigns.start import start_campaign
from services.core.usecases.contacts.confirm_import import confirm_import
from services.core.usecases.contacts.dry_run_import import dry_run_import
from services.core.views import campaigns as views
from tests.tools.world import WITH_STOP, World, new_number

BY = "maria"
OTHER = "Dear {{first_name|there}}, Acme again. Reply STOP to opt out."


def draft(world: World, **values: Any) -> int:
    new = {"name": f"draft {new_number()}", "template_a": WITH_STOP, "audience": {"all": True}} | values
    return create_campaign(world.console, views.NewCampaign.read(**new), by=BY).campaign_id


def edit(world: World, campaign_id: int, **values: Any) -> views.Campaign:
    return edit_campaign(world.console, campaign_id, views.EditCampaign.read(**values), by=BY)


def preview(world: World, **values: Any) -> views.Preview:
    return preview_campaign(world.console, views.PreviewCampaign.read(**values))


def imported(world: World, *numbers: str) -> int:
    csv = "phone,first_name\n" + "".join(f"{number},Ada\n" for number in numbers)
    report = dry_run_import(world.console, [csv.encode()], file_name="list.csv", by=BY)
    confirm_import(world.console, report.import_id, by=BY)
    return report.import_id


class TestEdit:
    @pytest.mark.parametrize(
        "said",
        [
            {"template_a": OTHER},
            {"template_b": OTHER, "split_percent_b": 50},
            {"kind": "transactional"},
            {"window": {"opens": "10:00", "closes": "12:00"}},
            {"daily_cap": 3},
            {"batch_size": 3},
            {"batch_every": timedelta(minutes=5)},
            {"ends_at": datetime(2090, 1, 1, tzinfo=UTC)},
            {"fields": ["Crack length"]},
        ],
        ids=lambda said: next(iter(said)),
    )
    def test_what_a_plan_speaks_of_forgets_the_plan(self, world: World, said: dict[str, Any]) -> None:
        campaign_id = world.campaign(people=2, started=False)
        before = show_campaign(world.console, str(campaign_id))
        assert before.plan_hash is not None
        edited = edit(world, campaign_id, **said)
        assert (edited.plan_hash, edited.plan, edited.version) == (None, None, before.version + 1)
        assert world.value("SELECT count(*) FROM recipients WHERE campaign_id = :id", id=campaign_id) == 0
        with pytest.raises(Conflict, match="plan it again"):
            start_campaign(world.console, campaign_id, plan_hash=before.plan_hash, by=BY)
        assert plan_campaign(world.console, campaign_id, by=BY).plan_hash != before.plan_hash or "fields" in said

    def test_an_audience_forgets_the_plan(self, world: World) -> None:
        campaign_id = world.campaign(people=2, started=False)
        import_id = imported(world, new_number())
        edited = edit(world, campaign_id, audience={"import": import_id})
        assert (edited.plan_hash, edited.audience) == (None, {"import": import_id})
        assert plan_campaign(world.console, campaign_id, by=BY).recipients == 1

    def test_a_name_keeps_the_plan(self, world: World) -> None:
        campaign_id = world.campaign(people=1, started=False)
        before = show_campaign(world.console, str(campaign_id))
        edited = edit(world, campaign_id, name="Another name", ids_per_task=3)
        assert (edited.name, edited.plan_hash) == ("Another name", before.plan_hash)
        start_campaign(world.console, campaign_id, plan_hash=str(before.plan_hash), by=BY)

    def test_what_is_as_it_was_changes_nothing(self, world: World) -> None:
        campaign_id = world.campaign(started=False)
        before = show_campaign(world.console, str(campaign_id))
        assert edit(world, campaign_id, template_a=WITH_STOP, daily_cap=125) == before

    def test_null_takes_back_what_it_need_not_have(self, world: World) -> None:
        ends_at = datetime(2090, 1, 1, tzinfo=UTC)
        campaign_id = draft(world, ends_at=ends_at, template_b=OTHER, split_percent_b=50, daily_cap=3)
        edited = edit(world, campaign_id, ends_at=None, template_b=None, split_percent_b=0, daily_cap=None)
        assert (edited.ends_at, edited.template_b, edited.daily_cap) == (None, None, 125)

    @pytest.mark.parametrize(
        ("said", "code", "pointer"),
        [
            ({}, "nothing_given", ""),
            ({"name": None}, "body_invalid", "/name"),
            ({"name": "42"}, "name_invalid", "/name"),
            ({"template_a": "Hi {{nobody}}. Reply STOP to opt out."}, "unknown_field", "/template_a"),
            ({"template_a": "We fix cracks."}, "no_opt_out_line", "/template_a"),
            ({"template_b": OTHER}, "split_invalid", "/split_percent_b"),
            ({"audience": {"import": 999}}, "audience_not_imported", "/audience/import"),
            ({"window": {"opens": "12:00", "closes": "10:00"}}, "window_invalid", "/window"),
        ],
    )
    def test_what_a_new_one_may_not_have_is_refused(
        self, world: World, said: dict[str, Any], code: str, pointer: str
    ) -> None:
        campaign_id = draft(world)
        before = show_campaign(world.console, str(campaign_id))
        with pytest.raises(RefusedInput) as refused:
            edit(world, campaign_id, **said)
        assert (refused.value.code, refused.value.pointer) == (code, pointer)
        assert show_campaign(world.console, str(campaign_id)) == before

    def test_a_taken_name_is_refused_and_nothing_is_half_done(self, world: World) -> None:
        taken = show_campaign(world.console, str(draft(world))).name
        campaign_id = draft(world)
        before = show_campaign(world.console, str(campaign_id))
        with pytest.raises(Conflict, match="choose another"):
            edit(world, campaign_id, name=taken, daily_cap=7)
        assert show_campaign(world.console, str(campaign_id)) == before

    def test_who_did_it_is_recorded_by_the_fields_names(self, world: World) -> None:
        campaign_id = draft(world)
        edit(world, campaign_id, template_a=OTHER, daily_cap=7)
        (entry,) = world.rows("SELECT actor, detail FROM audit WHERE act = 'campaign.edited'")
        assert entry == (BY, {"fields": ["template_a", "daily_cap"]})


class TestDelete:
    def test_a_draft_goes_with_its_plan(self, world: World) -> None:
        campaign_id = world.campaign(people=2, started=False)
        assert delete_campaign(world.console, campaign_id, by=BY).campaign_id == campaign_id
        with pytest.raises(NotFound):
            show_campaign(world.console, str(campaign_id))
        assert world.value("SELECT count(*) FROM recipients") == 0
        with pytest.raises(NotFound):
            delete_campaign(world.console, campaign_id, by=BY)

    @pytest.mark.parametrize("state", ["running", "cancelled"])
    def test_what_was_started_or_ended_is_kept(self, world: World, state: str) -> None:
        campaign_id = world.campaign(people=1)
        if state == "cancelled":
            cancel_campaign(world.console, campaign_id, by=BY)
        with pytest.raises(Conflict, match="no draft"):
            edit(world, campaign_id, daily_cap=7)
        with pytest.raises(Conflict, match="no draft"):
            delete_campaign(world.console, campaign_id, by=BY)
        assert len(world.rows_of(campaign_id)) == 1


class TestPreview:
    def test_three_who_get_one_and_the_first_who_does_not(self, world: World) -> None:
        world.contact("+12125550101", opted_out_at=datetime(2026, 3, 2, tzinfo=UTC))
        world.contact("+12125550102", suppressed_reason="landline")
        for last in range(3, 8):
            world.contact(f"+1212555010{last}", first_name=f"Ada{last}")
        shown = preview(world, template_a=WITH_STOP, audience={"all": True})
        assert [each.e164[-1] for each in shown.people] == ["3", "4", "5"]
        assert shown.people[0].body == "Hello Ada3 from Acme. Reply STOP to opt out."
        assert shown.first_refused is not None
        assert (shown.first_refused.e164, shown.first_refused.reason) == ("+12125550101", "opted_out")
        assert (shown.looked_at, shown.is_whole, shown.findings) == (7, False, [])
        assert preview(world, template_a=WITH_STOP, audience={"all": True}) == shown

    @pytest.mark.parametrize(
        ("name", "encoding", "segments", "forced_by"),
        [
            ("Ada", "gsm_7", 1, None),
            ("A" * 160, "gsm_7", 2, None),
            ("Żółć", "ucs_2", 1, "Ż"),
            ("Ż" * 60, "ucs_2", 2, "Ż"),
        ],
    )
    def test_segments_price_and_the_culprit(
        self, world: World, name: str, encoding: str, segments: int, forced_by: str | None
    ) -> None:
        world.contact(first_name=name)
        (one,) = preview(world, template_a=WITH_STOP, audience={"all": True}).people
        assert (one.encoding, one.segments, one.forced_by) == (encoding, segments, forced_by)
        assert one.cost_usd == Decimal("0.01") * segments

    def test_it_says_what_the_plan_will(self, world: World) -> None:
        world.contact(first_name=None)
        world.contact(first_name="Ada")
        campaign_id = world.campaign(
            started=False,
            template_a="Dear {{first_name}}, reply STOP to opt out.",
            template_b=OTHER,
            split_percent_b=50,
        )
        shown = preview(world, campaign_id=campaign_id)
        found = [*shown.people, *([shown.first_refused] if shown.first_refused else [])]
        planned = world.rows("SELECT e164, variant, body, excluded, segments FROM recipients ORDER BY e164")
        seen = sorted((each.e164, each.variant, each.body, each.reason, each.segments) for each in found)
        assert seen == [tuple(row) for row in planned]
        assert shown.is_whole

    def test_a_saved_one_with_another_text_is_left_as_it_is(self, world: World) -> None:
        campaign_id = world.campaign(people=1, started=False)
        before = show_campaign(world.console, str(campaign_id))
        (one,) = preview(world, campaign_id=campaign_id, template_a=OTHER).people
        assert one.body == "Dear there, Acme again. Reply STOP to opt out."
        assert show_campaign(world.console, str(campaign_id)) == before

    def test_people_who_are_named(self, world: World) -> None:
        number, other = new_number(), new_number()
        contact_id = world.contact(number, first_name="Ada")
        world.contact(other, opted_out_at=datetime(2026, 3, 2, tzinfo=UTC))
        typed = f"({other[2:5]}) {other[5:8]}-{other[8:]}"
        shown = preview(world, template_a=WITH_STOP, audience={"all": True}, people=[str(contact_id), typed])
        assert [(each.e164, each.reason) for each in shown.people] == [(number, None), (other, "opted_out")]
        assert (shown.first_refused, shown.looked_at) == (None, 2)

    @pytest.mark.parametrize("key", ["999999", "+12125550199", "ghost"])
    def test_who_is_not_of_the_audience_is_refused(self, world: World, key: str) -> None:
        world.contact("+12125550199")
        audience = {"import": imported(world, new_number())}
        with pytest.raises(RefusedInput) as refused:
            preview(world, template_a=WITH_STOP, audience=audience, people=[key])
        assert (refused.value.code, refused.value.pointer) == ("not_in_audience", "/people/0")
        assert key not in str(refused.value)

    def test_what_is_refused_when_it_is_saved_is_shown_with_the_reason(self, world: World) -> None:
        world.contact(first_name="Ada")
        shown = preview(world, template_a="Hi {{first_name}}, see bit.ly/x", audience={"all": True})
        assert shown.people[0].body == "Hi Ada, see bit.ly/x"
        assert [(each.pointer, each.code) for each in shown.findings] == [
            ("/template_a", "link_shortener"),
            ("/template_a", "no_opt_out_line"),
        ]

    @pytest.mark.parametrize(
        ("values", "pointer"),
        [
            ({"template_a": "Hi {{first_name"}, "/template_a"),
            ({"template_a": None}, "/template_a"),
            ({"audience": {"import": 999}}, "/audience/import"),
            ({"campaign_id": 999}, ""),
        ],
    )
    def test_what_cannot_be_shown_names_the_field(self, world: World, values: dict[str, Any], pointer: str) -> None:
        with pytest.raises(RefusedInput) as refused:
            preview(world, **{"template_a": WITH_STOP, "audience": {"all": True}} | values)
        assert refused.value.pointer == pointer

    def test_a_long_list_is_looked_at_in_part(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("services.core.usecases.campaigns.preview.AT_ONCE", 2)
        monkeypatch.setattr("services.core.usecases.campaigns.preview.LOOKED_AT_AT_MOST", 4)
        for _ in range(6):
            world.contact()
        shown = preview(world, template_a=WITH_STOP, audience={"all": True})
        assert (len(shown.people), shown.first_refused, shown.looked_at, shown.is_whole) == (3, None, 4, False)
