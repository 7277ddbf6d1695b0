"""A day's work through a client that knows only the API's own description."""

import csv
import io

import pytest

from services.core.domain.messages import MessageStatus
from tests.integration.console.acts import add_message, new_number
from tests.integration.console.conftest import RunningConsole
from tests.tools.api_client import ApiClient, Refused
from tests.tools.rows import warm_limiter

CSV = "phone,first_name,opted_out\n{0},=cmd|' /C calc'!A0,\n{1},Bo,yes\n911,Cy,\n"


@pytest.fixture(scope="module")
def client(console: RunningConsole) -> ApiClient:
    warm_limiter(console.context)
    return ApiClient(console.client, token=console.tokens["admin"])


def test_from_a_file_to_an_export(client: ApiClient) -> None:
    numbers = (new_number(), new_number())
    read = client.import_contacts_file(body=CSV.format(*numbers).encode(), file_name="spring.csv")
    assert (read["rows"], read["accepted"], read["suppressed"], read["rejected"]) == (3, 1, 1, 1)
    client.follow(read, "confirm_import")
    wanted = client.example("create_campaign") | {"audience": {"import": read["import_id"]}}
    created = client.create_campaign(body=wanted)
    plan = client.follow(created, "make_plan", if_match='"1"')
    assert (plan["recipients"], plan["excluded"]) == (1, {"opted_out": 1})
    started = client.follow(plan, "start_campaign", body={"plan_hash": plan["plan_hash"]})
    assert started["status"] == "running"
    with pytest.raises(Refused, match="412 version_stale"):
        client.follow(started, "pause_campaign", if_match='"1"')
    assert client.follow(started, "cancel_campaign")["messages"] == {"skipped": 1}
    (waiting,) = client.list_messages(campaign_id=started["campaign_id"])["items"]
    assert client.explain_message(message_id=waiting["message_id"])["campaign"] == wanted["name"]
    states = {row["e164"]: row["state"] for row in client.follow(started, "list_recipients")["items"]}
    assert states == {numbers[0]: "skipped", numbers[1]: "excluded"}
    exported = client.follow(started, "export_recipients").content.decode("utf-8-sig")
    assert len(exported.splitlines()) == 3
    cells = [cell for row in csv.reader(io.StringIO(exported)) for cell in row]
    assert "'=cmd|' /C calc'!A0" in cells
    assert not any(cell.startswith("=") for cell in cells)
    again = client.follow(started, "make_clone", body={"name": "Spring check, again"})
    assert (again["status"], again["campaign_id"] > started["campaign_id"]) == ("draft", True)


def test_a_person_who_writes_is_answered_once_and_forgotten_on_request(
    console: RunningConsole, client: ApiClient
) -> None:
    number = new_number()
    add_message(console, MessageStatus.RECEIVED, number=number)
    (latest, *_) = client.list_conversations(limit=1)["items"]
    assert (latest["e164"], latest["unanswered"]) == (number, True)
    replies = [
        client.reply_to_conversation(key=number, body=client.example("reply_to_conversation"), idempotency_key="once")
        for _ in range(2)
    ]
    assert replies[0].content == replies[1].content
    assert [text["direction"] for text in client.show_conversation(key=number)["texts"]] == ["incoming", "outgoing"]
    assert client.erase_contact(key=number, body=client.example("erase_contact"))["skipped"] == 1
    with pytest.raises(Refused, match="404 not_found"):
        client.show_contact(key=number)


def test_every_list_is_read_page_by_page(client: ApiClient) -> None:
    for name in ("list_contacts", "list_campaigns", "list_messages", "list_jobs", "list_tasks", "list_all_runs"):
        listing = getattr(client, name)
        page = listing(limit=1)
        for _ in range(3):
            if page["next"] is None:
                break
            page = listing(limit=1, cursor=page["next"])
            assert len(page["items"]) == 1


def test_what_the_client_does_not_know_it_does_not_send(client: ApiClient) -> None:
    with pytest.raises(AttributeError):
        client.drop_everything()
    with pytest.raises(TypeError):
        client.show_campaign()
    with pytest.raises(TypeError):
        client.list_messages(sort="created_at")
