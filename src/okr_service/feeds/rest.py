"""Metric feeds over REST."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from okr_service.access.policy import Permission
from okr_service.feeds import readings, service
from okr_service.feeds.errors import FeedMappingNotFound, FeedReadingNotFound, MetricFeedNotFound
from okr_service.feeds.model import FeedMapping, FeedReading, MetricFeed
from okr_service.feeds.reads import (
    FEED_MAPPINGS,
    FEED_READINGS,
    METRIC_FEEDS,
    feed_mappings_wanted,
    feed_readings_wanted,
)
from okr_service.feeds.shapes import (
    FeedMappingListing,
    FeedMappingView,
    FeedReadingListing,
    FeedReadingView,
    MetricFeedView,
    NewFeedMapping,
    NewMetricFeed,
    ReadingBatch,
    ReadingsOutcome,
    ReplayOutcome,
)
from okr_service.kernel.fields import Ref
from okr_service.kernel.paging import Listing, Shape
from okr_service.kernel.patch import patched
from okr_service.kernel.references import identifies, resolve, row_id
from okr_service.rest.answers import computed, no_content, page, show, written
from okr_service.rest.conditional import expected_versions
from okr_service.rest.endpoint import BulkEndpoint, Read, ReadCall, Write, needs
from okr_service.rest.patch import patch_of
from okr_service.rest.put import put
from okr_service.rest.routing import PageOf, Patch, PathRef, room
from okr_service.serving import Service

router = room("metric feeds")
bulk_router = room("metric feeds", BulkEndpoint)


@bulk_router.post("/feeds/{ref:path}/readings", response_model=ReadingsOutcome)
@needs(Permission.CHECK_IN)
async def send_readings(ref: PathRef, body: ReadingBatch, call: Write) -> Response:
    """Send up to 10,000 readings by the names that the sender has for them."""
    home: Service = call.request.app.state.service
    bounds = readings.Bounds.of(home.settings)
    taken = await readings.take_readings(call.tx, call.who, ref, body.readings, bounds)
    return computed(readings.outcome_of(taken))


@router.post("/feeds/{ref:path}:replay", response_model=ReplayOutcome)
@needs(Permission.PLAN)
async def replay_feed(ref: PathRef, call: Write) -> Response:
    """Report what a feed's readings say and was not reported, as after reopening a cycle."""
    _, changed, has_more = await service.replay_feed(call.tx, call.who, ref)
    return computed({"changed": changed, "has_more": has_more})


@router.get("/feeds/{ref:path}/unmatched", response_model=PageOf[FeedReadingView])
@needs(Permission.READ)
async def list_unmatched_readings_of_feed(
    ref: PathRef, wanted: Annotated[FeedReadingListing, Query()], call: Read
) -> Response:
    """List a feed's readings that count for nothing, with the reasons."""
    under = {"feed_id": [await _feed_named(call, ref)], "unmatched": True}
    conditions = feed_readings_wanted(call.who.tenant_id, wanted.model_copy(update=under))
    return await page(call, FEED_READINGS, conditions, wanted.page())


@router.get("/feeds/{ref:path}/mappings", response_model=PageOf[FeedMappingView])
@needs(Permission.READ)
async def list_feed_mappings_of_feed(
    ref: PathRef, wanted: Annotated[FeedMappingListing, Query()], call: Read
) -> Response:
    """List a feed's mappings."""
    under = wanted.model_copy(update={"feed_id": [await _feed_named(call, ref)]})
    conditions = feed_mappings_wanted(call.who.tenant_id, under)
    return await page(call, FEED_MAPPINGS, conditions, wanted.page())


@router.post("/feeds/{ref:path}/mappings", status_code=201, response_model=FeedMappingView)
@needs(Permission.PLAN)
async def create_feed_mapping_of_feed(ref: PathRef, body: NewFeedMapping, call: Write) -> Response:
    """Have a key result take its values from a feed's readings, past ones included."""
    made = await service.create_mapping(call.tx, call.who, body.model_copy(update={"feed_id": ref}))
    return await written(call, FEED_MAPPINGS, made.id, "/v1/feed-mappings")


@router.get("/feeds", response_model=PageOf[MetricFeedView])
@needs(Permission.READ)
async def list_feeds(wanted: Annotated[Listing, Query()], call: Read) -> Response:
    """List metric feeds."""
    return await page(call, METRIC_FEEDS, [], wanted.page())


@router.post("/feeds", status_code=201, response_model=MetricFeedView)
@needs(Permission.PLAN)
async def create_feed(body: NewMetricFeed, call: Write) -> Response:
    """Have a system push readings."""
    made = await service.create_feed(call.tx, call.who, body)
    return await written(call, METRIC_FEEDS, made.id, "/v1/feeds")


@router.get("/feeds/{ref:path}", response_model=MetricFeedView)
@needs(Permission.READ)
async def get_feed(ref: PathRef, shape: Annotated[Shape, Query()], call: Read) -> Response:
    """Show a metric feed."""
    named = identifies(MetricFeed, call.who.tenant_id, ref)
    return await show(call, METRIC_FEEDS, named, MetricFeedNotFound(ref), shape.shape())


