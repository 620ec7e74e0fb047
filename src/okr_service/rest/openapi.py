"""The OpenAPI document: what FastAPI finds, completed with errors, headers and security."""

import json
import re
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from okr_service.credentials.keys import PATTERN
from okr_service.rest.endpoint import PERMISSION
from okr_service.rest.problems import MEDIA_TYPE

Node = dict[str, Any]  # a node of a JSON document

_DESCRIPTION = """\
Objectives and key results of a group of companies: a year's targets in, exact rolled-up
completion out.

Figures are exact decimals, sent as JSON strings; numbers are accepted too. `progress` and
weights are plain numbers. Wherever an id is taken, `external:` and the caller's own key work
too. Errors are problem documents (RFC 9457) whose `code` never changes; `openapi/problems.md`
lists them. Messages follow `Accept-Language` (`en`, `vi`).
"""
_TAGS = {
    "objectives": "What a group wants to reach, and how it will know.",
    "analysis": "Why, since when, and what if: trees, explanations, history, simulation.",
    "scorecards": "How far each unit has come, and how it reports and acts.",
    "closing": "How objectives and cycles end.",
    "check-ins": "What people and programs report of key results.",
    "action plans": "What is done about key results.",
    "cycles": "The periods a group plans in.",
    "organisation": "Units and people.",
    "metric feeds": "Figures that other systems send, and what key results make of them.",
    "calendars": "What people own and is due, for calendar programs to subscribe to.",
    "imports": "Loading a year's targets from a flat file.",
    "exports": "The plan as a flat file, and tables to report from.",
    "audit": "Who changed what.",
    "events": "What happened, in order, for other systems to follow.",
    "webhooks": "Telling other systems what happens.",
    "credentials": "Tenants and API keys.",
    "identity": "Whose tokens are accepted, and what they mean here.",
    "operation": "Whether the service lives and is ready.",
}
_PROBLEM: Node = {
    "type": "object",
    "description": "A problem document (RFC 9457).",
    "required": ["type", "title", "status", "code", "detail", "instance", "request_id", "errors"],
    "properties": {
        "type": {"type": "string", "description": "A stable URI reference: /problems/ and code."},
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string", "description": "What a program acts on; never changes."},
        "detail": {"type": "string", "description": "What people read, in their language."},
        "instance": {"type": "string", "description": "The address that was asked."},
        "request_id": {"type": ["string", "null"], "description": "To find it in the log."},
        "errors": {
            "type": "array",
            "description": "The fields that do not fit.",
            "items": {"$ref": "#/components/schemas/FieldProblem"},
        },
    },
}
_FIELD_PROBLEM: Node = {
    "type": "object",
    "description": "What does not fit in one field.",
    "required": ["pointer", "code", "message"],
    "properties": {
        "pointer": {"type": "string", "description": "Where (RFC 6901)."},
        "code": {"type": "string"},
        "message": {"type": "string"},
        "sheet": {"type": "string", "description": "Of an imported workbook."},
        "row": {"type": "integer", "description": "Of an imported file."},
        "column": {"type": "string", "description": "Of an imported file."},
        "cell": {"type": "string", "description": "Of an imported file."},
        "suggestion": {"type": "string", "description": "What may be meant."},
    },
}
_ERRORS = {
    400: "The request cannot be read.",
    401: "There is no valid API key.",
    403: "The API key does not allow this.",
    404: "What is addressed, or referred to, does not exist.",
    406: "The answer is only available as JSON.",
    408: "The request did not arrive whole in time.",
    409: "The present state does not allow this.",
    410: "What was asked for is not kept any more.",
    412: "It has changed since it was read.",
    413: "The body is too large.",
    415: "The body is of another media type.",
    422: "The input breaks a rule.",
    428: "The service asks for If-Match.",
    429: "There were too many requests, or too many bad credentials; try again later.",
    503: "The database cannot be reached or is too slow; try again.",
}
_TEXT: Node = {"type": "string"}
_RATE_LIMIT: Node = {
    "RateLimit-Policy": {
        "description": "The limits the request counted against: so many (`q`) in so many seconds "
        "(`w`), of the credential and of its tenant. draft-ietf-httpapi-ratelimit-headers.",
        "schema": _TEXT | {"examples": ['"credential";q=6000;w=60, "tenant";q=60000;w=60']},
    },
    "RateLimit": {
        "description": "What is left (`r`) until there is more, in so many seconds (`t`); about.",
        "schema": _TEXT | {"examples": ['"credential";r=5907;t=41, "tenant";r=59063;t=12']},
    },
}
_AGE: Node = {
    "Age": {
        "description": "How many seconds old what was read may be; of what a replica showed only.",
        "schema": {"type": "integer", "minimum": 0},
    }
}
_WRITTEN_AT: Node = {
    "Okr-Written-At": {
        "description": "What to send in Okr-Read-After to read what was written; where there is a "
        "replica, and something was written.",
        "schema": _TEXT | {"examples": ["0000000100000000016b3748"]},
    }
}
_HEADERS: dict[str, tuple[str, Node]] = {
    "Accept-Language": (
        "The language of messages: en or vi.",
        {"type": "string", "maxLength": 200, "examples": ["vi"]},
    ),
    "Cache-Control": (
        "`max-stale=30` lets what is read be 30 s old, so that a replica may show it (RFC 9111).",
        {"type": "string", "maxLength": 200, "examples": ["max-stale=30"]},
    ),
    "Okr-Read-After": (
        "With max-stale: the Okr-Written-At of a write that must be in what is read all the same.",
        {"type": "string", "pattern": "^[0-9a-f]{24}$", "examples": ["0000000100000000016b3748"]},
    ),
    "Idempotency-Key": (
        "With the same request, it gets the first answer again for 24 hours (409 for a secret).",
        {"type": "string", "minLength": 1, "maxLength": 255},
    ),
    "If-Match": (
        "The ETag that was read: the edit is refused if there was another since.",
        {"type": "string", "maxLength": 1000},
    ),
    "If-None-Match": (
        "On GET the ETag the caller has; on PUT `*`, to create and never replace.",
        {"type": "string", "maxLength": 1000},
    ),
}
# What is answered beneath a resource as one document, not as a page.
_DOCUMENTS = (
    "/as-of",
    "/history",
    "/history.svg",
    "/league-table",
    "/rollup",
    "/scorecard",
    "/tenant",
    "/tree",
    "/tree.svg",
)
_WITHOUT_VERSIONS = ("check-ins", "api-keys", "imports", ":check", "/calendar")
# POST here answers with a secret.
_SHOWN_ONCE = ("/api-keys", "/tenants", ":rotate", "/calendar")
_CAN_BE_TOO_MUCH = ("/history", "/tree")
_FEED = "/v1/events"
_OPEN_STATUSES = (400, 404, 429, 503)
# What is read as it is now, whatever a request allows.
_NEVER_STALE = (_FEED, "/v1/imports", "/v1/imports/{import_id}", "/v1/audit-events:export")
_EXAMPLES: dict[str, Node] = {
    "NewObjective": {
        "external_id": "MT-GACH-01",
        "title": "Dẫn đầu thị trường gạch ốp lát",
        "unit_id": "external:GACH",
        "cycle_id": "2026",
        "weight": "2.5",
    },
    "NewKeyResult": {
        "external_id": "MT-GACH-01/KR1",
        "objective_id": "external:MT-GACH-01",
        "title": "Sản lượng gạch ốp lát",
        "unit_of_measure": "viên",
        "start_value": "0",
        "target_value": "5000000",
        "plan": [{"date": "2026-03-31", "value": "1100000"}],
    },
    "Simulation": {
        "changes": [
            {"check_in": {"key_result_id": "external:MT-GACH-01/KR1", "value": "4000000"}},
            {"edit_objective": {"id": "external:MT-GACH-01", "changes": {"weight": 3}}},
        ]
    },
    "NewIdentityProvider": {
        "external_id": "keycloak",
        "name": "Keycloak",
        "issuer": "https://id.saomai.example/realms/group",
        "audience": "okr-service",
        "person_claim": "employee_number",
        "role_claim": "realm_access.roles",
        "roles": {"okr-admins": "admin", "okr-planners": "planner"},
    },
    "Closing": {"final_score": "0.7", "retrospective": "Mở đại lý sớm hơn một quý."},
    "CarryingOver": {"cycle_id": "2027", "external_id": "MT-GACH-01-2027"},
    "NewCheckIn": {
        "external_id": "ERP/2026-09-30/MT-GACH-01/KR1",
        "key_result_id": "external:MT-GACH-01/KR1",
        "value": "3250000",
        "confidence": "on_track",
        "comment": "Vượt kế hoạch tháng 9",
    },
}


