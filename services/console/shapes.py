"""What the API takes and answers. Nothing unknown is taken; answers only grow."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from services.core.domain.access import Role
from services.core.domain.campaigns import CampaignStatus
from services.core.domain.messages import MessageKind, MessageStatus

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
LARGEST_ID = 2**63 - 1
EXAMPLE_AT = "2026-03-02T13:00:00-05:00"
EXAMPLE_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

Item = TypeVar("Item")


def _text_only(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("a text in ISO 8601, please")
    return value


def _of_our_time(at: datetime) -> datetime:
    if not EARLIEST <= at <= LATEST:
        raise ValueError("a time between the years 2000 and 2100, please")
    return at


def _of_a_day(duration: timedelta) -> timedelta:
    if not timedelta(seconds=1) <= duration <= timedelta(days=1):
        raise ValueError("a duration from PT1S to P1D, please")
    return duration


Instant = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_text_only), AfterValidator(_of_our_time)]
Duration = Annotated[timedelta, Field(strict=False), BeforeValidator(_text_only), AfterValidator(_of_a_day)]
Short = Annotated[str, Field(min_length=1, max_length=200)]
Reason = Annotated[str, Field(min_length=1, max_length=1000)]
Number = Annotated[str, Field(min_length=1, max_length=64, examples=["(202) 555-0143"])]
Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]


class Taken(BaseModel):
    """A body or query: each type as it is written, and no field that we don't know."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Answered(BaseModel):
    """An answer, read from a view or a row."""

    model_config = ConfigDict(from_attributes=True)


class Problem(Answered):
    """An error; `code` is stable, `pointer` names the field, `detail` says the remedy."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    pointer: str
    request_id: str


class PageQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{32}$", description="`next` of the page before")


class Page(Answered, Generic[Item]):
    """Some items of a list; `next` is the cursor of the following page, or null on the last one."""

    items: list[Item]
    next: str | None


class ImportQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    file_name: str = Field(default="upload.csv", max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")


class ImportReport(Answered):
    """`accepted`, `merged`, `rejected` and `suppressed` add up to `rows`; `rejections` are counted by reason."""

    import_id: int
    status: Literal["dry_run", "confirmed", "cancelled"]
    rows: int
    accepted: int
    merged: int
    rejected: int
    suppressed: int
    rejections: dict[str, int]


class NewContact(Taken):
    model_config = ConfigDict(
        json_schema_extra={"example": {"number": "(202) 555-0143", "first_name": "Ada", "state": "NY"}}
    )

    number: Number
    first_name: Short | None = None
    last_name: Short | None = None
    city: Short | None = None
    state: Short | None = None
    zip: Short | None = None
    timezone: Short | None = None
    external_id: Short | None = None
    fields: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")], Reason] = Field(
        default_factory=dict, max_length=50
    )


class Contact(Answered):
    contact_id: int
    e164: str
    first_name: str | None
    last_name: str | None
    city: str | None
    state: str | None
    zip: str | None
    timezone: str | None
    external_id: str | None
    fields: dict[str, Any]
    opted_out_at: datetime | None
    opted_in_at: datetime | None
    suppressed_reason: str | None
    paused_at: datetime | None
    created_at: datetime


class NewOptOut(Taken):
    model_config = ConfigDict(
        json_schema_extra={"example": {"number": "+12025550143", "evidence": "asked on the phone, 2 March, Ada"}}
    )

    number: Number
    evidence: Reason = Field(description="How the person asked; kept as proof.")


class OptOut(Answered):
    opt_out_id: int
    contact_id: int
    e164: str
    source: str
    rule: str
    said_at: datetime
    recorded_at: datetime
    evidence: str | None
    lifted_at: datetime | None
    lifted_by: str | None


class OptOutsQuery(PageQuery):
    in_force: bool = Field(default=True, description="false: those that were lifted, too")


class Window(Taken):
    """Local times of `zone`; weekday 0 is Monday. A reversed window says that it crosses midnight."""

    opens: str = Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["09:00"])
    closes: str = Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["17:00"])
    weekdays: list[Annotated[int, Field(ge=0, le=6)]] | None = Field(default=None, min_length=1, max_length=7)
    zone: Short | None = Field(default=None, examples=["America/New_York"])
    holidays_closed: bool = True
    crosses_midnight: bool = False


class ImportAudience(Taken):
    import_id: Id = Field(alias="import")


class EveryoneAudience(Taken):
    everyone: Literal[True] = Field(alias="all")


class NewCampaign(Taken):
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "Spring check",
                "template_a": "Hi {{first_name|there}}, time to look at the foundation. Reply STOP to opt out.",
                "audience": {"import": 1},
                "daily_cap": 125,
            }
        }
    )

    name: Short
    template_a: str = Field(min_length=1, max_length=5000)
    audience: ImportAudience | EveryoneAudience
    kind: Annotated[MessageKind, Field(strict=False)] = MessageKind.MARKETING
    template_b: str | None = Field(default=None, min_length=1, max_length=5000)
    split_percent_b: int = Field(default=0, ge=0, le=100)
    window: Window | None = None
    daily_cap: int | None = Field(default=None, ge=1, le=100_000)
    batch_size: int | None = Field(default=None, ge=1, le=10_000)
    batch_every: Duration | None = None
    ids_per_task: int | None = Field(default=None, ge=1, le=50)
    ends_at: Instant | None = None
    fields: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]] = Field(
        default_factory=list, max_length=50, description="Names of the audience's own fields that the texts use."
    )


class StartCampaign(Taken):
    model_config = ConfigDict(json_schema_extra={"example": {"plan_hash": EXAMPLE_HASH}})

    plan_hash: str = Field(pattern=r"^[0-9a-f]{64}$", description="The hash of the plan that was read and approved.")


class Plan(Answered):
    """Who is texted, who is not and why, and what it costs; start names `plan_hash`."""

    campaign_id: int
    plan_hash: str
    recipients: int
    excluded: dict[str, int]
    variants: dict[str, int]
    segments: int
    cost_usd: Decimal
    finish_at: datetime | None


class CampaignSummary(Answered):
    campaign_id: int
    name: str
    kind: MessageKind
    status: CampaignStatus
    version: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class Campaign(Answered):
    """A campaign with its messages counted by state."""

    campaign_id: int
    name: str
    kind: MessageKind
    status: CampaignStatus
    version: int
    plan_hash: str | None
    plan: dict[str, Any] | None
    messages: dict[str, int]
    started_at: datetime | None
    finished_at: datetime | None


class MessagesQuery(PageQuery):
    campaign_id: Id | None = None
    status: MessageStatus | None = None
    e164: str | None = Field(default=None, pattern=r"^\+[1-9][0-9]{1,14}$")


class MessageSummary(Answered):
    message_id: int
    direction: str
    kind: MessageKind
    campaign_id: int | None
    contact_id: int | None
    e164: str
    status: MessageStatus
    reason: str | None
    segments: int
    not_before: datetime | None
    submitted_at: datetime | None
    receipt_at: datetime | None
    created_at: datetime


class Message(MessageSummary):
    variant: str | None
    body: str | None
    attempts: int
    provider_message_id: str | None
    provider_error_code: str | None
    opted_out_in_flight: bool


class Step(Answered):
    """One thing that happened to a message; further facts are its own."""

    model_config = ConfigDict(extra="allow")

    at: datetime
    what: str
    reason: str


class Explanation(Answered):
    """Why a message was sent, wasn't, or waits."""

    message_id: int
    status: MessageStatus
    reason: str | None
    campaign: str | None
    not_before: datetime | None
    provider_message_id: str | None
    trace_id: str | None
    opted_out_in_flight: bool
    steps: list[Step]


