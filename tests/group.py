"""A small group with something private in it, and callers who stand for its people."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI

from okr_service.access.credential import Credential
from okr_service.access.gatekeeper import Gatekeeper
from okr_service.access.policy import Scope
from okr_service.serving import Service
from tests.build import Build
from tests.calling import client

Json = dict[str, Any]  # what httpx gives


class PersonTokens:
    """Recognises `person <tenant> <person> <scopes>`: a credential that stands for a person."""

    async def recognise(self, token: str) -> Credential | None:
        kind, *parts = token.split(",")
        if kind != "person":
            return None
        tenant_id, person_id, *scopes = parts
        narrowed = frozenset(Scope(scope) for scope in scopes) or None
        return Credential(UUID(tenant_id), f"test:{person_id}", narrowed, UUID(person_id))

    async def still(self, credential: Credential) -> Credential | None:
        return credential if credential.name.startswith("test:") else None


def recognising_people(app: FastAPI) -> None:
    """Let an application take `PersonTokens` too, by the gatekeeper that it has."""
    service: Service = app.state.service
    recognisers = (*service.gatekeeper.recognisers, PersonTokens())
    gatekeeper = Gatekeeper(service.database, recognisers, seconds=0)
    app.state.service = replace(service, gatekeeper=gatekeeper)


@dataclass
class Group:
    """What there is of each kind, by name, as it was answered when it was made."""

    app: FastAPI
    tenant_id: UUID
    build: Build
    units: dict[str, Json] = field(default_factory=dict)
    people: dict[str, Json] = field(default_factory=dict)
    cycle: Json = field(default_factory=dict)
    objectives: dict[str, Json] = field(default_factory=dict)
    key_results: dict[str, Json] = field(default_factory=dict)
    plans: dict[str, Json] = field(default_factory=dict)
    actions: dict[str, Json] = field(default_factory=dict)
    check_ins: dict[str, Json] = field(default_factory=dict)

    @asynccontextmanager
    async def calling(self, person: str, *scopes: str) -> AsyncIterator[httpx.AsyncClient]:
        """Call the service as one of the people."""
        token = ",".join(("person", str(self.tenant_id), self.people[person]["id"], *scopes))
        async with client(self.app, token) as calling:
            yield calling

    async def objective(
        self, name: str, unit: str, owner: str | None = None, **given: object
    ) -> None:
        """Set an objective with a key result, a plan, an action and a check-in of its own."""
        build = self.build
        self.objectives[name] = await build.objective(
            title=f"Objective of {name}",
            external_id=f"O-{name}",
            unit_id=self.units[unit]["id"],
            owner_id=self.people[owner]["id"] if owner else None,
            cycle_id=self.cycle["id"],
            **given,
        )
        key_result = self.key_results[name] = await build.key_result(
            self.objectives[name], title=f"Key result of {name}", external_id=f"O-{name}/KR"
        )
        self.plans[name] = await build.action_plan(key_result, title=f"Plan of {name}")
        self.actions[name] = await build.action(self.plans[name], title=f"Action of {name}")
        comment = f"Comment of {name}"
        self.check_ins[name] = await build.check_in(key_result, 40, comment=comment)

    def of(self, name: str) -> list[Json]:
        """Return all that is there of an objective, itself first."""
        kinds = (self.objectives, self.key_results, self.plans, self.actions, self.check_ins)
        return [kind[name] for kind in kinds if name in kind]


UNIT_OF = {
    "chief": "group",
    "director": "north",
    "mai": "sales",
    "an": "sales",
    "binh": "south",
    "leader": "south",
    "guest": "sales",
    "planner": "group",
    "admin": "group",
}
LED_BY = {
    "chief": {"group", "north", "sales", "south"},
    "director": {"north", "sales"},
    "leader": {"south"},
}
# whose unit it is, and who owns it
BELONGING = {
    "open": ("group", "chief"),
    "board": ("north", "director"),
    "under board": ("sales", "mai"),
    "secret": ("sales", "binh"),
    "rival": ("south", None),
}
PRIVATE = {"board", "secret", "rival"}


def sees(person: str, objective: str) -> bool:
    """Say whether a person is to see an objective: the rule in words, not in code of ours."""
    unit, owner = BELONGING[objective]
    return (
        objective not in PRIVATE
        or person in ("planner", "admin", owner)
        or UNIT_OF[person] == unit
        or unit in LED_BY.get(person, set())
    )


async def founded(app: FastAPI, tenant_id: UUID, build: Build) -> Group:
    """Set the group up: a company with a department, another company, nine people."""
    group = Group(app, tenant_id, build)
    group.cycle = await build.cycle(code="2026")
    parents = {"group": None, "north": "group", "sales": "north", "south": "group"}
    for name, parent in parents.items():
        above = group.units[parent]["id"] if parent else None
        group.units[name] = await build.unit(name=name, parent_id=above)
    for name, unit in UNIT_OF.items():
        group.people[name] = await build.person(name=name, unit_id=group.units[unit]["id"])
    for name, role in (("guest", "viewer"), ("planner", "planner"), ("admin", "admin")):
        path = f"people/{group.people[name]['id']}:assign-role"
        group.people[name] = await build.post(path, role=role)
    for unit, manager in (("group", "chief"), ("north", "director"), ("south", "leader")):
        change = {"manager_id": group.people[manager]["id"]}
        led = await build.rest.patch(f"/v1/units/{group.units[unit]['id']}", json=change)
        assert led.is_success, led.text
    await _plan(group)
    return group


async def _plan(group: Group) -> None:
    parents = {"board": "open", "under board": "board", "secret": "open", "rival": "open"}
    for name, (unit, owner) in BELONGING.items():
        above = group.objectives[parents[name]]["id"] if name in parents else None
        await group.objective(name, unit, owner, parent_id=above, private=name in PRIVATE)
    # A sum that is shown to all, fed by figures that are not; and one that is not, fed by one.
    money = {"source": "children", "aggregate": "sum", "unit_of_measure": "VND"}
    total = await group.build.key_result(group.objectives["open"], title="Total", **money)
    hidden = await group.build.key_result(group.objectives["board"], title="Board sum", **money)
    for name, fed in (("secret", total), ("under board", hidden)):
        fields = {"feeds_id": fed["id"], "unit_of_measure": "VND"}
        path = f"/v1/key-results/{group.key_results[name]['id']}"
        changed = await group.build.rest.patch(path, json=fields)
        assert changed.is_success, changed.text
    group.key_results["total"] = total
    group.key_results["board sum"] = hidden
