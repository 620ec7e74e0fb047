"""Whatever REST has, GraphQL has: the same answers, refusals and effects."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.build import Build
from tests.calling import client
from tests.feeds.feeding import feed, mapping, reading, send
from tests.graphql.asking import (
    SCHEMA,
    Json,
    answered,
    as_rest,
    asked,
    everything_of,
    leaves_of,
    node,
)
from tests.graphql.twins import TWINS, WITHOUT
from tests.imports.working import submitted
from tests.webhooks.kept import told

_OPENAPI = json.loads((Path(__file__).parents[2] / "openapi" / "openapi.json").read_text("utf-8"))
_OWN = {"Query.node", "Query.nodes"}  # GraphQL's alone
_LISTS = {
    "units": ("units", "Unit"),
    "people": ("people", "Person"),
    "cycles": ("cycles", "Cycle"),
    "objectives": ("objectives", "Objective"),
    "key-results": ("keyResults", "KeyResult"),
    "action-plans": ("actionPlans", "ActionPlan"),
    "actions": ("actions", "Action"),
    "check-ins": ("checkIns", "CheckIn"),
    "feeds": ("metricFeeds", "MetricFeed"),
    "feed-mappings": ("feedMappings", "FeedMapping"),
    "feed-readings": ("feedReadings", "FeedReading"),
    "audit-events": ("auditEvents", "AuditEvent"),
    "api-keys": ("apiKeys", "ApiKey"),
    "imports": ("importJobs", "ImportJob"),
    "identity-providers": ("identityProviders", "IdentityProvider"),
    "webhooks": ("webhooks", "Webhook"),
    "webhook-deliveries": ("webhookDeliveries", "WebhookDelivery"),
}


def test_each_operation_has_a_twin() -> None:
    operations = {o["operationId"] for path in _OPENAPI["paths"].values() for o in path.values()}
    assert operations - set(WITHOUT) == set(TWINS)
    for twin in TWINS.values():
        kind, _, name = twin.partition(".")
        assert name in node(kind).fields, twin


def test_no_root_field_is_without_a_twin() -> None:
    roots = {f"{kind}.{name}" for kind in ("Query", "Mutation") for name in node(kind).fields}
    assert roots - set(TWINS.values()) == _OWN


def test_every_field_and_argument_is_described() -> None:
    for name, kind in SCHEMA.type_map.items():
        if name.startswith("__"):
            continue
        assert kind.description or name in ("String", "Int", "Float", "Boolean", "ID"), name
        for field_name, field in getattr(kind, "fields", {}).items():
            assert field.description, f"{name}.{field_name}"
            for argument_name, argument in getattr(field, "args", {}).items():
                assert argument.description, f"{name}.{field_name}({argument_name})"


@pytest.fixture
async def planted(build: Build) -> Json:
    """Plant a bit of everything."""
    group = await build.unit(name="Group", kind="group", external_id="G")
    sales = await build.unit(name="Sales", parent_id=group["id"])
    mai = await build.person(name="Mai", unit_id=sales["id"], email="mai@example.com")
    cycle = await build.cycle(code="2026", cadence="weekly")
    top = await build.objective(
        title="Dẫn đầu", unit_id=group["id"], cycle_id=cycle["id"], external_id="TOP",
        tags=["gạch"], links=[{"title": "Plan", "url": "https://example.com/plan"}],
    )  # fmt: skip
    below = await build.objective(
        title="Bán hàng", unit_id=sales["id"], cycle_id=cycle["id"], parent_id=top["id"],
        owner_id=mai["id"], ambition="aspirational", weight="2.5",
    )  # fmt: skip
    key_result = await build.key_result(
        below, title="Đại lý", owner_id=mai["id"], external_id="TOP/KR1", unit_of_measure="VND",
        format="currency", currency="VND", start_value="0", target_value="12345678901234567.25",
        plan=[{"date": "2026-03-31", "value": "10"}, {"date": "2026-06-30", "value": "20.50"}],
    )  # fmt: skip
    total = await build.key_result(
        top, title="Tổng", source="children", aggregate="sum", unit_of_measure="VND",
        format="currency", currency="VND",
    )  # fmt: skip
    path = f"/v1/key-results/{key_result['id']}"
    fed = await build.rest.patch(path, json={"feeds_id": total["id"]})
    assert fed.is_success, fed.text
    plan = await build.action_plan(key_result, title="Mở đại lý", owner_id=mai["id"])
    await build.action(plan, title="Khảo sát", due_date="2026-01-15", owner_id=mai["id"])
    await build.check_in(
        key_result, "1234567.75", confidence="at_risk", author_id=mai["id"], comment="Chậm"
    )
    await build.check_in(key_result, "2", observed_at="2026-02-01T00:00:00Z")
    await build.post(
        "identity-providers", name="Keycloak", issuer="http://127.0.0.1:1/r", audience="okr",
        algorithms=["RS256", "EdDSA"], role_claim="roles", roles={"boss": "admin"},
    )  # fmt: skip
    await told(build)
    await submitted(build.rest, "objective\nNEW\n")
    await submitted(build.rest, "objective\nNEWER\n", "dry_run")
    output = await build.key_result(top, title="Sản lượng")
    erp = await feed(build, external_id="ERP", utc_offset_minutes=420)
    await feed(build, name="BI")
    await mapping(build, erp, output, dimensions={"plant": "hue"}, factor="0.0010", offset="1.5")
    of_hue = reading(5, "2500.50", dimensions={"plant": "hue"})
    await send(build, erp, of_hue, reading(6, 1), reading(5, 7, "s"))
    return {"top": top, "below": below, "total": total, "unit": group, "cycle": cycle}


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("path", _LISTS)
async def test_lists_show_the_same(rest: httpx.AsyncClient, path: str) -> None:
    name, kind = _LISTS[path]
    there = (await rest.get(f"/v1/{path}", params={"limit": 20, "count": "exact"})).json()
    query = f"{{ {name}(first: 20) {{ totalCount nodes {{ {leaves_of(node(kind))} }} }} }}"
    here = (await answered(rest, query))[name]
    for row in there["data"] if path == "imports" else ():
        del row["counts"]  # the report's, which REST alone gives
    assert as_rest(here["nodes"], node(kind)) == there["data"]
    assert here["totalCount"] == there["page"]["total"] > 0


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("path", _LISTS)
async def test_every_order_is_the_same_and_shares_its_cursors(
    rest: httpx.AsyncClient, path: str
) -> None:
    name, _ = _LISTS[path]
    orders = node("Query").fields[name].args["orderBy"].type
    for order in orders.values:
        member, _, way = order.rpartition("_")
        sort = ("-" if way == "DESC" else "") + member.lower()
        there = (await rest.get(f"/v1/{path}", params={"limit": 50, "sort": sort})).json()
        query = f"query($after: String) {{ {name}(first: 1, after: $after, orderBy: {order})"
        query += " { nodes { rowId } pageInfo { hasNextPage endCursor } } }"
        found = [row async for row in _one_by_one(rest, name, query)]
        assert found == [row["id"] for row in there["data"]], order
        page = await rest.get(f"/v1/{path}", params={"limit": 1, "sort": sort})
        cursor = page.json()["page"]["next_cursor"]
        if cursor is not None:
            first = (await answered(rest, query))[name]["pageInfo"]["endCursor"]
            both = [(await answered(rest, query, after=c))[name] for c in (cursor, first)]
            assert both[0] == both[1]


async def _one_by_one(rest: httpx.AsyncClient, name: str, query: str) -> AsyncIterator[str]:
    after = None
    while True:
        page = (await answered(rest, query, after=after))[name]
        for row in page["nodes"]:
            yield row["rowId"]
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


_QUESTIONS = [
    ("objectives/{top}/tree?include=key_results&count=exact&depth=2",
     'objectiveTree(ref: "{top}", include: [KEY_RESULTS], count: EXACT, depth: 2)', "TreeNode"),
    ("cycles/2026/tree?depth=1", 'cycleTree(ref: "2026", depth: 1)', "Forest"),
    ("objectives/{top}/rollup?limit=1", 'explainObjective(ref: "{top}", limit: 1)', "Explanation"),
    ("objectives/{top}/as-of?at=2026-03-01&at=2026-12-01&depth=2",
     'objectiveAsOf(ref: "{top}", at: ["2026-03-01", "2026-12-01"], depth: 2)', "AsOf"),
    ("objectives/{top}/history?every=month", 'objectiveHistory(ref: "{top}", every: MONTH)',
     "History"),
    ("key-results/{total}/rollup", 'explainKeyResult(ref: "{total}")', "Feeds"),
    ("units/external:G/scorecard?cycle_id=2026",
     'scorecard(unit: "external:G", cycleId: "2026")', "Scorecard"),
    ("units/external:G/league-table?cycle_id=2026",
     'leagueTable(unit: "external:G", cycleId: "2026")', "LeagueTable"),
    ("tenant", "tenant", "Tenant"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "field", "kind"), _QUESTIONS)
async def test_questions_have_the_same_answers(
    rest: httpx.AsyncClient, planted: Json, path: str, field: str, kind: str
) -> None:
    for name in ("top", "total"):
        path = path.replace(f"{{{name}}}", planted[name]["id"])
        field = field.replace(f"{{{name}}}", planted[name]["id"])
    there = await rest.get(f"/v1/{path}")
    here = await answered(rest, f"{{ {field} {{ {everything_of(node(kind), 0)} }} }}")
    (found,) = here.values()
    assert as_rest(found, node(kind)) == _pruned(there.json(), found)


def _pruned(whole: object, like: object) -> object:
    """Leave out what was not asked for, where a type holds itself without end."""
    if isinstance(whole, list) and isinstance(like, list):
        return [_pruned(w, of) for w, of in zip(whole, like, strict=True)]
    if isinstance(whole, dict) and isinstance(like, dict):
        asked_for = {"".join(f"_{c.lower()}" if c.isupper() else c for c in n): n for n in like}
        asked_for["id"] = "rowId"
        kept = {n: v for n, v in whole.items() if n in asked_for}
        return {n: _pruned(v, like.get(asked_for[n])) for n, v in kept.items()}
    return whole


async def test_pictures_are_the_same(rest: httpx.AsyncClient, planted: Json) -> None:
    top = planted["top"]["id"]
    for path, field in (("tree", "objectiveTreePicture"), ("history", "objectiveHistoryPicture")):
        there = await rest.get(f"/v1/objectives/{top}/{path}.svg?theme=dark&lang=vi")
        here = await answered(rest, f'{{ {field}(ref: "{top}", theme: DARK, lang: VI) }}')
        assert here[field] == there.text


async def test_filters_find_the_same(rest: httpx.AsyncClient, planted: Json) -> None:
    for params, given in (
        ({"q": "ban hang"}, 'q: "ban hang"'),
        ({"root": "true"}, "root: true"),
        ({"unit_id": "external:G"}, 'unitId: ["external:G"]'),
        ({"cycle_id": "2026", "state": "active"}, 'cycleId: ["2026"], state: [ACTIVE]'),
        ({"progress_gte": "0.5"}, 'progressGte: "0.5"'),
        ({"tag": "gạch", "measured": "true"}, 'tag: ["gạch"], measured: true'),
        ({"health": "at_risk"}, "health: [AT_RISK]"),
        ({"parent_id": planted["top"]["id"]}, f'parentId: ["{planted["top"]["id"]}"]'),
    ):
        there = (await rest.get("/v1/objectives", params=params)).json()
        query = f"{{ objectives(filter: {{{given}}}) {{ totalCount nodes {{ rowId }} }} }}"
        here = (await answered(rest, query))["objectives"]
        found = [row["rowId"] for row in here["nodes"]]
        assert found == [row["id"] for row in there["data"]], given
        assert here["totalCount"] == len(found)


async def test_edges_hold_what_their_lists_do(rest: httpx.AsyncClient, planted: Json) -> None:
    query = """query($o: Ref!) { objective(ref: $o) {
      keyResults(orderBy: TITLE_ASC) { nodes { rowId checkIns { nodes { value voids { value } } }
        latestCheckIn { value author { name } } feeds { title fedBy { nodes { rowId } } } } }
      owner { name keyResults { totalCount } } parent { rowId children { nodes { rowId } } }
    } }"""
    found = (await answered(rest, query, o=planted["below"]["id"]))["objective"]
    (key_result,) = found["keyResults"]["nodes"]
    assert [one["value"] for one in key_result["checkIns"]["nodes"]] == ["1234567.75", "2"]
    assert key_result["latestCheckIn"] == {"value": "1234567.75", "author": {"name": "Mai"}}
    assert key_result["feeds"]["fedBy"]["nodes"] == [{"rowId": key_result["rowId"]}]
    assert found["owner"] == {"name": "Mai", "keyResults": {"totalCount": 1}}
    assert found["parent"]["children"]["nodes"] == [{"rowId": planted["below"]["id"]}]


# The same refusal: by code, and at the same place.
_REFUSED = [
    ("POST", "objectives", {"title": "", "unit_id": "external:G", "cycle_id": "2026"},
     "createObjective", {"title": "", "unitId": "external:G", "cycleId": "2026"}),
    ("POST", "objectives", {"title": "x", "unit_id": "external:no", "cycle_id": "2026"},
     "createObjective", {"title": "x", "unitId": "external:no", "cycleId": "2026"}),
    ("POST", "key-results", {"objective_id": "external:TOP", "title": "x", "start_value": "9",
                             "target_value": "1"},
     "createKeyResult", {"objectiveId": "external:TOP", "title": "x", "startValue": "9",
                         "targetValue": "1"}),
    ("POST", "objectives", {"title": "x", "unit_id": "external:G", "cycle_id": "2026",
                            "external_id": "TOP"},
     "createObjective", {"title": "x", "unitId": "external:G", "cycleId": "2026",
                         "externalId": "TOP"}),
    ("PATCH", "objectives/external:TOP", {"weight": "-1"},
     "editObjective", {"ref": "external:TOP", "changes": {"weight": "-1"}}),
    ("PATCH", "objectives/external:TOP", {"title": None},
     "editObjective", {"ref": "external:TOP", "changes": {"title": None}}),
    ("PATCH", "objectives/external:none", {"weight": "1"},
     "editObjective", {"ref": "external:none", "changes": {"weight": "1"}}),
    ("POST", "objectives/external:TOP:align", {"parent_id": "external:TOP"},
     "alignObjective", {"ref": "external:TOP", "parentId": "external:TOP"}),
    ("POST", "objectives/external:TOP:activate", None, "activateObjective",
     {"ref": "external:TOP"}),
    ("POST", "check-ins", {"key_result_id": "external:TOP/KR1", "value": "many"},
     "recordCheckIn", {"keyResultId": "external:TOP/KR1", "value": "many"}),
    ("POST", "check-ins", {"key_result_id": "external:TOP/KR1", "value": "1",
                           "observed_at": "2026-13-01T00:00:00Z"},
     "recordCheckIn", {"keyResultId": "external:TOP/KR1", "value": "1",
                       "observedAt": "2026-13-01T00:00:00Z"}),
    ("PUT", "units/external:X", {"name": "x", "external_id": "Y"},
     "replaceUnit", {"ref": "external:X", "unit": {"name": "x", "externalId": "Y"}}),
    ("PUT", "units/01890000-0000-7000-8000-000000000000", {"name": "x"},
     "replaceUnit", {"ref": "01890000-0000-7000-8000-000000000000", "unit": {"name": "x"}}),
    ("DELETE", "units/external:G", None, "deleteUnit", {"ref": "external:G"}),
    ("PATCH", "tenant", {"behind_from": 0.9}, "editTenant", {"changes": {"behindFrom": 0.9}}),
    ("POST", "cycles/2026:reopen", None, "reopenCycle", {"ref": "2026"}),
]  # fmt: skip


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize(("method", "path", "body", "mutation", "given"), _REFUSED)
async def test_refusals_are_the_same(
    rest: httpx.AsyncClient, method: str, path: str, body: Json | None, mutation: str, given: Json
) -> None:
    there = await rest.request(method, f"/v1/{path}", json=body)
    kind = f"{mutation[0].upper()}{mutation[1:]}Input"
    query = (
        f"mutation($i: {kind}!) {{ {mutation}(input: $i) {{ errors {{ code path message }} }} }}"
    )
    here = (await answered(rest, query, i=given))[mutation]["errors"]
    told = there.json()
    if there.is_success:
        assert here == []
        return
    expected = {e["code"] for e in told["errors"]} or {told["code"]}
    assert {e["code"] for e in here} == expected, (told, here)


async def test_a_person_is_refused_what_rest_refuses(
    rest: httpx.AsyncClient, planted: Json, app: object
) -> None:
    made = await rest.post("/v1/api-keys", json={"name": "reader", "scopes": ["read"]})
    async with client(app, made.json()["key"]) as reader:  # type: ignore[arg-type] # the app
        top = planted["top"]["id"]
        told = await asked(
            reader,
            f'mutation {{ cancelObjective(input: {{ref: "{top}"}}) {{ errors {{ code }} }} }}',
        )
        there = await reader.post(f"/v1/objectives/{top}:cancel")
    assert there.status_code == 403
    assert told["data"] is None
    assert told["errors"][0]["extensions"]["code"] == there.json()["code"] == "not-permitted"


async def test_languages_are_the_same(rest: httpx.AsyncClient, planted: Json) -> None:
    rest.headers["Accept-Language"] = "vi"
    there = (await rest.get("/v1/objectives/external:nothing")).json()
    told = await asked(rest, '{ objective(ref: "external:nothing") { title } }')
    assert told["errors"][0]["message"] == there["detail"]
    assert planted


async def test_the_effects_are_the_same(rest: httpx.AsyncClient, planted: Json) -> None:
    """Go through the life of an objective in GraphQL and look at it by REST."""
    query = """mutation($o: CreateObjectiveInput!) {
      createObjective(input: $o) { objective { rowId version } errors { code } } }"""
    given = {"title": "Mới", "unitId": "external:G", "cycleId": "2026", "state": "DRAFT",
             "parentId": "external:TOP", "weight": "1.5", "externalId": "NEW"}  # fmt: skip
    made = (await answered(rest, query, o=given))["createObjective"]["objective"]
    shown = (await rest.get("/v1/objectives/external:NEW")).json()
    assert shown["id"] == made["rowId"]
    assert shown["weight"] == 1.5
    assert shown["state"] == "draft"
    life = """mutation { activateObjective(input: {ref: "external:NEW"}) { errors { code } }
      createKeyResult(input: {objectiveId: "external:NEW", title: "KR", targetValue: 10,
        externalId: "NEW/1"}) { keyResult { progress } errors { code } }
      recordCheckIn(input: {keyResultId: "external:NEW/1", value: "5"}) {
        checkIn { keyResult { progress objective { progress parent { progress } } } } }
      closeObjective(input: {ref: "external:NEW", finalScore: "0.7", retrospective: "ok"}) {
        objective { state finalScore } errors { code } } }"""
    lived = await answered(rest, life)
    assert lived["recordCheckIn"]["checkIn"]["keyResult"]["objective"]["progress"] == 0.5
    assert lived["closeObjective"]["objective"] == {"state": "CLOSED", "finalScore": 0.7}
    closed = (await rest.get("/v1/objectives/external:NEW")).json()
    assert closed["retrospective"] == "ok"
    events = (await rest.get(f"/v1/audit-events?subject_id={made['rowId']}")).json()["data"]
    assert len(events) >= 3
    assert planted


async def test_an_edit_leaves_alone_what_it_does_not_name(
    rest: httpx.AsyncClient, planted: Json
) -> None:
    query = """mutation($i: EditObjectiveInput!) { editObjective(input: $i) {
      objective { version title ownerId owner { name } } errors { code } } }"""
    of = planted["below"]["id"]
    named = {"ref": of, "changes": {"title": "Khác"}, "expectedVersion": 1}
    first = (await answered(rest, query, i=named))["editObjective"]
    assert first["objective"]["owner"] == {"name": "Mai"}
    late = (await answered(rest, query, i=named))["editObjective"]
    assert [e["code"] for e in late["errors"]] == ["version-mismatch"]
    taken = {"ref": of, "changes": {"ownerId": None}}
    second = (await answered(rest, query, i=taken))["editObjective"]["objective"]
    assert second == {"version": 3, "title": "Khác", "ownerId": None, "owner": None}


async def test_a_replacement_creates_under_the_callers_key(rest: httpx.AsyncClient) -> None:
    query = """mutation($i: ReplaceUnitInput!) { replaceUnit(input: $i) {
      unit { externalId name version } errors { code } } }"""
    given = {"ref": "external:N", "unit": {"name": "New"}}
    made = (await answered(rest, query, i={**given, "createOnly": True}))["replaceUnit"]
    assert made["unit"] == {"externalId": "N", "name": "New", "version": 1}
    again = (await answered(rest, query, i={**given, "createOnly": True}))["replaceUnit"]
    assert [e["code"] for e in again["errors"]] == ["already-exists"]
    other = {**given, "unit": {"name": "Other"}}
    replaced = (await answered(rest, query, i=other))["replaceUnit"]
    assert replaced["unit"] == {"externalId": "N", "name": "Other", "version": 2}


async def test_a_write_sent_again_with_its_key_is_done_once(
    rest: httpx.AsyncClient, planted: Json
) -> None:
    query = """mutation($v: Decimal!, $k: String!) { recordCheckIn(input: {
      keyResultId: "external:TOP/KR1", value: $v, idempotencyKey: $k, clientMutationId: "x"}) {
        checkIn { rowId value } errors { code } clientMutationId } }"""
    first = await answered(rest, query, v="7", k="once")
    again = await answered(rest, query, v="7", k="once")
    other = await answered(rest, query, v="8", k="once")
    bad = await asked(rest, query, v="8", k="")
    assert first == again
    assert [e["code"] for e in other["recordCheckIn"]["errors"]] == ["idempotency-key-reused"]
    assert bad["errors"][0]["extensions"]["code"] == "invalid-idempotency-key"
    found = await answered(
        rest, '{ keyResult(ref: "external:TOP/KR1") { checkIns { totalCount } } }'
    )
    assert found["keyResult"]["checkIns"]["totalCount"] == 3
    assert planted


async def test_a_batch_and_a_simulation_and_a_closing(
    rest: httpx.AsyncClient, planted: Json
) -> None:
    told = await answered(rest, """mutation {
      recordCheckIns(input: {checkIns: [
        {keyResultId: "external:TOP/KR1", value: 3, externalId: "a"},
        {keyResultId: "external:TOP/KR1", value: 4, externalId: "b"}]}) {
          recorded unchanged ids errors { code } }
      simulate(input: {changes: [{editObjective: {id: "external:TOP", changes: {weight: 9}}}]}) {
        objectives { title before after } errors { code } }
      closeCycle(input: {ref: "2026", mode: DRY_RUN}) {
        mode closedCycles closedObjectives { title finalScore } cycle { state } errors { code } }
    }""")  # fmt: skip
    assert told["recordCheckIns"]["recorded"] == len(told["recordCheckIns"]["ids"]) == 2
    assert told["simulate"]["errors"] == []
    closing = told["closeCycle"]
    assert closing["mode"] == "DRY_RUN"
    assert closing["cycle"] == {"state": "OPEN"}
    assert len(closing["closedObjectives"]) == 2
    assert (await rest.get("/v1/cycles/2026")).json()["state"] == "open"
    assert planted


async def test_a_key_is_made_and_revoked(rest: httpx.AsyncClient, app: object) -> None:
    made = await answered(rest, """mutation { createApiKey(input: {name: "x", scopes: [READ]}) {
      apiKey { id rowId scopes name } key errors { code } } }""")  # fmt: skip
    shown = made["createApiKey"]
    assert shown["apiKey"]["scopes"] == ["READ"]
    async with client(app, shown["key"]) as reader:  # type: ignore[arg-type] # the app
        assert (await answered(reader, "{ __typename }")) == {"__typename": "Query"}
        revoke = "mutation($r: Ref!) { revokeApiKey(input: {ref: $r}) { apiKey { revokedAt } } }"
        await answered(rest, revoke, r=shown["apiKey"]["id"])
        refused = await reader.post("/graphql", json={"query": "{ __typename }"})
    assert refused.status_code == 401


async def test_an_operator_takes_on_a_tenant(operator: httpx.AsyncClient) -> None:
    made = await answered(operator, """mutation { createTenant(input: {name: "Sao Mai"}) {
      rowId name apiKey errors { code } } }""")  # fmt: skip
    assert made["createTenant"]["name"] == "Sao Mai"
    assert made["createTenant"]["apiKey"].startswith("okr_")


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("written", ["12345678901234567.15", '"12345678901234567.15"', "$v"])
async def test_no_figure_loses_a_digit(rest: httpx.AsyncClient, written: str) -> None:
    query = f"""mutation($v: Decimal!) {{ recordCheckIn(input: {{
      keyResultId: "external:TOP/KR1", value: {written} }}) {{ checkIn {{ value }} }} }}"""
    query = query if written == "$v" else query.replace("($v: Decimal!)", "")
    body = f'{{"query": {json.dumps(query)}, "variables": {{"v": 12345678901234567.15}}}}'
    headers = {"Content-Type": "application/json"}
    told = (await rest.post("/graphql", content=body, headers=headers)).json()
    assert told["data"]["recordCheckIn"]["checkIn"] == {"value": "12345678901234567.15"}
