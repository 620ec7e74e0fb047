"""Whatever the order, the portions and the corrections: the complete set of readings decides."""

import asyncio
from decimal import Decimal
from random import Random

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.build import Build
from tests.calling import client
from tests.conftest import Tenant, new_tenant
from tests.feeds.feeding import Json, current, feed, mapping, outcomes, reading, send, valid
from tests.feeds.model import Feed, Mapped, Sent
from tests.rollup import stored

from okr_service.kernel.database import Database

_METRICS = st.sampled_from(["revenue", "cost"])
_DIMENSIONS = st.sampled_from([(), (("plant", "hue"),), (("plant", "Huế"), ("line", "1"))])
_FIGURES = st.decimals(-(10**9), 10**9, places=3) | st.sampled_from([Decimal(0), Decimal(1)])
_FACTORS = st.sampled_from([Decimal(1), Decimal("0.001"), Decimal("-3.3333333333")])
_SENT = st.builds(
    Sent, _METRICS, st.integers(1, 5), st.sampled_from(["a", "B", "ä"]), _DIMENSIONS, _FIGURES
)
_BATCHES = st.lists(st.lists(_SENT, min_size=1, max_size=8), min_size=1, max_size=6)
_MAPPED = st.builds(
    Mapped,
    _METRICS,
    _DIMENSIONS,
    st.sampled_from(["latest", "sum", "average"]),
    _FACTORS,
    st.decimals(-1000, 1000, places=2),
    st.booleans(),
)
_any_history = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=True,
)


def _body(of: Mapped) -> Json:
    return {
        "metric": of.metric,
        "dimensions": dict(of.dimensions),
        "aggregation": of.aggregation,
        "factor": str(of.factor),
        "offset": str(of.offset),
        "negated": of.negated,
    }


def _reading(sent: Sent) -> Json:
    named = {"metric": sent.metric, "dimensions": dict(sent.dimensions)}
    return reading(sent.day, sent.value, sent.reading_id, **named)


class _Lived:
    """A feed with mappings, and the model of it."""

    def __init__(self, build: Build, erp: Json) -> None:
        self.build, self.erp = build, erp
        self.model = Feed()
        self.mapped: list[tuple[Json, Json, Mapped]] = []

    async def map(self, mapped: Mapped) -> None:
        key_result = await self.build.key_result()
        made = await mapping(self.build, self.erp, key_result, **_body(mapped))
        self.mapped.append((made, key_result, mapped))

    async def edit(self, place: int, mapped: Mapped) -> None:
        made, key_result, _ = self.mapped[place]
        body = {**_body(mapped), "key_result_id": key_result["id"]}
        path = f"/v1/feed-mappings/{made['id']}"
        answer = await self.build.rest.put(path, json=body)
        assert answer.is_success, answer.text
        self.mapped[place] = (made, key_result, mapped)

    async def send(self, batch: list[Sent]) -> None:
        found = await outcomes(self.build, self.erp, *map(_reading, batch))
        new = ("recorded", "unmatched")
        kinds = ["new" if outcome in new else outcome for outcome, _ in found]
        assert kinds == self.model.take(batch)
        taken = {(m.metric, m.dimensions) for _, _, m in self.mapped}
        # Of one that comes twice, what it said last decides.
        last = [self.model.readings[one.metric, one.day, one.reading_id] for one in batch]
        reasons = [None if (r.metric, r.dimensions) in taken else "no_mapping" for r in last]
        assert [reason for _, reason in found] == reasons

    async def assert_right(self) -> None:
        for _, key_result, mapped in self.mapped:
            expected = mapped.history(self.model.readings.values())
            found = await valid(self.build, key_result)
            assert [(int(moment[8:10]), value) for moment, value in found] == expected
            value = await current(self.build, key_result)
            assert Decimal(value or 0) == (expected[-1][1] if expected else 0)


@settings(_any_history, max_examples=25)
@given(data=st.data())
async def test_any_order_repetition_and_correction_in_any_portions(
    app: FastAPI, database: Database, data: st.DataObject
) -> None:
    await _live_through(app, database, data)


