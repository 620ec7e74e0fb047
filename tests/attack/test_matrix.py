"""Every operation × every caller × both doors: what the policy says happens, nothing leaks.

The operations are those of the OpenAPI document, and their twins in GraphQL. What is
expected is worked out here from the tables below, which say the policy in words, not from
its code.
"""

import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
from joserfc.jwk import RSAKey

from tests.attack.operations import TENANT, Request, requests_about
from tests.build import Build
from tests.calling import client
from tests.conftest import Tenant
from tests.feeds.feeding import fed
from tests.graphql.twins import TWINS, Told, ask_twin
from tests.group import BELONGING, LED_BY, UNIT_OF, Group, Json, sees
from tests.identity.issuer import Issuer, agree, make_key, sign
from tests.identity.recognising import b64, claims_of
from tests.imports.working import submitted
from tests.webhooks.kept import told

_READS = {"read", "read_organisation"}
_WORKS = _READS | {"check_in", "plan"}
_PLANS = _WORKS | {"edit_units"}
_ADMINISTERS = _PLANS | {"edit_people", "administer", "read_audit", "own_keys"}
# the others are members; all who sign in have keys of their own
_OF_ROLE = {
    "guest": _READS | {"own_keys"},
    "planner": _PLANS | {"own_keys"},
    "admin": _ADMINISTERS,
}
_OF_MEMBERS = _WORKS | {"own_keys"}
_OF_SCOPE = {
    "read": _READS,
    "check_in": {"check_in"},
    "organisation": {"read_organisation", "edit_units", "edit_people"},
    "plan": _PLANS,
    "admin": _ADMINISTERS,
}
# Of a key that reads, nothing private is seen; of one that plans or reports, everything.
_SEEING_ALL = {"check_in", "plan", "admin"}


@dataclass(frozen=True)
class _Expected:
    """What a caller is to get: these statuses, or any that says that it was let through."""

    statuses: frozenset[int] | None = None

    def is_met_by(self, status: int) -> bool:
        if self.statuses is not None:
            return status in self.statuses
        # A stale If-Match, or the state of things, may still stop who is let through.
        return status not in (401, 403, 404) and status < 500


_LET_THROUGH = _Expected()
_REFUSED = _Expected(frozenset({403}))
_NOT_THERE = _Expected(frozenset({404}))
# An admin sent it: others see it who plan everything.
_OF_SENDERS = {"get_import", "cancel_import"}
# Who has keys of their own has a calendar; those of others are the admins'.
_OF_ONESELF = {"create_calendar", "delete_calendar"}
# Of a reading nobody can tell what private key result it is about.
_OF_ALL_SEEING = {"get_feed_reading"}
# What takes several at once names by its place the one that is not there; in GraphQL by its code.
_OF_SEVERAL = {"record_check_ins", "simulate"}
_NOT_THERE_AT_ITS_PLACE = _Expected(frozenset({422, 404}))

Door = Callable[[httpx.AsyncClient, Request], Awaitable[Told]]


async def _over_rest(calling: httpx.AsyncClient, request: Request) -> Told:
    answer = await calling.request(request.method, request.path, **request.given)
    return Told(answer.status_code, f"{answer.text} {answer.headers}")


_DOORS: dict[str, Door] = {"rest": _over_rest, "graphql": ask_twin}
_through_both_doors = pytest.mark.parametrize("door", _DOORS)


def _requests(door: str, group: Group, name: str, kept: Json) -> list[Request]:
    """Return a request of every operation that a door has."""
    found = requests_about(group, name, kept)
    return [one for one in found if door == "rest" or one.operation in TWINS]


def _expected(
    request: Request,
    permissions: set[str],
    *,
    seen: bool,
    writes: bool,
    everywhere: bool,
    sees_all: bool,
) -> _Expected:
    # Who may not keep feeds is refused whatever they name.
    of_feeds = "feed" in request.operation and not (request.reads or everywhere)
    if request.permission not in permissions or of_feeds:
        return _REFUSED
    if request.names_objective and not seen:
        return _NOT_THERE_AT_ITS_PLACE if request.operation in _OF_SEVERAL else _NOT_THERE
    of_admins = request.permission == "own_keys" and "administer" not in permissions
    of_others = request.operation in _OF_SENDERS and not everywhere
    hidden = request.operation in _OF_ALL_SEEING and not sees_all
    if of_admins or of_others or hidden:
        return _LET_THROUGH if request.path == "/v1/api-keys" else _NOT_THERE
    if request.reads or everywhere or request.operation == "import_file":  # judged row by row
        return _LET_THROUGH
    if request.about == TENANT:
        return _REFUSED
    return _LET_THROUGH if writes else _REFUSED


