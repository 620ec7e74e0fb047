"""Each operation of REST and what does the same in GraphQL; requests of one as of the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from tests.attack.operations import Request
from tests.graphql.asking import SCHEMA, Json, everything_of, leaves_of

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
    is_input_object_type,
)
from okr_service.graphql.names import camel
from okr_service.kernel.errors import OkrError
from okr_service.rest.problems import status_of

# Each operation of REST, and the root field or edge that does the same.
TWINS = {
    "list_action_plans": "Query.actionPlans",
    "create_action_plan": "Mutation.createActionPlan",
    "delete_action_plan": "Mutation.deleteActionPlan",
    "get_action_plan": "Query.actionPlan",
    "patch_action_plan": "Mutation.editActionPlan",
    "put_action_plan": "Mutation.replaceActionPlan",
    "list_actions": "Query.actions",
    "create_action": "Mutation.createAction",
    "delete_action": "Mutation.deleteAction",
    "get_action": "Query.action",
    "patch_action": "Mutation.editAction",
    "put_action": "Mutation.replaceAction",
    "list_api_keys": "Query.apiKeys",
    "create_api_key": "Mutation.createApiKey",
    "get_api_key": "Query.apiKey",
    "revoke_api_key": "Mutation.revokeApiKey",
    "rotate_api_key": "Mutation.rotateApiKey",
    "list_audit_events": "Query.auditEvents",
    "get_audit_event": "Query.auditEvent",
    "list_check_ins": "Query.checkIns",
    "record_check_in": "Mutation.recordCheckIn",
    "get_check_in": "Query.checkIn",
    "void_check_in": "Mutation.voidCheckIn",
    "record_check_ins": "Mutation.recordCheckIns",
    "list_cycles": "Query.cycles",
    "create_cycle": "Mutation.createCycle",
    "delete_cycle": "Mutation.deleteCycle",
    "get_cycle": "Query.cycle",
    "patch_cycle": "Mutation.editCycle",
    "put_cycle": "Mutation.replaceCycle",
    "get_cycle_tree": "Query.cycleTree",
    "close_cycle": "Mutation.closeCycle",
    "reopen_cycle": "Mutation.reopenCycle",
    "list_feeds": "Query.metricFeeds",
    "create_feed": "Mutation.createMetricFeed",
    "delete_feed": "Mutation.deleteMetricFeed",
    "get_feed": "Query.metricFeed",
    "patch_feed": "Mutation.editMetricFeed",
    "put_feed": "Mutation.replaceMetricFeed",
    "replay_feed": "Mutation.replayMetricFeed",
    "send_readings": "Mutation.sendReadings",
    "list_feed_mappings": "Query.feedMappings",
    "list_feed_mappings_of_feed": "MetricFeed.mappings",
    "create_feed_mapping": "Mutation.createFeedMapping",
    "create_feed_mapping_of_feed": "Mutation.createFeedMapping",
    "delete_feed_mapping": "Mutation.deleteFeedMapping",
    "get_feed_mapping": "Query.feedMapping",
    "patch_feed_mapping": "Mutation.editFeedMapping",
    "put_feed_mapping": "Mutation.replaceFeedMapping",
    "list_feed_readings": "Query.feedReadings",
    "list_unmatched_readings_of_feed": "MetricFeed.readings",
    "get_feed_reading": "Query.feedReading",
    "list_identity_providers": "Query.identityProviders",
    "create_identity_provider": "Mutation.createIdentityProvider",
    "delete_identity_provider": "Mutation.deleteIdentityProvider",
    "get_identity_provider": "Query.identityProvider",
    "patch_identity_provider": "Mutation.editIdentityProvider",
    "put_identity_provider": "Mutation.replaceIdentityProvider",
    "check_identity_provider": "Mutation.checkIdentityProvider",
    "prove_identity_provider": "Mutation.proveIdentityProvider",
    "list_webhooks": "Query.webhooks",
    "create_webhook": "Mutation.createWebhook",
    "delete_webhook": "Mutation.deleteWebhook",
    "get_webhook": "Query.webhook",
    "patch_webhook": "Mutation.editWebhook",
    "put_webhook": "Mutation.replaceWebhook",
    "get_webhook_secret": "Query.webhookSecret",
    "rotate_webhook_secret": "Mutation.rotateWebhookSecret",
    "ping_webhook": "Mutation.pingWebhook",
    "replay_webhook": "Mutation.replayWebhook",
    "list_webhook_deliveries": "Query.webhookDeliveries",
    "get_webhook_delivery": "Query.webhookDelivery",
    "replay_webhook_delivery": "Mutation.replayWebhookDelivery",
    "list_imports": "Query.importJobs",
    "get_import": "Query.importJob",
    "cancel_import": "Mutation.cancelImportJob",
    "list_key_results": "Query.keyResults",
    "create_key_result": "Mutation.createKeyResult",
    "delete_key_result": "Mutation.deleteKeyResult",
    "get_key_result": "Query.keyResult",
    "patch_key_result": "Mutation.editKeyResult",
    "put_key_result": "Mutation.replaceKeyResult",
    "list_action_plans_of_key_result": "KeyResult.actionPlans",
    "create_action_plan_of_key_result": "Mutation.createActionPlan",
    "explain_key_result": "Query.explainKeyResult",
    "list_objectives": "Query.objectives",
    "create_objective": "Mutation.createObjective",
    "delete_objective": "Mutation.deleteObjective",
    "get_objective": "Query.objective",
    "patch_objective": "Mutation.editObjective",
    "put_objective": "Mutation.replaceObjective",
    "get_objective_as_of": "Query.objectiveAsOf",
    "get_objective_history": "Query.objectiveHistory",
    "draw_objective_history": "Query.objectiveHistoryPicture",
    "list_key_results_of_objective": "Objective.keyResults",
    "create_key_result_of_objective": "Mutation.createKeyResult",
    "explain_objective": "Query.explainObjective",
    "get_objective_tree": "Query.objectiveTree",
    "draw_objective_tree": "Query.objectiveTreePicture",
    "activate_objective": "Mutation.activateObjective",
    "align_objective": "Mutation.alignObjective",
    "cancel_objective": "Mutation.cancelObjective",
    "carry_over_objective": "Mutation.carryOverObjective",
    "close_objective": "Mutation.closeObjective",
    "reopen_objective": "Mutation.reopenObjective",
    "list_people": "Query.people",
    "create_person": "Mutation.createPerson",
    "delete_person": "Mutation.deletePerson",
    "get_person": "Query.person",
    "patch_person": "Mutation.editPerson",
    "put_person": "Mutation.replacePerson",
    "assign_role": "Mutation.assignRole",
    "hand_over": "Mutation.handOver",
    "erase_person": "Mutation.erasePerson",
    "create_calendar": "Mutation.createCalendar",
    "delete_calendar": "Mutation.deleteCalendar",
    "simulate": "Mutation.simulate",
    "get_tenant": "Query.tenant",
    "patch_tenant": "Mutation.editTenant",
    "put_tenant": "Mutation.replaceTenant",
    "create_tenant": "Mutation.createTenant",
    "list_units": "Query.units",
    "create_unit": "Mutation.createUnit",
    "delete_unit": "Mutation.deleteUnit",
    "get_unit": "Query.unit",
    "patch_unit": "Mutation.editUnit",
    "put_unit": "Mutation.replaceUnit",
    "get_league_table": "Query.leagueTable",
    "get_scorecard": "Query.scorecard",
}
# What has none, and why.
WITHOUT = {
    "is_alive": "a probe of the process, which has no caller",
    "is_ready": "a probe of the database, which has no caller",
    "import_file": "its body is a file",
    "get_import_template": "its answer is a file",
    "export_plan": "its answer is a file",
    "export_objectives": "its answer is a file",
    "export_key_results": "its answer is a file",
    "export_actions": "its answer is a file",
    "export_check_ins": "its answer is a file",
    "export_scorecards": "its answer is a file",
    "get_calendar": "calendar programs read files, and send no bearer token",
    "read_events": "the feed is for programs that keep a cursor; frontends subscribe",
    "export_audit_events": "its answer is a stream of lines without an end in sight; "
    "auditEvents shows the same, page by page",
}
# Creating beneath something names it in the path; GraphQL has it in the input.
_BENEATH = {
    "create_key_result_of_objective": "objectiveId",
    "create_action_plan_of_key_result": "keyResultId",
    "create_feed_mapping_of_feed": "feedId",
}
_STALE = 999_999


@dataclass(frozen=True)
class Told:
    """What came of a request: the status that REST has for it, and all that was told."""

    status: int
    text: str


async def ask_twin(calling: httpx.AsyncClient, request: Request) -> Told:
    """Send the twin of a request that REST would take."""
    kind, _, name = TWINS[request.operation].partition(".")
    making = {"Query": _question, "Mutation": _mutation}.get(kind, _edge)
    answer = await calling.post("/graphql", json=making(kind, name, request))
    return Told(_status(answer, name), f"{answer.text} {answer.headers}")


def _status(answer: httpx.Response, name: str) -> int:
    """Return the status that REST has for the first error that was told, if there is one."""
    told = answer.json()
    errors = [error["extensions"]["code"] for error in told.get("errors", ())]
    shown = (told.get("data") or {}).get(name)
    if isinstance(shown, dict):
        errors += [error["code"] for error in shown.get("errors") or ()]
    assert "invalid-document" not in errors, told
    if not errors:
        return answer.status_code
    return status_of(OkrError.by_code[errors[0]]) if errors[0] in OkrError.by_code else 422


def _ref(request: Request) -> str:
    parts = request.path.split("/")
    return parts[3].partition(":")[0] if len(parts) > 3 else ""


def _question(_: str, name: str, request: Request) -> Json:
    field = SCHEMA.query_type.fields[name]  # type: ignore[union-attr]
    given = _typed(request.query, field.args)
    given |= {n: _ref(request) for n in ("ref", "unit") if n in field.args}
    declared = ", ".join(f"${n}: {field.args[n].type}" for n in given)
    passed = ", ".join(f"{n}: ${n}" for n in given)
    head = f"query({declared}) {{ {name}({passed})" if given else f"{{ {name}"
    return {"query": f"{head} {_selection(field)} }}", "variables": given}


def _edge(kind: str, name: str, request: Request) -> Json:
    root = kind[0].lower() + kind[1:]
    query = f"query($r: Ref!) {{ {root}(ref: $r) {{ {name} {{ totalCount }} }} }}"
    return {"query": query, "variables": {"r": _ref(request)}}


def _mutation(_: str, name: str, request: Request) -> Json:
    field = SCHEMA.mutation_type.fields[name]  # type: ignore[union-attr]
    takes = get_named_type(field.args["input"].type)
    body = request.body if isinstance(request.body, dict) else {}
    given = _input({**request.query, **body}, takes)
    if "ref" in takes.fields:
        given["ref"] = _ref(request)
    if "expectedVersion" in takes.fields and "headers" in request.given:
        given |= {"expectedVersion": _STALE} if request.given["headers"] else {}
    if request.operation in _BENEATH:
        given[_BENEATH[request.operation]] = _ref(request)
    query = f"mutation($i: {takes.name}!) {{ {name}(input: $i) {_selection(field)} }}"
    return {"query": query, "variables": {"i": given}}


def _input(body: Json, takes: GraphQLInputObjectType) -> Json:
    """Return a body as an input: beneath the one member that holds it all, where there is one."""
    if {camel(name) for name in body} <= takes.fields.keys():
        return _typed(body, takes.fields)
    (within,) = (n for n, f in takes.fields.items() if is_input_object_type(get_named_type(f.type)))
    return {within: _typed(body, get_named_type(takes.fields[within].type).fields)}


def _typed(given: Mapping[str, object], fields: Mapping[str, Any]) -> Json:
    return {camel(n): _value(value, fields[camel(n)].type) for n, value in given.items()}


def _value(value: object, of: object) -> object:
    of = get_nullable_type(of)  # type: ignore[call-overload] # any of them
    if isinstance(of, GraphQLList):
        items = value if isinstance(value, list) else [value]
        return [_value(item, of.of_type) for item in items]
    if isinstance(of, GraphQLEnumType):
        return str(value).upper()
    if isinstance(of, GraphQLInputObjectType) and isinstance(value, dict):
        return _typed(value, of.fields)
    return value


def _selection(field: GraphQLField) -> str:
    """Return a selection of all that tells of what a root field answers with."""
    made = get_named_type(field.type)
    if not isinstance(made, GraphQLObjectType):
        return ""
    if made.name.endswith("Connection"):
        return f"{{ totalCount nodes {{ {leaves_of(_inner(made, 'nodes'))} }} }}"
    if SCHEMA.type_map["Node"] in made.interfaces:
        return f"{{ {leaves_of(made)} }}"
    nodes = " ".join(
        f"{name} {{ {leaves_of(_inner(made, name))} }}"
        for name, inner in made.fields.items()
        if SCHEMA.type_map["Node"] in getattr(get_named_type(inner.type), "interfaces", ())
    )
    return f"{{ {everything_of(made, 0)} {nodes} }}"


def _inner(made: GraphQLObjectType, name: str) -> GraphQLObjectType:
    inner = get_named_type(made.fields[name].type)
    assert isinstance(inner, GraphQLObjectType)
    return inner
