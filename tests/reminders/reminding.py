"""Telling what is due on made-up days, and what was told."""

from datetime import UTC, date, datetime

from fastapi import FastAPI
from tests.build import Build, Json
from tests.conftest import Tenant

from okr_service.reminders.telling import Reminders
from okr_service.serving import Service

TYPES = ("okr.check_in.due", "okr.check_in.overdue", "okr.action.due", "okr.action.overdue")
Told = tuple[str, str, str]


def reminders(app: FastAPI) -> Reminders:
    """Return what reminds, over the service's own connections."""
    service: Service = app.state.service
    return Reminders(service.database, service.feed.wrote)


async def remind(app: FastAPI, tenant: Tenant, day: str | date, hour: int = 12) -> None:
    """Tell what is due at an hour of a day."""
    on = date.fromisoformat(day) if isinstance(day, str) else day
    now = datetime(on.year, on.month, on.day, hour, tzinfo=UTC)
    assert await reminders(app).remind(tenant.tenant_id, now)


async def events(build: Build) -> list[Json]:
    """Return the events that remind, in order."""
    found: list[Json] = []
    after = ""
    while True:
        page = await build.get("events?limit=1000&types=" + "&types=".join(TYPES) + after)
        found += page["data"]
        if not page["page"]["has_more"]:
            return found
        after = f"&after={page['page']['next_cursor']}"


async def told(build: Build) -> list[Told]:
    """Return what was told: of what kind, of what, by which due date."""
    return [
        (one["type"], one["subject"].partition("/")[2], one["data"]["after"]["due_date"])
        for one in await events(build)
    ]


async def weekly(build: Build, **given: object) -> Json:
    """Make a key result that is to be reported on each week, first by 8 January."""
    cycle = await build.cycle(cadence="weekly")
    objective = await build.objective(cycle_id=cycle["id"])
    return await build.key_result(objective, **given)


async def action(build: Build, due_date: str | None, **given: object) -> Json:
    """Make an action that is due on a day."""
    plan = await build.action_plan(await build.key_result())
    return await build.action(plan, due_date=due_date, **given)