@router.put(
    "/feeds/{ref:path}",
    response_model=MetricFeedView,
    responses={201: {"model": MetricFeedView}},
)
@needs(Permission.PLAN)
async def put_feed(ref: PathRef, body: NewMetricFeed, call: Write) -> Response:
    """Replace a metric feed, or create it under the caller's own key."""

    async def create(new: NewMetricFeed) -> MetricFeed:
        return await service.create_feed(call.tx, call.who, new)

    async def replace(new: NewMetricFeed) -> MetricFeed:
        expected = expected_versions(call)
        return await service.edit_feed(call.tx, call.who, ref, lambda _: new, expected)

    return await put(call, METRIC_FEEDS, ref, body, MetricFeedNotFound(ref), create, replace)


@router.patch(
    "/feeds/{ref:path}", response_model=MetricFeedView, openapi_extra=patch_of(NewMetricFeed)
)
@needs(Permission.PLAN)
async def patch_feed(ref: PathRef, body: Patch, call: Write) -> Response:
    """Change some fields of a metric feed (JSON Merge Patch)."""
    edit, expected = patched(NewMetricFeed, body), expected_versions(call)
    changed = await service.edit_feed(call.tx, call.who, ref, edit, expected)
    return await written(call, METRIC_FEEDS, changed.id)


@router.delete("/feeds/{ref:path}", status_code=204)
@needs(Permission.PLAN)
async def delete_feed(ref: PathRef, call: Write) -> Response:
    """Delete a metric feed that has no mappings, and its readings; check-ins of them stay."""
    await service.delete_feed(call.tx, call.who, ref, expected_versions(call))
    return no_content()


@router.get("/feed-mappings", response_model=PageOf[FeedMappingView])
@needs(Permission.READ)
async def list_feed_mappings(
    wanted: Annotated[FeedMappingListing, Query()], call: Read
) -> Response:
    """List mappings of metric feeds."""
    conditions = feed_mappings_wanted(call.who.tenant_id, wanted)
    return await page(call, FEED_MAPPINGS, conditions, wanted.page())


@router.post("/feed-mappings", status_code=201, response_model=FeedMappingView)
@needs(Permission.PLAN)
async def create_feed_mapping(body: NewFeedMapping, call: Write) -> Response:
    """Have a key result take its values from a feed's readings, past ones included."""
    made = await service.create_mapping(call.tx, call.who, body)
    return await written(call, FEED_MAPPINGS, made.id, "/v1/feed-mappings")


@router.get("/feed-mappings/{ref:path}", response_model=FeedMappingView)
@needs(Permission.READ)
async def get_feed_mapping(ref: PathRef, shape: Annotated[Shape, Query()], call: Read) -> Response:
    """Show a mapping of a metric feed."""
    named = identifies(FeedMapping, call.who.tenant_id, ref)
    return await show(call, FEED_MAPPINGS, named, FeedMappingNotFound(ref), shape.shape())


@router.put(
    "/feed-mappings/{ref:path}",
    response_model=FeedMappingView,
    responses={201: {"model": FeedMappingView}},
)
@needs(Permission.PLAN)
async def put_feed_mapping(ref: PathRef, body: NewFeedMapping, call: Write) -> Response:
    """Replace a mapping, or create it under the caller's own key; what it said is corrected."""

    async def create(new: NewFeedMapping) -> FeedMapping:
        return await service.create_mapping(call.tx, call.who, new)

    async def replace(new: NewFeedMapping) -> FeedMapping:
        expected = expected_versions(call)
        return await service.edit_mapping(call.tx, call.who, ref, lambda _: new, expected)

    return await put(call, FEED_MAPPINGS, ref, body, FeedMappingNotFound(ref), create, replace)


@router.patch(
    "/feed-mappings/{ref:path}",
    response_model=FeedMappingView,
    openapi_extra=patch_of(NewFeedMapping),
)
@needs(Permission.PLAN)
async def patch_feed_mapping(ref: PathRef, body: Patch, call: Write) -> Response:
    """Change some fields of a mapping (JSON Merge Patch); what it said is corrected."""
    edit, expected = patched(NewFeedMapping, body), expected_versions(call)
    changed = await service.edit_mapping(call.tx, call.who, ref, edit, expected)
    return await written(call, FEED_MAPPINGS, changed.id)


@router.delete("/feed-mappings/{ref:path}", status_code=204)
@needs(Permission.PLAN)
async def delete_feed_mapping(ref: PathRef, call: Write) -> Response:
    """Delete a mapping; what it reported stays."""
    await service.delete_mapping(call.tx, call.who, ref, expected_versions(call))
    return no_content()


@router.get("/feed-readings", response_model=PageOf[FeedReadingView])
@needs(Permission.READ)
async def list_feed_readings(
    wanted: Annotated[FeedReadingListing, Query()], call: Read
) -> Response:
    """List readings of metric feeds."""
    conditions = feed_readings_wanted(call.who.tenant_id, wanted)
    return await page(call, FEED_READINGS, conditions, wanted.page())


@router.get("/feed-readings/{ref:path}", response_model=FeedReadingView)
@needs(Permission.READ)
async def get_feed_reading(ref: PathRef, shape: Annotated[Shape, Query()], call: Read) -> Response:
    """Show a reading of a metric feed."""
    absent = FeedReadingNotFound(ref)
    reading_id = row_id(ref)
    if reading_id is None:
        raise absent
    return await show(call, FEED_READINGS, FeedReading.id == reading_id, absent, shape.shape())


async def _feed_named(call: ReadCall, ref: Ref) -> Ref:
    absent = MetricFeedNotFound(ref)
    return Ref(str(await resolve(call.tx, MetricFeed, call.who.tenant_id, ref, absent)))