class Look(Answered):
    """One look at the provider's list: what could be the text, and whether a text that surely was sent was seen."""

    at: datetime
    listed: int
    candidates: list[str]
    control_seen: bool


class Attempt(Answered):
    number: int
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    detail: str | None
    http_status: int | None
    looks: list[Look]


class Held(Answered):
    """A held message with its evidence; `risk` says what a release would mean."""

    message_id: int
    campaign_id: int | None
    contact_id: int | None
    e164: str
    status: MessageStatus
    reason: str | None
    body: str | None
    provider_message_id: str | None
    opted_out_in_flight: bool
    attempts: list[Attempt]
    risk: str


class DeadLetter(Answered):
    letter_id: int
    task: str
    args: list[Any]
    reason: str
    error: str
    attempts: int
    created_at: datetime
    replayed_at: datetime | None
    discarded_at: datetime | None
    trace_id: str | None


class Replay(Taken):
    model_config = ConfigDict(json_schema_extra={"example": {"dry_run": True}})

    dry_run: bool = Field(default=False, description="Say what would be replayed; change nothing.")


class Discard(Taken):
    model_config = ConfigDict(json_schema_extra={"example": {"note": "the contact was erased on request"}})

    note: Reason


class Run(Answered):
    """One run of a job; `late_by` is from due to start, for a waiting run from due to now."""

    run_id: int = Field(validation_alias="id")
    job: str
    due_at: datetime
    status: str
    reason: str | None
    started_at: datetime | None
    finished_at: datetime | None
    late_by: timedelta | None
    attempts: int
    result: dict[str, Any] | None
    error: str | None
    requested_by: str | None


class Job(Answered):
    """One job of the schedule; `next_due` also while it is paused."""

    name: str
    rule: str
    zone: str
    catch_up: str
    next_due: list[datetime]
    last_run: Run | None
    paused_at: datetime | None
    paused_by: str | None


class Queue(Answered):
    """Tasks waiting; `oldest` is the age of the oldest work, where rows tell it."""

    queue: str
    pool: str
    waiting: int
    oldest: timedelta | None


class PoolLoad(Answered):
    """Tasks that a pool's workers hold."""

    pool: str
    unacked: int


class Queues(Answered):
    queues: list[Queue]
    pools: list[PoolLoad]


class StopSending(Taken):
    model_config = ConfigDict(json_schema_extra={"example": {"reason": "wrong list: stop everything"}})

    reason: Reason


class Sending(Answered):
    """Whether texts may leave: stopped by a person, or by the breaker that the provider's refusal opened."""

    stopped_at: datetime | None
    stopped_by: str | None
    reason: str | None
    breaker_open_until: datetime | None
    breaker_reason: str | None


class HealthPart(Answered):
    name: str
    well: bool
    found: str
    remedy: str


class Health(Answered):
    at: datetime | None
    healthy: bool
    parts: list[HealthPart]


class MoveClock(Taken):
    model_config = ConfigDict(json_schema_extra={"example": {"to": EXAMPLE_AT}})

    to: Instant


class Clock(Answered):
    """Product time, the database's own, and the offset between them."""

    product_now: datetime
    real_now: datetime
    offset: timedelta


class WantedToken(Taken):
    model_config = ConfigDict(json_schema_extra={"example": {"name": "night shift", "role": "viewer"}})

    name: Annotated[str, Field(min_length=1, max_length=100)]
    role: Annotated[Role, Field(strict=False)]


class Token(Answered):
    token_id: int
    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None


class NewToken(Answered):
    """`token` is the secret itself; it can't be read again."""

    name: str
    role: Role
    token: str
