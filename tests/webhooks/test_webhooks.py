"""What a webhook is told: all that is wanted of it, signed, in order, and nothing else."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi import FastAPI
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError
from tests.build import Build, Json
from tests.calling import client
from tests.conftest import Start, Tenant
from tests.imports.working import working
from tests.waiting import eventually, until
from tests.webhooks.receiver import Received, Receiver

from okr_service.webhooks import deliveries as settling

Receiving = Callable[..., Receiver]


async def made(build: Build, receiver: Receiver, **more: object) -> Json:
    return await build.post("webhooks", name="Warehouse", url=receiver.url, **more)


async def feed(build: Build) -> list[Json]:
    found: list[Json] = (await build.get("events?limit=1000"))["data"]
    return found


async def deliveries(build: Build, **wanted: str) -> list[Json]:
    answer = await build.rest.get("/v1/webhook-deliveries", params={"limit": 200, **wanted})
    found: list[Json] = answer.json()["data"]
    return found


async def test_it_is_told_what_happens_as_the_feed_has_it(
    app: FastAPI, build: Build, receiving: Receiving
) -> None:
    await build.unit(name="Before")
    receiver = receiving()
    webhook = await made(build, receiver)
    secret = (await build.get(f"webhooks/{webhook['id']}/secret"))["secret"]
    async with working(app):
        key_result = await build.key_result()
        await build.check_in(key_result, 40)
        told = await feed(build)
        after = [one for one in told if one["data"]["after"].get("name") != "Before"][1:]
        await until(lambda: len(receiver.received) >= len(after))
    told = [one.event for one in receiver.received]
    assert sorted(one["id"] for one in told) == sorted(one["id"] for one in after)
    by_id = {one["id"]: one for one in after}
    assert all(one == by_id[one["id"]] for one in told)
    for one in receiver.received:
        assert one.headers["content-type"] == "application/cloudevents+json"
        assert one.message_id == one.event["id"]
        assert Verifier(secret).verify(one.body, dict(one.headers)) == one.event
        with pytest.raises(WebhookVerificationError):
            Verifier(secret).verify(one.body + b" ", dict(one.headers))
    log = await deliveries(build, webhook_id=webhook["id"], state="delivered")
    assert {(one["status"], one["attempts"]) for one in log} == {(204, 1)}


async def test_of_one_objective_it_is_told_in_order(
    app: FastAPI, build: Build, receiving: Receiving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "_WAITS", [timedelta(milliseconds=100)])
    seen: set[str] = set()
    taken: list[Received] = []

    def at_second_try(message: Received) -> int:
        key = message.message_id
        if key not in seen and int(key[-1], 16) % 8 == 0:
            seen.add(key)
            return 500
        taken.append(message)
        return 200

    receiver = receiving(at_second_try)
    await made(build, receiver, types=["okr.check_in.recorded"])
    results = [await build.key_result(await build.objective()) for _ in range(3)]
    async with working(app):
        for value in range(8):
            for result in results:
                await build.check_in(result, value)
        await until(lambda: len(taken) >= 24, 60)
    values: dict[str, list[int]] = {}
    for message in taken:
        after = message.event["data"]["after"]
        values.setdefault(after["key_result_id"], []).append(int(after["value"]))
    assert list(values.values()) == [list(range(8))] * 3


async def test_only_what_is_wanted_is_told(
    app: FastAPI, build: Build, receiving: Receiving
) -> None:
    group = await build.unit(name="Group", external_id="G")
    sales = await build.unit(name="Sales", parent_id=group["id"])
    other = await build.unit(name="Other")
    of_sales, of_types, of_all = receiving(), receiving(), receiving()
    await made(build, of_sales, unit_id="external:G")
    await made(build, of_types, types=["okr.objective.created", "okr.cycle.created"])
    await made(build, of_all, include_private=True)
    async with working(app):
        cycle = await build.cycle(code="2026")
        for unit in (sales, other):
            for private in (False, True):
                place = {"unit_id": unit["id"], "cycle_id": cycle["id"]}
                await build.post("objectives", title="A", private=private, **place)
        await build.person(name="Mai", unit_id=sales["id"])
        await until(lambda: len(of_all.received) == 6)
        await until(lambda: len(of_sales.received) == 2)
        await until(lambda: len(of_types.received) == 3)
        await asyncio.sleep(0.5)
    assert sorted(of_sales.types) == ["okr.objective.created", "okr.person.created"]
    assert sorted(of_types.types) == [
        "okr.cycle.created",
        "okr.objective.created",
        "okr.objective.created",
    ]
    assert len(of_all.received) == 6
    assert len(of_sales.received) == 2


async def test_both_secrets_sign_until_the_overlap_is_over(
    app: FastAPI, build: Build, receiving: Receiving
) -> None:
    receiver = receiving()
    webhook = await made(build, receiver)
    path = f"webhooks/{webhook['id']}"
    first = (await build.get(f"{path}/secret"))["secret"]
    assert (await build.get(f"{path}/secret"))["previous"] is None
    await build.post(f"{path}:rotate-secret")
    both = await build.get(f"{path}/secret")
    assert both["previous"] == first != both["secret"]
    async with working(app):
        await build.post(f"{path}:ping")
        await until(lambda: len(receiver.received) == 1)
        await build.post(f"{path}:rotate-secret", overlap_seconds=0)
        await build.post(f"{path}:ping")
        await until(lambda: len(receiver.received) == 2)
    third = (await build.get(f"{path}/secret"))["secret"]
    early, late = receiver.received
    assert early.event["type"] == "okr.webhook.ping"
    for secret in (first, both["secret"]):
        Verifier(secret).verify(early.body, dict(early.headers))
        with pytest.raises(WebhookVerificationError):
            Verifier(secret).verify(late.body, dict(late.headers))
    Verifier(third).verify(late.body, dict(late.headers))


async def test_each_webhook_has_a_secret_of_its_own(build: Build, receiving: Receiving) -> None:
    receiver = receiving()
    secrets = set()
    for _ in range(3):
        webhook = await made(build, receiver)
        secrets.add((await build.get(f"webhooks/{webhook['id']}/secret"))["secret"])
    assert len(secrets) == 3


async def test_who_is_gone_is_disabled_and_told_of(
    app: FastAPI, build: Build, receiving: Receiving
) -> None:
    gone = receiving(lambda _: 410)
    notices = receiving()
    webhook = await made(build, gone)
    await made(build, notices, types=["okr.webhook.disabled"])
    async with working(app):
        await build.unit(name="Any")
        await until(lambda: len(notices.received) == 1)
        notice = notices.received[0].event
        assert notice["subject"] == f"webhooks/{webhook['id']}"
        assert notice["data"]["after"]["disabled_reason"] == "gone"
        shown = await build.get(f"webhooks/{webhook['id']}")
        assert (shown["enabled"], shown["disabled_reason"]) == (False, "gone")
        refused = await build.rest.post(f"/v1/webhooks/{webhook['id']}:ping")
        assert (refused.status_code, refused.json()["code"]) == (409, "webhook-disabled")
        # Enabled again, it is told what it missed.
        await build.unit(name="Missed")
        gone.reply = lambda _: 200
        before = len(gone.received)
        body = {"enabled": True}
        again = await build.rest.patch(f"/v1/webhooks/{webhook['id']}", json=body)
        assert (again.json()["enabled"], again.json()["disabled_reason"]) == (True, None)
        await until(lambda: "Missed" in str([m.event for m in gone.received[before:]]))


async def test_inside_private_networks_nothing_is_sent(
    start: Start, tenant: Tenant, receiving: Receiving
) -> None:
    app, receiver = start(allow_private_webhooks=False), receiving()
    async with client(app, tenant.key) as rest:
        build = Build(rest)
        webhook = await made(build, receiver)
        async with working(app):
            ping = await build.post(f"webhooks/{webhook['id']}:ping")
            path = f"webhook-deliveries/{ping['id']}"
            found = await eventually(lambda: build.get(path), lambda one: bool(one["reason"]))
    assert (found["state"], found["reason"]) == ("waiting", "private-address")
    assert receiver.received == []


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://hooks.example/x", "wrong-pattern"),
        ("http://hooks.example/x", "not-a-callback-address"),
        ("https://user:secret@hooks.example/x", "not-a-callback-address"),
        ("https://hooks.example/../x", "not-a-callback-address"),
        ("https://hooks.example/x?a=b#c", "not-a-callback-address"),
    ],
)
async def test_an_address_that_cannot_be_told_is_refused(build: Build, url: str, code: str) -> None:
    refused = await build.rest.post("/v1/webhooks", json={"name": "A", "url": url})
    errors = [(one["pointer"], one["code"]) for one in refused.json()["errors"]]
    assert (refused.status_code, errors) == (422, [("/url", code)]), refused.text


async def test_it_is_kept_like_everything_else(build: Build) -> None:
    unit = await build.unit(name="U")
    body = {"name": "A", "url": "https://hooks.example/okr?code=a%2Bb", "unit_id": unit["id"]}
    put = await build.rest.put("/v1/webhooks/external:W", json=body)
    assert put.status_code == 201
    webhook = put.json()
    again = await build.rest.put("/v1/webhooks/external:W", json=body)
    assert (again.status_code, again.json()["version"]) == (200, webhook["version"])
    changed = await build.rest.patch("/v1/webhooks/external:W", json={"name": "B"})
    assert changed.json()["name"] == "B"
    stale = {"If-Match": put.headers["etag"]}
    refused = await build.rest.delete("/v1/webhooks/external:W", headers=stale)
    assert refused.status_code == 412
    in_use = await build.rest.delete(f"/v1/units/{unit['id']}")
    assert in_use.status_code == 409
    assert (await build.rest.delete("/v1/webhooks/external:W")).status_code == 204
    assert (await build.rest.get("/v1/webhooks/external:W")).json()["code"] == "webhook-not-found"
    audit = (await build.get("audit-events?limit=10"))["data"]
    of_it = [one["action"] for one in audit if one["subject"] == "webhook"]
    assert sorted(of_it) == ["created", "deleted", "updated"]
