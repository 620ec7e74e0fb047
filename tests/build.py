"""Arranging a test in a line: makes things over REST and returns them as answered."""

from itertools import count
from typing import Any

import httpx

Json = dict[str, Any]  # what httpx gives


class Build:
    """Makes units, cycles, objectives and the rest with sensible defaults."""

    def __init__(self, rest: httpx.AsyncClient) -> None:
        self.rest = rest
        self._numbers = count(1)
        self._unit: str | None = None
        self._cycle: str | None = None

    async def post(self, path: str, **body: object) -> Json:
        response = await self.rest.post(f"/v1/{path}", json=body)
        assert response.is_success, response.text
        made: Json = response.json()
        return made

    async def get(self, path: str) -> Json:
        response = await self.rest.get(f"/v1/{path}")
        assert response.is_success, response.text
        found: Json = response.json()
        return found

    async def unit(self, **given: object) -> Json:
        return await self.post("units", **{"name": f"Unit {next(self._numbers)}", **given})

    async def person(self, **given: object) -> Json:
        return await self.post("people", **{"name": f"Person {next(self._numbers)}", **given})

    async def cycle(self, **given: object) -> Json:
        dates = {"start_date": "2026-01-01", "end_date": "2026-12-31"}
        return await self.post("cycles", **{"code": f"C{next(self._numbers)}", **dates, **given})

    async def objective(self, **given: object) -> Json:
        self._unit = self._unit or (await self.unit())["id"]
        self._cycle = self._cycle or (await self.cycle())["id"]
        defaults = {
            "title": f"Objective {next(self._numbers)}",
            "unit_id": self._unit,
            "cycle_id": self._cycle,
        }
        return await self.post("objectives", **{**defaults, **given})

    async def key_result(self, objective: Json | None = None, **given: object) -> Json:
        objective = objective or await self.objective()
        defaults = {
            "title": f"Key result {next(self._numbers)}",
            "objective_id": objective["id"],
        }
        if "metric" not in given:
            defaults["target_value"] = "100"
        return await self.post("key-results", **{**defaults, **given})

    async def check_in(self, key_result: Json, value: object, **given: object) -> Json:
        body = {"key_result_id": key_result["id"], "value": value, **given}
        return await self.post("check-ins", **body)

    async def action_plan(self, key_result: Json, **given: object) -> Json:
        defaults = {
            "key_result_id": key_result["id"],
            "title": f"Plan {next(self._numbers)}",
            "start_date": "2026-09-01",
            "end_date": "2026-09-30",
        }
        return await self.post("action-plans", **{**defaults, **given})

    async def action(self, plan: Json, **given: object) -> Json:
        defaults = {"action_plan_id": plan["id"], "title": f"Action {next(self._numbers)}"}
        return await self.post("actions", **{**defaults, **given})

    async def progress(self, objective: Json) -> object:
        return (await self.get(f"objectives/{objective['id']}"))["progress"]