def _of_person(person: str, name: str, request: Request) -> _Expected:
    if request.operation in _OF_ONESELF:  # they name mai
        return _LET_THROUGH if person in ("mai", "admin") else _REFUSED
    unit, owner = BELONGING[name]
    leads = unit in LED_BY.get(person, set())
    owns = person == owner
    if request.operation == "create_objective":  # into `sales`, without an owner
        owns, leads = False, "sales" in LED_BY.get(person, set())
    return _expected(
        request,
        _OF_ROLE.get(person, _OF_MEMBERS),
        seen=sees(person, name),
        writes=leads or owns,
        everywhere=person in ("planner", "admin"),
        sees_all=person in ("planner", "admin"),
    )


def _of_scope(scope: str, name: str, request: Request) -> _Expected:
    seen = scope in _SEEING_ALL or name == "under board"
    return _expected(
        request,
        _OF_SCOPE[scope],
        seen=seen,
        writes=True,
        everywhere=True,
        sees_all=scope in _SEEING_ALL,
    )


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """Run an issuer."""
    running = Issuer()
    yield running
    running.down()


@pytest.fixture
async def kept(build: Build) -> Json:
    """Make what an admin keeps, one of each; returns their ids by kind."""
    issuer = {"issuer": "http://127.0.0.1:1", "audience": "okr"}
    made = {
        "api-keys": await build.post("api-keys", name="A", scopes=["read"]),
        "identity-providers": await build.post("identity-providers", name="A", **issuer),
    }
    event = (await build.get("audit-events?limit=1"))["data"][0]
    made["imports"] = await submitted(build.rest, "objective\nNEW\n", "dry_run")
    made |= await fed(build)
    made |= await told(build)
    return {kind: row["id"] for kind, row in made.items()} | {"audit-events": event["id"]}


async def _attacked(
    calling: httpx.AsyncClient,
    door: str,
    requests: list[Request],
    expected: Callable[[Request], _Expected],
) -> AsyncIterator[tuple[Request, Told]]:
    """Send every request, those expected to be refused first, and hold each answer against it."""
    requests.sort(key=lambda request: (expected(request) == _LET_THROUGH, not request.reads))
    for request in requests:
        told = await _DOORS[door](calling, request)
        assert expected(request).is_met_by(told.status), (
            request.operation,
            expected(request),
            told,
        )
        yield request, told


@_through_both_doors
@pytest.mark.parametrize("name", ["under board", "secret"])
@pytest.mark.parametrize("person", UNIT_OF)
async def test_a_person_gets_what_the_policy_says(
    group: Group, kept: Json, person: str, name: str, door: str
) -> None:
    requests = _requests(door, group, name, kept)
    async with group.calling(person) as calling:
        sent = _attacked(calling, door, requests, lambda one: _of_person(person, name, one))
        assert len([one async for one in sent]) >= 75


@_through_both_doors
@pytest.mark.parametrize("name", ["under board", "secret"])
@pytest.mark.parametrize("scope", _OF_SCOPE)
async def test_an_integration_gets_what_its_scope_is_for(
    group: Group, kept: Json, scope: str, name: str, door: str
) -> None:
    made = await group.build.post("api-keys", name="A", scopes=[scope])
    requests = _requests(door, group, name, kept)
    async with client(group.app, made["key"]) as calling:
        sent = _attacked(calling, door, requests, lambda one: _of_scope(scope, name, one))
        assert len([one async for one in sent]) >= 75


@_through_both_doors
async def test_the_key_of_another_tenant_finds_nothing(
    group: Group, kept: Json, other_tenant: Tenant, door: str
) -> None:
    """An admin there, it is nobody here: what it names is not there, what it lists is its own."""
    own = [row["id"] for name in BELONGING for row in group.of(name)]
    own += [row["id"] for rows in (group.units, group.people) for row in rows.values()]
    own += [group.cycle["id"], *kept.values(), str(group.tenant_id), " of under board"]

    def expected(request: Request) -> _Expected:
        if request.permission == "operate":
            return _REFUSED
        if request.operation in _OF_SEVERAL:
            return _NOT_THERE_AT_ITS_PLACE
        return _NOT_THERE if request.names_rows else _LET_THROUGH

    async with client(group.app, other_tenant.key) as calling:
        requests = _requests(door, group, "under board", kept)
        async for request, told in _attacked(calling, door, requests, expected):
            for text in own:
                asked = text in request.path or text in str(request.body)
                assert asked or text not in told.text, (request.operation, text)


