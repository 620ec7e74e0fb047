"""An auditor with nothing but an export and the recipe comes to the same hashes.

`recomputed` uses none of our code: it is what the recipe says, in plain Python.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.audit.walked import assert_chained
from tests.build import Build
from tests.conftest import Tenant

from okr_service.access.policy import Principal
from okr_service.audit.reads import exported
from okr_service.audit.service import Change, record_all
from okr_service.kernel.database import Database
from okr_service.kernel.model import new_id
from okr_service.organisation import model as organisation


def text(value: Any) -> str:
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda m: (len(m[0].encode()), m[0].encode()))
        return "{" + ", ".join(f"{text(k)}: {text(v)}" for k, v in members) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(text(item) for item in value) + "]"
    return f"{value:f}" if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def recomputed(lines: Iterable[str], tenant_id: str) -> int:
    """Fail where a line of an export is not what its hash says; returns how many there are."""
    events = [json.loads(line, parse_float=Decimal) for line in lines]
    last: dict[int, tuple[int, bytes]] = {}
    for e in sorted(events, key=lambda e: (e["lane"], e["place"])):
        place, previous = last.get(e["lane"], (0, b""))
        assert e["place"] == place + 1
        at = datetime.fromisoformat(e["occurred_at"]).astimezone(UTC)
        said = [e["before"], e["after"]]
        if e["personal_digest"]:
            salted = bytes.fromhex(e["personal_salt"] or "") + text(said).encode()
            assert e["erased"] or hashlib.sha256(salted).hexdigest() == e["personal_digest"]
            said = [None, None]
        names = ["actor_id", "credential", "request_id", "action", "subject", "subject_id"]
        covered = [tenant_id, e["lane"], e["place"], e["id"], f"{at:%Y-%m-%dT%H:%M:%S.%fZ}"]
        covered += [*(e[name] for name in names), *said, e["personal_digest"]]
        last[e["lane"]] = e["place"], hashlib.sha256(previous + text(covered).encode()).digest()
        assert last[e["lane"]][1].hex() == e["hash"], e
    return len(events)


async def test_an_export_verifies_by_the_recipe(build: Build, tenant: Tenant) -> None:
    key_result = await build.key_result(weight=2.5, plan=[{"date": "2026-03-31", "value": "1e3"}])
    await build.check_in(key_result, "0.1", comment='Vượt "kế hoạch"\n\t\\ \x7f \u2028 😀')
    kept = await build.person(name="Nguyễn Thị Mai", email="mai@sao-mai.vn")
    await build.rest.patch(f"/v1/people/{kept['id']}", json={"job_title": "Kế toán"})
    gone = await build.person(name="Trần Văn Ba")
    await build.post(f"people/{gone['id']}:erase")

    export = (await build.rest.get("/v1/audit-events:export")).text

    assert recomputed(export.split("\n")[:-1], str(tenant.tenant_id)) == 9
    assert "Trần Văn Ba" not in export


_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(-(10**20), 10**20, places=10)
    | st.datetimes()
    | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=8,
)
_said = st.none() | st.dictionaries(_texts, _values, max_size=5)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    said=st.lists(st.tuples(_said, _said, st.sampled_from(["unit", "person"])), max_size=5),
    words=st.tuples(_texts, _texts, _texts),
)
async def test_whatever_is_recorded_verifies(
    database: Database,
    said: list[tuple[Any, Any, str]],
    words: tuple[str, str, str],
) -> None:
    async with database.transaction() as tx:
        made = organisation.Tenant(tenant_id=new_id(), name="Test")
        tx.add(made)
        await tx.flush()
        who = Principal(made.tenant_id, words[0], {}, words[1], new_id())
        changes = [
            Change(words[2], subject, new_id(), before, after) for before, after, subject in said
        ]
        await record_all(tx, who, changes)

    assert (await assert_chained(database, made.tenant_id)).events == len(said)
    export = b"".join([part async for part in exported(database, made.tenant_id, [])]).decode()
    assert recomputed(export.split("\n")[:-1], str(made.tenant_id)) == len(said)
