"""The policy: one rule, whether asked in Python of a row or in SQL of rows; and its grants."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Uuid, literal, select

from okr_service.access.errors import NotPermitted
from okr_service.access.policy import (
    Permission,
    Principal,
    Role,
    Scope,
    Standing,
    granted,
    granted_to,
    require,
    require_everywhere,
    require_for,
    require_to_place,
)
from okr_service.kernel.database import Database
from okr_service.kernel.reach import EVERYTHING, NOWHERE, Reach

_FEW = [UUID(int=n) for n in range(1, 5)]
_ids = st.sampled_from(_FEW)
_reaches = st.builds(Reach, st.booleans(), st.frozensets(_ids), st.one_of(st.none(), _ids))
# What one caller has: they are one person, if any.
_of_one_caller = st.builds(
    Reach, st.booleans(), st.frozensets(_ids), st.sampled_from([None, _FEW[0]])
)
_standings = st.builds(
    Standing,
    st.just(_FEW[0]),
    st.sampled_from(Role),
    st.one_of(st.none(), _ids),
    st.frozensets(_ids),
)
_scopes = st.one_of(st.none(), st.sets(st.sampled_from(Scope)))


@given(
    rows=st.lists(st.tuples(_reaches, _ids, st.one_of(st.none(), _ids)), min_size=1, max_size=40)
)
async def test_asked_of_a_row_and_in_sql_it_is_the_same(
    database: Database, rows: list[tuple[Reach, UUID, UUID | None]]
) -> None:
    asked = [
        reach.condition(literal(unit, Uuid), literal(owner, Uuid)).label(f"asked_{n}")
        for n, (reach, unit, owner) in enumerate(rows)
    ]
    async with database.reading() as connection:
        found = (await connection.execute(select(*asked))).one()
    assert [*found] == [reach.covers(unit, [owner]) for reach, unit, owner in rows]


@given(one=_of_one_caller, other=_of_one_caller, unit=_ids, owner=_ids)
def test_a_reach_of_either_covers_what_one_of_them_does(
    one: Reach, other: Reach, unit: UUID, owner: UUID
) -> None:
    together = one | other
    either = one.covers(unit, [owner]) or other.covers(unit, [owner])
    assert either <= together.covers(unit, [owner])


@given(person=_standings, scopes=_scopes)
def test_scopes_narrow_a_person_and_add_nothing(
    person: Standing, scopes: set[Scope] | None
) -> None:
    whole, narrowed = granted_to(person, None), granted_to(person, scopes)
    assert all(whole[permission] == reach for permission, reach in narrowed.items())
    if scopes is not None:
        assert narrowed.keys() <= granted(scopes).keys()


@given(person=_standings)
def test_nobody_does_more_than_their_role(person: Standing) -> None:
    grants = granted_to(person, None)
    above = {Permission.ADMINISTER, Permission.EDIT_PEOPLE}
    assert bool(above & grants.keys()) == (person.role is Role.ADMIN)
    assert Permission.OPERATE not in grants
    everything = {p for p, reach in grants.items() if reach.everything}
    if person.role in (Role.VIEWER, Role.MEMBER):
        assert everything == {Permission.READ_ORGANISATION}
    writes = {Permission.PLAN, Permission.CHECK_IN}
    assert bool(writes & grants.keys()) == (person.role is not Role.VIEWER or bool(person.led))


def _member(led: frozenset[UUID] = frozenset()) -> Principal:
    standing = Standing(_FEW[0], Role.MEMBER, _FEW[1], led)
    return Principal(
        _FEW[3], "test", granted_to(standing, None), "test", standing.person_id, standing.unit_id
    )


def test_a_member_puts_what_is_theirs_into_the_unit_they_are_of() -> None:
    me, my_unit, another = _FEW[0], _FEW[1], _FEW[2]
    require_to_place(_member(), Permission.PLAN, my_unit, me)
    for unit, owner in ((my_unit, None), (my_unit, _FEW[3]), (another, me)):
        with pytest.raises(NotPermitted):
            require_to_place(_member(), Permission.PLAN, unit, owner)
    require_to_place(_member(frozenset({another})), Permission.PLAN, another, None)


def test_what_is_asked_for_must_be_granted_that_far() -> None:
    member = _member()
    require(member, Permission.PLAN)
    require_for(member, Permission.PLAN, _FEW[2], None, member.person_id)
    with pytest.raises(NotPermitted):
        require_everywhere(member, Permission.PLAN)
    with pytest.raises(NotPermitted):
        require_for(member, Permission.PLAN, _FEW[2], None, None)
    with pytest.raises(NotPermitted):
        require(member, Permission.ADMINISTER)


def test_sight_is_as_far_as_one_may_act() -> None:
    def sight(*scopes: Scope) -> Reach:
        return Principal(_FEW[0], "test", granted(scopes), "test").sight

    assert sight(Scope.READ) == sight(Scope.ORGANISATION) == sight(Scope.OPERATE) == NOWHERE
    assert sight(Scope.PLAN) == sight(Scope.CHECK_IN) == sight(Scope.ADMIN) == EVERYTHING