def install(app: FastAPI) -> None:
    """Serve the completed document at /openapi.json."""
    found = app.openapi

    def complete() -> Node:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(found())
        return app.openapi_schema

    app.openapi = complete  # type: ignore[method-assign] # FastAPI's documented way


def operation_id(route: APIRoute) -> str:
    """Name an operation by its function."""
    return route.name


def _completed(document: Node) -> Node:
    document["info"] |= {
        "description": _DESCRIPTION,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }
    document["servers"] = [{"url": "/", "description": "This service."}]
    document["tags"] = [{"name": n, "description": d} for n, d in _TAGS.items()]
    schemas: Node = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"], schemas["FieldProblem"] = _PROBLEM, _FIELD_PROBLEM
    document["components"]["headers"] = _RATE_LIMIT | _AGE | _WRITTEN_AT
    document["components"]["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key, or an access token of an identity provider of the "
            f"tenant's. Each operation names the permission it takes. API keys match `{PATTERN}`, "
            "for scanners to find leaked ones; the last six characters are the CRC-32 of those "
            "before, in base62 (0-9, A-Z, a-z).",
        }
    }
    for name, example in _EXAMPLES.items():
        schemas[name]["examples"] = [example]
    for path, method, operation in _operations(document):
        _complete_operation(path, method, operation)
    for ref in sorted(set(re.findall(r"#/components/schemas/(\w+)Patch", json.dumps(document)))):
        schemas[f"{ref}Patch"] = _patch(schemas[ref])
    return document