@pytest.mark.slow
@settings(_any_history, max_examples=300)
@given(data=st.data())
async def test_many_histories_of_readings(
    app: FastAPI, database: Database, data: st.DataObject
) -> None:
    await _live_through(app, database, data)


async def _live_through(app: FastAPI, database: Database, data: st.DataObject) -> None:
    tenant = await new_tenant(database)
    async with client(app, tenant.key) as rest:
        build = Build(rest)
        lived = _Lived(build, await feed(build))
        for batch in data.draw(_BATCHES):
            step = data.draw(st.sampled_from(["map", "edit", "send", "send"]))
            if step == "map":
                await lived.map(data.draw(_MAPPED))
            elif step == "edit" and lived.mapped:
                place = data.draw(st.integers(0, len(lived.mapped) - 1))
                await lived.edit(place, data.draw(_MAPPED))
            await lived.send(batch)
            await lived.assert_right()
        assert (await build.post(f"feeds/{lived.erp['id']}:replay"))["changed"] == 0
    await stored.assert_right(database, tenant.tenant_id)


@pytest.mark.parametrize("seed", range(3))
async def test_senders_at_once_leave_what_one_would(
    database: Database, tenant: Tenant, build: Build, seed: int
) -> None:
    """Two send overlapping readings, a third replays: no order of theirs matters."""
    chance = Random(seed)
    erp = await feed(build)
    mapped = Mapped("revenue", (), "sum", Decimal(1), Decimal(0), negated=False)
    key_result = await build.key_result()
    await mapping(build, erp, key_result, aggregation="sum")
    every = [Sent("revenue", 1 + n % 28, f"r{n}", (), Decimal(n)) for n in range(80)]

    async def sender() -> None:
        mine = chance.sample(every, 60)
        for start in range(0, len(mine), 12):
            await send(build, erp, *map(_reading, mine[start : start + 12]))

    async def replaying() -> None:
        for _ in range(4):
            await build.post(f"feeds/{erp['id']}:replay")

    await asyncio.gather(sender(), sender(), replaying())

    await send(build, erp, *map(_reading, every))
    found = await valid(build, key_result)
    assert [(int(m[8:10]), value) for m, value in found] == mapped.history(every)
    await stored.assert_right(database, tenant.tenant_id)


@pytest.mark.parametrize("seed", range(3))
async def test_people_and_closings_meanwhile_do_no_harm(
    database: Database, tenant: Tenant, build: Build, seed: int
) -> None:
    """Readings come while others void what they said and report on the same key results."""
    chance = Random(seed)
    erp = await feed(build)
    key_results = [await build.key_result() for _ in range(4)]
    for place, key_result in enumerate(key_results):
        await mapping(build, erp, key_result, metric=str(place))

    async def sending() -> None:
        for n in range(8):
            sent = [reading(1 + n % 3, n, metric=str(place)) for place in range(4)]
            await send(build, erp, *chance.sample(sent, 4))

    async def voiding() -> None:
        for _ in range(8):
            rows = (await build.get("check-ins?voided=false&limit=200"))["data"]
            for row in chance.sample(rows, min(2, len(rows))):
                path = f"/v1/check-ins/{row['id']}:void"
                answer = await build.rest.post(path, json={"reason": "x"})
                assert answer.status_code in (200, 409), answer.text

    async def reporting() -> None:
        for n in range(8):
            batch = [{"key_result_id": k["id"], "value": str(n)} for k in reversed(key_results)]
            await build.post("check-ins:batch", check_ins=batch)

    await asyncio.gather(sending(), voiding(), reporting())

    await build.post(f"feeds/{erp['id']}:replay")
    for key_result in key_results:
        path = f"check-ins?key_result_id={key_result['id']}&voided=false&source=feed"
        rows = (await build.get(f"{path}&sort=observed_at"))["data"]
        assert [(r["observed_at"][8:10], r["value"]) for r in rows] == [
            ("01", "6"), ("02", "7"), ("03", "5"),
        ]  # fmt: skip
    await stored.assert_right(database, tenant.tenant_id)
