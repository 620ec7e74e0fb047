"""What was sent and what was acknowledged, held against what is stored."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

import httpx
from tests.build import Json


class Kind(StrEnum):
    """What can be written."""

    SINGLE = "check-in"
    BATCH = "batch"
    IMPORT = "import"


@dataclass
class Write:
    """One request that writes: all of its items are to be stored, or none."""

    kind: Kind
    items: dict[str, Decimal]  # external id of a check-in, or of an import's key result → value
    path: str
    sent: dict[str, Any]  # as httpx takes it
    acknowledged: bool = False

    async def send(self, rest: httpx.AsyncClient) -> httpx.Response:
        """Send it, for the first time or again."""
        response = await rest.post(self.path, **self.sent)
        self.acknowledged = self.acknowledged or response.is_success
        return response


def single(external_id: str, key_result: str, value: Decimal) -> Write:
    """Report one value."""
    body = _check_in(external_id, key_result, value)
    return Write(Kind.SINGLE, {external_id: value}, "/v1/check-ins", {"json": body})


def batch(number: int, reports: Iterable[tuple[str, Decimal]]) -> Write:
    """Report several values."""
    named = {f"batch-{number}/{place}": report for place, report in enumerate(reports)}
    body = {"check_ins": [_check_in(name, *report) for name, report in named.items()]}
    items = {name: value for name, (_, value) in named.items()}
    return Write(Kind.BATCH, items, "/v1/check-ins:batch", {"json": body})


def import_(number: int, parent: str, values: Iterable[Decimal]) -> Write:
    """Load a file with an objective and its key results, aligned under what is there."""
    code = f"import-{number}"
    rows = dict(enumerate(values))
    header = (
        "unit,cycle,objective,objective_title,parent_objective,objective_weight,"
        "key_result,key_result_title,metric,start,target,current"
    )
    lines = [
        f"UNIT,CYCLE,{code},Objective,{parent},{number % 3 + 1},"
        f"{row},Key result,increase,0,1000,{value}"
        for row, value in rows.items()
    ]
    return Write(
        Kind.IMPORT,
        {f"{code}/{row}": value for row, value in rows.items()},
        "/v1/imports?mode=commit",
        {
            "content": "\n".join([header, *lines]).encode(),
            "headers": {"Content-Type": "text/csv"},
        },
    )


def _check_in(external_id: str, key_result: str, value: Decimal) -> dict[str, str]:
    return {"external_id": external_id, "key_result_id": key_result, "value": str(value)}


@dataclass
class Ledger:
    """Every write there was."""

    writes: list[Write] = field(default_factory=list)

    def in_doubt(self) -> list[Write]:
        """Return the writes whose answer never came, or was that they failed."""
        return [write for write in self.writes if not write.acknowledged]

    async def settle(self, rest: httpx.AsyncClient, stored: "Stored") -> Counter[str]:
        """Send again what is in doubt; count what of it had been stored."""
        found: Counter[str] = Counter()
        for write in self.in_doubt():
            there = stored.holds(write)
            response = await write.send(rest)
            assert response.is_success, response.text
            assert _was_there(write, response) == there, (write, response.text)
            found[f"{write.kind} {'stored' if there else 'not stored'}"] += 1
        return found


def _was_there(write: Write, response: httpx.Response) -> bool:
    """Tell from an answer whether the write was a repetition; it cannot be one in part."""
    answer: Json = response.json()
    match write.kind:
        case Kind.SINGLE:
            return response.status_code == 200
        case Kind.BATCH:
            counts = {"new": answer["recorded"], "old": answer["unchanged"]}
        case Kind.IMPORT:
            counts = {"new": answer["counts"]["created"], "old": answer["counts"]["unchanged"]}
    assert sorted(counts.values()) == [0, len(write.items)], response.text
    return bool(counts["old"])


@dataclass(frozen=True)
class Stored:
    """Everything that the service says it stores."""

    check_ins: list[Json]
    key_results: list[Json]
    objectives: list[Json]
    created: Counter[tuple[str, str]]  # kind and id of what audit events say was created

    @classmethod
    async def read(cls, rest: httpx.AsyncClient) -> "Stored":
        """Read it, page by page."""
        events = await _all(rest, "audit-events?action=created&fields=subject,subject_id")
        return cls(
            await _all(rest, "check-ins?fields=id,external_id,value"),
            await _all(rest, "key-results?fields=id,external_id,current_value,progress"),
            await _all(rest, "objectives?fields=id,external_id,progress"),
            Counter((event["subject"], event["subject_id"]) for event in events),
        )

    @property
    def values(self) -> dict[str, Decimal]:
        """Return the value of each check-in and of each imported key result, by external id."""
        reported = {c["external_id"]: c["value"] for c in self.check_ins if c["external_id"]}
        imported = {k["external_id"]: k["current_value"] for k in self.key_results}
        return {
            name: Decimal(value)
            for name, value in {**reported, **imported}.items()
            if name is not None and value is not None
        }

    def holds(self, write: Write) -> bool:
        """Tell whether a write is stored; fails where a part of it is."""
        return _holds(self.values, write)

    def require(self, ledger: Ledger) -> None:
        """Fail where something acknowledged is missing, or half of anything is there."""
        values = self.values
        kept = [write for write in ledger.writes if _holds(values, write)]
        lost = [write for write in ledger.writes if write.acknowledged and write not in kept]
        assert not lost, f"acknowledged but lost: {lost}"
        self._require_nothing_else(kept)
        self._require_audited()

    def _require_nothing_else(self, kept: list[Write]) -> None:
        reports = Counter(c["external_id"] for c in self.check_ins if c["external_id"])
        sent = Counter(name for w in kept if w.kind is not Kind.IMPORT for name in w.items)
        assert reports == sent
        imports = [write for write in kept if write.kind is Kind.IMPORT]
        # An import's own check-ins carry no external id: one for each of its key results.
        nameless = [c for c in self.check_ins if c["external_id"] is None]
        assert len(nameless) == sum(len(write.items) for write in imports)
        loaded = {o["external_id"] for o in self.objectives if _is_imported(o)}
        assert loaded == {name.partition("/")[0] for w in imports for name in w.items}
        targets = Counter(k["external_id"] for k in self.key_results if _is_imported(k))
        assert targets == Counter(name for write in imports for name in write.items)

    def _require_audited(self) -> None:
        there = {
            "check_in": self.check_ins,
            "key_result": self.key_results,
            "objective": self.objectives,
        }
        expected = Counter((kind, row["id"]) for kind, rows in there.items() for row in rows)
        said = Counter({event: n for event, n in self.created.items() if event[0] in there})
        assert said == expected, "audit events tell another story"


def _holds(values: Mapping[str, Decimal], write: Write) -> bool:
    there = {name: values[name] for name in write.items if name in values}
    assert there in ({}, write.items), f"half of {write} is stored: {there}"
    return bool(there)


def _is_imported(row: Json) -> bool:
    return str(row["external_id"]).startswith("import-")


async def _all(rest: httpx.AsyncClient, path: str) -> list[Json]:
    found: list[Json] = []
    cursor: str | None = ""
    while cursor is not None:
        following = f"&cursor={cursor}" if cursor else ""
        response = await rest.get(f"/v1/{path}&limit=200{following}")
        assert response.is_success, response.text
        page = response.json()
        found += page["data"]
        cursor = page["page"]["next_cursor"]
    return found
