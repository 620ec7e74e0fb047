"""Every operation of the OpenAPI document as a request that would be good, about one objective."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.group import Group, Json

# What an operation is about: an objective and what hangs from it, the tenant as a whole, or
# nothing that is there already.
OBJECTIVE, TENANT, ANYTHING = "objective", "tenant", "anything"

_DATES = {"start_date": "2026-09-01", "end_date": "2026-09-30"}
_YEAR = {"code": "2031", "start_date": "2031-01-01", "end_date": "2031-12-31"}
_CSV = "unit,cycle,objective,objective_title\nsales,2026,NEW,New\n"
_OF_OBJECTIVES = ("objectives", "key-results", "action-plans", "actions", "check-ins", "rollup")
_STALE = {"If-Match": '"999999-0"'}  # so that an edit that is let through changes nothing


@dataclass(frozen=True)
class Request:
    """A request that its caller's permissions alone decide about."""

    operation: str
    method: str
    path: str
    permission: str
    about: str
    reads: bool
    names_rows: bool
    names_objective: bool
    query: Json = field(default_factory=dict)
    body: Json | str | None = None

    @property
    def given(self) -> Json:
        """Return what httpx is to send."""
        headers = {} if self.reads or (self.method == "POST" and ":" not in self.path) else _STALE
        if isinstance(self.body, str):
            text = {"Content-Type": "text/csv"}
            return {"params": self.query, "content": self.body, "headers": {**headers, **text}}
        json = {} if self.body is None else {"json": self.body}
        return {"params": self.query, "headers": headers, **json}


def requests_about(group: Group, name: str, kept: Json) -> Iterator[Request]:
    """Make a request of every operation there is, about an objective of the group's.

    Raises:
        KeyError: an operation takes a body that is not known here: say what it is to be.
    """
    rows = dict(
        zip(
            ("objectives", "key-results", "action-plans", "actions", "check-ins"),
            group.of(name),
            strict=True,
        )
    )
    of = {kind: row["id"] for kind, row in rows.items()} | {
        "units": group.units["sales"]["id"],
        "people": group.people["mai"]["id"],
        "cycles": group.cycle["id"],
        "exports": "ndjson",  # which is no row, but how the file is written
        **kept,
    }
    bodies = _bodies(of)
    for path, operations in group.app.openapi()["paths"].items():
        for method, operation in operations.items():
            if not (path.startswith("/v1") and operation["security"]):
                continue  # it has no caller, or its address is the credential
            named = operation["operationId"]
            kind = path.split("/")[2].partition(":")[0]
            body = bodies[named] if "requestBody" in operation else None
            filled = re.sub(r"\{\w+\}", of.get(kind, "none"), path)
            yield Request(
                operation=named,
                method=method.upper(),
                path=filled,
                permission=operation["security"][0]["bearer"][0],
                about=_about(kind, method, body),
                reads=method == "get",
                names_rows=(named in _QUERIES if kind == "exports" else filled != path)
                or any(i in str(body) for i in of.values()),
                names_objective=any(row["id"] in f"{filled} {body}" for row in rows.values()),
                query=_QUERIES.get(named, {}),
                body=body,
            )


def _about(kind: str, method: str, body: object) -> str:
    if kind in _OF_OBJECTIVES:
        return OBJECTIVE
    return TENANT if body is not None or method != "get" else ANYTHING


_QUERIES: dict[str, Json] = {
    "get_objective_as_of": {"at": "2026-12-01T00:00:00Z"},
    "get_scorecard": {"cycle_id": "2026"},
    "get_league_table": {"cycle_id": "2026"},
    "export_scorecards": {"cycle_id": "2026"},
    "close_cycle": {"mode": "dry_run"},
    "import_file": {"mode": "dry_run"},
}


def _bodies(of: Json) -> dict[str, Json | str]:
    """Return a good body for every operation that takes one."""
    title = {"title": "Changed"}
    objective = {"title": "New", "unit_id": of["units"], "cycle_id": of["cycles"]}
    key_result = {"title": "New", "target_value": "10"}
    plan = {"title": "New", "key_result_id": of["key-results"], **_DATES}
    action = {"title": "New", "action_plan_id": of["action-plans"]}
    check_in = {"key_result_id": of["key-results"], "value": "41"}
    settings = {"name": "New"}
    mapping = {"metric": "m", "key_result_id": of["key-results"]}
    reading = {"metric": "m", "value": "1", "reading_id": "r"}
    provider = {"name": "New", "issuer": "http://127.0.0.1:1", "audience": "okr"}
    webhook = {"name": "New", "url": "http://127.0.0.1:1/hook"}
    return {
        "create_objective": objective,
        "put_objective": objective,
        "patch_objective": title,
        "align_objective": {"parent_id": None},
        "close_objective": {"final_score": 1},
        "carry_over_objective": {"cycle_id": of["cycles"]},
        "create_key_result": {**key_result, "objective_id": of["objectives"]},
        "create_key_result_of_objective": key_result,
        "put_key_result": {**key_result, "objective_id": of["objectives"]},
        "patch_key_result": title,
        "create_action_plan": plan,
        "create_action_plan_of_key_result": plan,
        "put_action_plan": plan,
        "patch_action_plan": title,
        "create_action": action,
        "put_action": action,
        "patch_action": title,
        "record_check_in": check_in,
        "record_check_ins": {"check_ins": [check_in]},
        "void_check_in": {"reason": "Wrong"},
        "simulate": {"changes": [{"check_in": check_in}]},
        "create_feed": {"name": "New", "source": "erp"},
        "put_feed": {"name": "New", "source": "erp"},
        "patch_feed": {"name": "Changed"},
        "send_readings": {"readings": [{**reading, "observed_at": "2026-09-01T00:00:00Z"}]},
        "create_feed_mapping": {**mapping, "feed_id": of["feeds"]},
        "create_feed_mapping_of_feed": mapping,
        "put_feed_mapping": {**mapping, "feed_id": of["feeds"]},
        "patch_feed_mapping": {"factor": "2"},
        "create_cycle": _YEAR,
        "put_cycle": _YEAR,
        "patch_cycle": {"name": "Changed"},
        "close_cycle": {},
        "create_unit": {"name": "New", "parent_id": of["units"]},
        "put_unit": {"name": "New"},
        "patch_unit": {"name": "Changed"},
        "create_person": {"name": "New", "unit_id": of["units"]},
        "put_person": {"name": "New"},
        "patch_person": {"name": "Changed"},
        "assign_role": {"role": "admin"},
        "hand_over": {},
        "put_tenant": settings,
        "patch_tenant": settings,
        "create_tenant": settings,
        "create_api_key": {"name": "New", "scopes": ["read"]},
        "rotate_api_key": {"overlap_seconds": 60},
        "import_file": _CSV,
        "create_identity_provider": provider,
        "put_identity_provider": provider,
        "patch_identity_provider": {"name": "Changed"},
        "prove_identity_provider": {"token": "x"},
        "create_webhook": webhook,
        "put_webhook": webhook,
        "patch_webhook": {"name": "Changed"},
        "rotate_webhook_secret": {"overlap_seconds": 60},
    }