@pytest.mark.usefixtures("group")
async def test_external_ids_of_another_tenant_are_free_and_unknown(
    other_rest: httpx.AsyncClient,
) -> None:
    for kind in ("objectives", "key-results"):
        answer = await other_rest.get(f"/v1/{kind}/external:O-open")
        assert answer.status_code == 404
    for query in (
        "objectives?parent_id=external:O-open",
        "check-ins?key_result_id=external:O-open/KR",
    ):
        assert (await other_rest.get(f"/v1/{query}")).json()["data"] == []
    made = await other_rest.put("/v1/units/external:O-open", json={"name": "Mine"})
    assert made.status_code == 201


@_through_both_doors
async def test_nothing_is_told_without_a_credential(group: Group, kept: Json, door: str) -> None:
    refused = _Expected(frozenset({401}))
    requests = _requests(door, group, "under board", kept)
    async with client(group.app, "none") as calling:
        calling.headers.pop("Authorization")
        async for request, told in _attacked(calling, door, requests, lambda _: refused):
            assert '"code":"missing-credential"' in told.text, request
            assert 'Bearer realm="okr-service"' in told.text
            assert "invalid_token" not in told.text


def _forged(issuer: Issuer) -> dict[str, str]:
    """Return tokens that a good issuer's are turned into, or that another made, by their flaw."""
    claims = {**claims_of(issuer), "sub": "E-1"}
    _, _, signature = issuer.token().split(".")
    [(kid, (_, key))] = issuer.keys.items()
    assert isinstance(key, RSAKey)

    def begun(alg: str) -> str:
        return f"{b64({'alg': alg, 'typ': 'at+jwt', 'kid': kid})}.{b64(claims)}"

    secret = key.as_pem(private=False)  # the public key, taken for a secret
    by_secret = hmac.new(secret, begun("HS256").encode(), hashlib.sha256).digest()
    by_another = sign({"alg": "RS256", "typ": "at+jwt", "kid": kid}, claims, make_key("RS256"))
    return {
        "expired": issuer.token({"exp": 1}),
        "of another issuer": issuer.token({"iss": "http://127.0.0.1:1"}),
        "for another audience": issuer.token({"aud": "payroll"}),
        "unsigned": f"{begun('none')}.",
        "signed with the public key": f"{begun('HS256')}.{b64(by_secret)}",
        "signed by another": by_another,
        "signed for other claims": f"{begun('RS256')}.{signature}",
        "an ID token": issuer.token(header={"typ": "JWT"}, without=("client_id", "scope")),
    }


@_through_both_doors
async def test_forged_tokens_open_nothing(
    group: Group, kept: Json, issuer: Issuer, door: str
) -> None:
    await group.build.person(external_id="E-1")
    await agree(group.build.rest, issuer, roles={"staff": "admin"}, role_claim="roles")
    async with client(group.app, issuer.token({"roles": ["staff"]})) as calling:
        assert (await calling.get("/v1/api-keys")).status_code == 200  # so the flaw decides
    refused = _Expected(frozenset({401}))
    requests = _requests(door, group, "under board", kept)
    for flaw, token in _forged(issuer).items():
        async with client(group.app, token) as calling:
            async for request, told in _attacked(calling, door, requests, lambda _: refused):
                assert '"code":"invalid-token"' in told.text, (flaw, request.operation)
                assert 'error="invalid_token"' in told.text, (flaw, request.operation)


@_through_both_doors
async def test_what_is_refused_leaves_no_trace(group: Group, kept: Json, door: str) -> None:
    """All that the refused have sent so far has changed nothing, and left no event."""

    async def events() -> int:
        page = await group.build.get("audit-events?count=exact&limit=1")
        total: int = page["page"]["total"]
        return total

    before = await events()
    async with group.calling("guest") as calling:
        refused = _Expected(frozenset({403}))
        for request in _requests(door, group, "under board", kept):
            if not request.reads and request.permission != "own_keys":
                told = await _DOORS[door](calling, request)
                assert refused.is_met_by(told.status), request
    assert await events() == before