def _operations(document: Node) -> Iterator[tuple[str, str, Node]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _complete_operation(path: str, method: str, operation: Node) -> None:
    operation["responses"].pop("422", None)
    operation["summary"] = operation.pop("description", operation["summary"]).partition("\n")[0]
    if not path.startswith("/v1"):
        operation["security"] = []
        return
    if PERMISSION not in operation:
        _complete_open(operation)
        return
    operation["security"] = [{"bearer": [operation.pop(PERMISSION)]}]
    named = _header_names(path, method)
    operation.setdefault("parameters", []).extend(_header(name) for name in named)
    for status in _statuses(path, method, operation, named):
        operation["responses"][str(status)] = _error(status)
    for status, answer in operation["responses"].items():
        if headers := _answer_headers(status, path, method):
            answer["headers"] = headers
    if "If-None-Match" in named and method == "get":
        operation["responses"]["304"] = {"description": "The caller has it already."}


def _complete_open(operation: Node) -> None:
    """Complete what needs no bearer token: its address lets in."""
    operation["security"] = []
    named = ("Accept-Language", "If-None-Match")
    operation.setdefault("parameters", []).extend(_header(name) for name in named)
    operation["responses"]["200"]["headers"] = {
        "ETag": {"description": "Its digest.", "schema": _TEXT},
        **{name: {"$ref": f"#/components/headers/{name}"} for name in _RATE_LIMIT},
    }
    operation["responses"]["304"] = {"description": "The caller has it already."}
    for status in _OPEN_STATUSES:
        operation["responses"][str(status)] = _error(status)
        if headers := _answer_headers(str(status), "", "get"):
            operation["responses"][str(status)]["headers"] = headers


def _is_no_page(path: str) -> bool:
    return path == _FEED or path.endswith((":export", ".xlsx"))


def _is_of_one(path: str) -> bool:
    """Say whether a path answers with one thing that has an ETag, not with a page or a report."""
    _, brace, rest = path.rpartition("}")
    return (bool(brace) and (rest == "" or rest.startswith(":"))) or path.endswith(_DOCUMENTS)


def _header_names(path: str, method: str) -> list[str]:
    names = ["Accept-Language"]
    if _may_be_stale(path, method):
        names += ["Cache-Control", "Okr-Read-After"]
    if method == "post":
        names.append("Idempotency-Key")
    edits = method in ("put", "patch", "delete") or (method == "post" and _is_of_one(path))
    if edits and not any(part in path for part in _WITHOUT_VERSIONS):
        names.append("If-Match")
    if (method == "get" and _is_of_one(path)) or method == "put":
        names.append("If-None-Match")
    return names


def _may_be_stale(path: str, method: str) -> bool:
    return method == "get" and path not in _NEVER_STALE


def _header(name: str) -> Node:
    description, schema = _HEADERS[name]
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": schema,
    }


