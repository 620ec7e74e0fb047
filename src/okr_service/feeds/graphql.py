"""Metric feeds in GraphQL."""

from okr_service.access.policy import Permission
from okr_service.checkins.graphql import CHECK_IN
from okr_service.checkins.model import CheckIn
from okr_service.feeds import readings, service
from okr_service.feeds.errors import FeedMappingNotFound, FeedReadingNotFound, MetricFeedNotFound
from okr_service.feeds.model import FeedMapping, FeedReading
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
from okr_service.graphql.kinds import Kind
from okr_service.graphql.roots import Done, Room, Write, WriteCall
from okr_service.graphql.writes import Kept
from okr_service.kernel.paging import Listing
from okr_service.objectives.graphql import KEY_RESULT

METRIC_FEED = Kind(
    "MetricFeed",
    "metricFeeds",
    METRIC_FEEDS,
    MetricFeedView,
    Permission.READ,
    Listing,
    lambda *_: [],
    MetricFeedNotFound,
    NewMetricFeed,
)
FEED_MAPPING = Kind(
    "FeedMapping",
    "feedMappings",
    FEED_MAPPINGS,
    FeedMappingView,
    Permission.READ,
    FeedMappingListing,
    lambda who, wanted: feed_mappings_wanted(who.tenant_id, wanted),  # type: ignore[arg-type] # its own
    FeedMappingNotFound,
    NewFeedMapping,
)
FEED_READING = Kind(
    "FeedReading",
    "feedReadings",
    FEED_READINGS,
    FeedReadingView,
    Permission.READ,
    FeedReadingListing,
    lambda who, wanted: feed_readings_wanted(who.tenant_id, wanted),  # type: ignore[arg-type] # its own
    FeedReadingNotFound,
)
FEED_MAPPING.link(
    "feed", FeedMapping.feed_id, METRIC_FEED, "The metric feed it takes readings of.",
    back="mappings", about_back="What takes its readings.",
)  # fmt: skip
FEED_MAPPING.link(
    "key_result", FeedMapping.key_result_id, KEY_RESULT, "The key result that takes them.",
    back="feed_mappings", about_back="The mapping that its values come from, if any.",
)  # fmt: skip
FEED_READING.link(
    "feed", FeedReading.feed_id, METRIC_FEED, "The metric feed that sent it.",
    back="readings", about_back="What it has sent.",
)  # fmt: skip
CHECK_IN.link(
    "feed_mapping", CheckIn.feed_mapping_id, FEED_MAPPING, "The mapping that made it, if there is."
)
CHECK_IN.link(
    "feed_reading", CheckIn.feed_reading_id, FEED_READING, "The reading it comes from, if any."
)


async def _send(call: WriteCall, given: ReadingBatch) -> Done:
    bounds = readings.Bounds.of(call.service.settings)
    taken = await readings.take_readings(call.tx, call.who, call.ref, given.readings, bounds)
    return Done(told=readings.outcome_of(taken))


async def _replay(call: WriteCall, _: object) -> Done:
    feed_id, changed, has_more = await service.replay_feed(call.tx, call.who, call.ref)
    return Done(feed_id, told={"changed": changed, "has_more": has_more})


_feeds = Kept(
    METRIC_FEED, NewMetricFeed, Permission.PLAN,
    service.create_feed, service.edit_feed, service.delete_feed,
)  # fmt: skip
_mappings = Kept(
    FEED_MAPPING, NewFeedMapping, Permission.PLAN,
    service.create_mapping, service.edit_mapping, service.delete_mapping,
)  # fmt: skip
ROOM = Room(
    [METRIC_FEED, FEED_MAPPING, FEED_READING],
    writes=[
        *_feeds.writes("a metric feed"),
        *_mappings.writes("a mapping of a metric feed"),
        Write(
            "sendReadings", "Send readings of a metric feed by the names the sender has for them.",
            Permission.CHECK_IN, _send, ReadingBatch, versioned=False, also=ReadingsOutcome,
        ),
        Write(
            "replayMetricFeed", "Report what a feed's readings say and was not reported.",
            Permission.PLAN, _replay, versioned=False, shows=METRIC_FEED, also=ReplayOutcome,
        ),
    ],
)  # fmt: skip
