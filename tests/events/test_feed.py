"""What is read from the feed, over REST."""

from typing import Any

import httpx
from tests.build import Build
from tests.conftest import Tenant

Json = dict[str, Any]  # what httpx gives


async def read(rest: httpx.AsyncClient, **asked: object) -> Json:
    response = await rest.get("/v1/events", params=asked)
    assert response.is_success, response.text
    found: Json = response.json()
    return found


async def test_a_check_in_tells_of_all_it_moved(build: Build, tenant: Tenant) -> None:
    above = await build.objective()
    objective = await build.objective(parent_id=above["id"])
    key_result = await build.key_result(objective)
    start = (await read(build.rest, after="latest"))["page"]["next_cursor"]

    check_in = await build.check_in(key_result, 50, confidence="at_risk")

    found = await read(build.rest, after=start)
    assert [(event["type"], event["subject"]) for event in found["data"]] == [
        ("okr.check_in.recorded", f"check-ins/{check_in['id']}"),
        ("okr.key_result.progressed", f"key-results/{key_result['id']}"),
        ("okr.objective.progressed", f"objectives/{objective['id']}"),
        ("okr.objective.progressed", f"objectives/{above['id']}"),
    ]
    recorded, reported, moved, _ = found["data"]
    assert recorded["specversion"] == "1.0"
    assert recorded["source"] == f"urn:uuid:{tenant.tenant_id}"
    assert recorded["data"]["after"]["value"] == "50"
    assert reported["data"]["after"]["current_value"] == "50"
    assert reported["data"]["after"]["confidence"] == "at_risk"
    assert moved["data"] == {"before": {"progress": 0}, "after": {"progress": 0.5}}
    assert found["page"] == {"next_cursor": found["data"][-1]["cursor"], "has_more": False}
