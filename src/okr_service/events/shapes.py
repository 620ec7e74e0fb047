"""What comes out of the feed, and what can be asked of it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from okr_service.kernel.fields import View
from okr_service.kernel.paging import Names, Set


class EventType(StrEnum):
    """What happened to which kind of thing."""

    OBJECTIVE_CREATED = "okr.objective.created"
    OBJECTIVE_UPDATED = "okr.objective.updated"
    OBJECTIVE_PROGRESSED = "okr.objective.progressed"
    OBJECTIVE_DELETED = "okr.objective.deleted"
    KEY_RESULT_CREATED = "okr.key_result.created"
    KEY_RESULT_UPDATED = "okr.key_result.updated"
    KEY_RESULT_PROGRESSED = "okr.key_result.progressed"
    KEY_RESULT_DELETED = "okr.key_result.deleted"
    CHECK_IN_RECORDED = "okr.check_in.recorded"
    CHECK_IN_VOIDED = "okr.check_in.voided"
    CHECK_IN_DUE = "okr.check_in.due"
    CHECK_IN_OVERDUE = "okr.check_in.overdue"
    FEED_CREATED = "okr.feed.created"
    FEED_UPDATED = "okr.feed.updated"
    FEED_DELETED = "okr.feed.deleted"
    FEED_RECEIVED = "okr.feed.received"
    FEED_MAPPING_CREATED = "okr.feed_mapping.created"
    FEED_MAPPING_UPDATED = "okr.feed_mapping.updated"
    FEED_MAPPING_DELETED = "okr.feed_mapping.deleted"
    ACTION_PLAN_CREATED = "okr.action_plan.created"
    ACTION_PLAN_UPDATED = "okr.action_plan.updated"
    ACTION_PLAN_DELETED = "okr.action_plan.deleted"
    ACTION_CREATED = "okr.action.created"
    ACTION_UPDATED = "okr.action.updated"
    ACTION_DELETED = "okr.action.deleted"
    ACTION_DUE = "okr.action.due"
    ACTION_OVERDUE = "okr.action.overdue"
    CYCLE_CREATED = "okr.cycle.created"
    CYCLE_UPDATED = "okr.cycle.updated"
    CYCLE_CLOSED = "okr.cycle.closed"
    CYCLE_REOPENED = "okr.cycle.reopened"
    CYCLE_DELETED = "okr.cycle.deleted"
    UNIT_CREATED = "okr.unit.created"
    UNIT_UPDATED = "okr.unit.updated"
    UNIT_DELETED = "okr.unit.deleted"
    PERSON_CREATED = "okr.person.created"
    PERSON_UPDATED = "okr.person.updated"
    PERSON_ERASED = "okr.person.erased"
    PERSON_DELETED = "okr.person.deleted"
    WEBHOOK_DISABLED = "okr.webhook.disabled"
    TENANT_CREATED = "okr.tenant.created"
    TENANT_UPDATED = "okr.tenant.updated"


LATEST = "latest"
LONGEST_WAIT = 30


class EventData(View):
    """What differs."""

    before: dict[str, object] | None = Field(
        description="As it was; null where the thing is new, or what was said of it is erased."
    )
    after: dict[str, object] | None = Field(
        description="As it is since; null where the thing is gone, or what was said is erased. "
        "Of what is due: what it is, whose, and by when."
    )


class EventView(View):
    """One change of one thing: a CloudEvent (1.0, in JSON)."""

    specversion: Literal["1.0"]
    id: UUID = Field(description="Of an event that the audit has too, the same as there.")
    source: str = Field(description="The tenant.", examples=["urn:uuid:01a20994-…"])
    type: EventType
    subject: str = Field(
        description="What changed: its address beneath `/v1/`.",
        examples=["objectives/01a20994-5a3e-7c1c-8c2b-0d7a6f0f9b1e"],
    )
    time: datetime = Field(description="When it was recorded.")
    datacontenttype: Literal["application/json"]
    cursor: str = Field(description="Where to go on after it: send it as `after`.")
    data: EventData


class EventsWanted(BaseModel):
    """Which events are wanted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: Names | None = Field(
        default=None,
        description="The cursor to go on after; `latest` for what happens from now on; from the "
        "oldest that is kept where absent.",
        examples=["1042-0d7a6f0f9b1e"],
    )
    types: Annotated[list[EventType], Set, Field(max_length=50)] = Field(
        default=[], description="Only of these types."
    )
    limit: int = Field(default=100, ge=1, le=1000, description="Most events at once.")


class EventsAwaited(EventsWanted):
    """Which events are wanted, and how long to wait for one."""

    wait: float = Field(
        default=0,
        ge=0,
        le=LONGEST_WAIT,
        description="Where there is none, wait for one, so many seconds at most.",
    )


class FeedPlace(BaseModel):
    """Where a reader of the feed stands."""

    next_cursor: str = Field(description="Send it as `after` to go on, now or in some days.")
    has_more: bool = Field(description="Whether there was more already when this was read.")


class EventPage(BaseModel):
    """A part of the feed."""

    data: list[EventView]
    page: FeedPlace
