"""Any sequence of PATCHes leaves what a PUT of its result leaves, and no more than SCIM keeps."""

from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import new_tenant
from tests.scim.calling import CORE_USER, ENTERPRISE, Json, Scim, calling, patching

from okr_service.kernel.database import Database

_Operation = dict[str, Any]
_words = st.sampled_from(["Mai", "An", "Lê Văn An", "x@sao.vn", "y@sao.vn"])
_addresses = st.sampled_from(["x@sao.vn", "y@sao.vn", "z@sao.vn"])
_types = st.sampled_from(["work", "home"])
_departments = st.sampled_from(["Sales", "Kế toán"])
_SINGLE = {
    "title": _words,
    "displayName": _words,
    "externalId": _words,
    "name.familyName": _words,
    "name.givenName": _words,
    "name.formatted": _words,
    f"{ENTERPRISE}:employeeNumber": _words,
    f"{ENTERPRISE}:department": _departments,
}
_emails = st.lists(
    st.fixed_dictionaries({"value": _addresses, "type": _types}), max_size=2, unique_by=str
)


def _of_single(path: str) -> st.SearchStrategy[_Operation]:
    setting = st.fixed_dictionaries(
        {
            "op": st.sampled_from(["add", "replace", "Add", "Replace"]),
            "path": st.just(path),
            "value": _SINGLE[path],
        }
    )
    return setting | st.just({"op": "remove", "path": path})


_operations: st.SearchStrategy[_Operation] = st.one_of(
    *map(_of_single, _SINGLE),
    st.fixed_dictionaries({"op": st.just("replace"), "path": st.just("userName"), "value": _words}),
    st.fixed_dictionaries(
        {
            "op": st.just("replace"),
            "value": st.fixed_dictionaries(
                {}, optional={"active": st.booleans(), "title": _words, "name.givenName": _words}
            ),
        }
    ),
    st.fixed_dictionaries({"op": st.just("add"), "path": st.just("emails"), "value": _emails}),
    st.fixed_dictionaries({"op": st.just("replace"), "path": st.just("emails"), "value": _emails}),
    st.builds(
        lambda type_, value: {
            "op": "Replace",
            "path": f'emails[type eq "{type_}"].value',
            "value": value,
        },
        _types,
        _addresses,
    ),
    st.just({"op": "Remove", "path": 'emails[type eq "work"]'}),
    st.just({"op": "remove", "path": ENTERPRISE}),
)
_START: Json = {
    "userName": "mai",
    "displayName": "Mai",
    "title": "A",
    "name": {"familyName": "Lê"},
    ENTERPRISE: {"department": "Sales", "employeeNumber": "NV-1"},
}


@pytest.fixture
async def tenants(app: FastAPI, database: Database) -> list[Scim]:
    """Found two tenants with the same two departments."""
    found = []
    for _ in range(2):
        tenant = await new_tenant(database)
        scim = Scim(calling(app, tenant.key))
        for name in ("Sales", "Kế toán"):
            await scim.group(name)
        found.append(scim)
    return found


def _said(user: Json) -> Json:
    """Return a user without what each tenant has of its own."""
    return {k: v for k, v in user.items() if k not in ("id", "meta", "groups", "schemas")}


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.lists(_operations, min_size=1, max_size=3), min_size=1, max_size=5))
async def test_patches_leave_what_a_put_of_their_result_leaves(
    tenants: list[Scim], requests: list[list[_Operation]]
) -> None:
    patched, replaced = tenants
    ids = [(await each.post("/Users", schemas=[CORE_USER], **_START))["id"] for each in tenants]
    for operations in requests:
        answer = await patched.client.patch(f"/Users/{ids[0]}", json=patching(*operations))
        assert answer.status_code in (204, 400), answer.text
    result = await patched.get(f"/Users/{ids[0]}")
    nothing: Json = {"department": None, "employeeNumber": None}
    body = {"schemas": [CORE_USER], **_said(result)}
    body[ENTERPRISE] = {**nothing, **result.get(ENTERPRISE, {})}
    assert _said(await replaced.put(f"/Users/{ids[1]}", body)) == _said(result)
    again = await replaced.get(f"/Users/{ids[1]}")
    assert await replaced.put(f"/Users/{ids[1]}", body) == again, "and again changes nothing"
    for each, user_id in zip(tenants, ids, strict=True):
        assert (await each.client.delete(f"/Users/{user_id}")).status_code == 204
