"""League tables: the units directly beneath one, by progress."""

from tests.build import Json
from tests.scorecards.group import Group


def places(league: Json) -> list[tuple[int | None, str, float | None]]:
    return [(one["rank"], one["unit"]["name"], one["progress"]) for one in league["data"]]


async def test_equals_share_a_rank_and_the_unmeasured_have_none(group: Group) -> None:
    for name, value in [("D", 50), ("C", 50), ("B", None), ("A", None), ("E", 10), ("F", 0)]:
        unit = await group.build.unit(name=name, parent_id=group.sales["id"])
        await group.objective(unit, value)
    await group.objective(await group.build.unit(name="G", parent_id=group.sales["id"]), 90)

    league = await group.league(group.sales)

    assert places(league) == [
        (1, "G", 0.9),
        (2, "C", 0.5),
        (2, "D", 0.5),
        (4, "E", 0.1),
        (5, "F", 0),
        (None, "A", None),
        (None, "B", None),
    ]


async def test_it_is_of_the_units_directly_beneath_and_shows_their_cards(group: Group) -> None:
    beneath = await group.build.unit(name="Shop", parent_id=group.works["id"])
    for unit, value in [(group.company, 10), (group.works, 20), (beneath, 90)]:
        await group.objective(unit, value)

    league = await group.league(group.company)

    card = await group.card(group.company, depth=1)
    assert (league["unit"], league["cycle"]) == (card["unit"], card["cycle"])
    assert places(league) == [(1, "Works", 0.2), (None, "Sales", None)]
    for ranked, beneath in zip(league["data"], reversed(card["sub_units"]), strict=True):
        assert {**ranked, "sub_units": []} == {**beneath, "rank": ranked["rank"]}


async def test_where_nothing_is_beneath_it_is_empty(group: Group) -> None:
    assert (await group.league(group.works))["data"] == []
