"""Any history of edits leaves every stored figure as fractions have it."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.build import Build
from tests.conftest import ISSUING, Tenant
from tests.rollup import stored
from tests.rollup.edits import Edited

from okr_service.access.policy import Principal, Scope, granted
from okr_service.credentials.tenants import found_with_key
from okr_service.kernel.database import Database

_histories = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=True,
)


@settings(_histories, max_examples=40)
@given(data=st.data())
async def test_any_history_of_edits_equals_recomputing(
    database: Database, data: st.DataObject
) -> None:
    await _live_through(database, data, 30)


@pytest.mark.slow
@settings(_histories, max_examples=200)
@given(data=st.data())
async def test_any_long_history_of_edits_equals_recomputing(
    database: Database, data: st.DataObject
) -> None:
    await _live_through(database, data, 80)


async def _live_through(database: Database, data: st.DataObject, edits: int) -> None:
    async with database.transaction() as tx:
        tenant, _ = await found_with_key(tx, "Test", ISSUING)
    edited = Edited(
        database, Principal(tenant.tenant_id, "test", granted([Scope.ADMIN]), "test"), data
    )
    await edited.begin()
    for _ in range(edits):
        await edited.edit()
        async with database.reading() as connection:
            found = await stored.figures(connection, tenant.tenant_id)
        assert found == edited.model.figures()
    await stored.assert_right(database, tenant.tenant_id)


async def test_a_value_from_before_the_metric_was_boolean_is_rounded_too(
    database: Database, tenant: Tenant, build: Build
) -> None:
    key_result = await build.key_result(target_value="3")
    await build.check_in(key_result, "0.12345678")
    boolean = {"metric": "boolean", "start_value": None, "target_value": None}

    answer = await build.rest.patch(f"/v1/key-results/{key_result['id']}", json=boolean)

    assert answer.json()["progress"] == 0.123457
    await stored.assert_right(database, tenant.tenant_id)
