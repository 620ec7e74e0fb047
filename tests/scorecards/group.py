"""A small group to read scorecards of: a company with two departments, in a cycle under way."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from tests.build import Build, Json

from okr_service.scorecards.shapes import LeagueTableView, ScorecardView


def day(offset: int) -> date:
    """Return the day so many days from today."""
    return datetime.now(UTC).date() + timedelta(days=offset)


def moment(offset: int) -> str:
    """Return noon of the day so many days from today."""
    return f"{day(offset)}T12:00:00Z"


def dates(first: int, last: int) -> dict[str, str]:
    return {"start_date": str(day(first)), "end_date": str(day(last))}


@dataclass(frozen=True)
class Group:
    build: Build
    cycle: Json
    company: Json
    sales: Json
    works: Json

    async def objective(self, unit: Json, value: object = None, **given: object) -> Json:
        """Set an objective, measured by one key result where a value is given."""
        place = {"unit_id": unit["id"], "cycle_id": self.cycle["id"]}
        made = await self.build.objective(**{**place, **given})
        if value is not None:
            await self.build.check_in(await self.build.key_result(made), value)
        return made

    async def card(self, unit: Json, **asked: object) -> Json:
        """Return a scorecard."""
        found = await self._ask(unit, "scorecard", **asked)
        ScorecardView.model_validate(found)
        return found

    async def league(self, unit: Json) -> Json:
        """Return a league table."""
        found = await self._ask(unit, "league-table")
        LeagueTableView.model_validate(found)
        return found

    async def progress(self, unit: Json) -> object:
        return (await self.card(unit))["progress"]

    async def _ask(self, unit: Json, what: str, **asked: object) -> Json:
        query = {"cycle_id": self.cycle["id"], **asked}
        listed = "&".join(f"{name}={value}" for name, value in query.items())
        return await self.build.get(f"units/{unit['id']}/{what}?{listed}")


async def found(build: Build, **cycle: object) -> Group:
    """Set up the group; the cycle is half over unless it is said otherwise."""
    company = await build.unit(name="Company", kind="company", external_id="CO")
    sales = await build.unit(name="Sales", parent_id=company["id"])
    works = await build.unit(name="Works", parent_id=company["id"])
    period = await build.cycle(**{"code": "NOW", **dates(-100, 100), **cycle})
    return Group(build, period, company, sales, works)