def _statuses(path: str, method: str, operation: Node, named: list[str]) -> list[int]:
    statuses = [400, 401, 403, 406, 429, 503]
    has_body = "requestBody" in operation
    if "{" in path or has_body:
        statuses.append(404)
    if method != "get":
        statuses.append(409)
    if path == _FEED:
        statuses.append(410)
    if has_body:
        statuses += [408, 413, 415]
    if has_body or method == "post" or path.endswith(_CAN_BE_TOO_MUCH):
        statuses.append(422)
    if "If-Match" in named:
        statuses += [412, 428]
    return sorted(statuses)


def _error(status: int) -> Node:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": _ERRORS[status], "content": content}


def _answer_headers(status: str, path: str, method: str) -> Node:
    headers: Node = {}
    if status.startswith("2") and (method != "get" or _may_be_stale(path, method)):
        told = _AGE if method == "get" else _WRITTEN_AT
        headers |= {name: {"$ref": f"#/components/headers/{name}"} for name in told}
    if status == "201" and path.endswith(_SHOWN_ONCE):
        headers["Cache-Control"] = {"description": "no-store: it shows a secret.", "schema": _TEXT}
        if "/api-keys" in path:
            headers["Location"] = {"description": "Where it is.", "schema": _TEXT}
        return headers
    if status in ("201", "202"):
        headers["Location"] = {"description": "Where it is.", "schema": _TEXT}
    if status in ("200", "201") and (_is_of_one(path) or status == "201"):
        headers["ETag"] = {"description": "Its version and digest.", "schema": _TEXT}
    elif status == "200" and method == "get" and not _is_no_page(path):
        headers["Link"] = {"description": "The next page (RFC 8288).", "schema": _TEXT}
    elif status == "401":
        headers["WWW-Authenticate"] = {"description": "Bearer.", "schema": _TEXT}
    elif status in ("429", "503"):
        headers["Retry-After"] = {"description": "Seconds.", "schema": {"type": "integer"}}
    if status.startswith("2") or status == "429":
        headers |= {name: {"$ref": f"#/components/headers/{name}"} for name in _RATE_LIMIT}
    return headers


def _patch(shape: Node) -> Node:
    """Describe a merge patch (RFC 7396): the same fields, none required, null to remove one."""
    properties = {
        name: {key: value for key, value in field.items() if key not in ("default", "examples")}
        for name, field in shape["properties"].items()
    }
    optional = {
        name: field if _takes_null(field) or name in shape.get("required", []) else _or_null(field)
        for name, field in properties.items()
    }
    return {
        "type": "object",
        "additionalProperties": False,
        "description": f"Changes: {shape.get('description', '')}",
        "properties": optional,
    }


def _takes_null(field: Node) -> bool:
    return {"type": "null"} in field.get("anyOf", [])


def _or_null(field: Node) -> Node:
    described = {"description": field["description"]} if "description" in field else {}
    inner = {key: value for key, value in field.items() if key != "description"}
    return {**described, "anyOf": [inner, {"type": "null"}]}
