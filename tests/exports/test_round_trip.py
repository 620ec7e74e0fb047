"""Whatever is there comes back from a file as it is."""

from decimal import Decimal
from uuid import uuid4

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.build import Build
from tests.exports.test_plan import assert_unchanged

from okr_service.imports.harmless import harmless, meant

_letters = st.characters(exclude_categories=["Cs", "Cc"])
_starts = st.sampled_from(
    ["", "=", "'=", "''+", "-", "@", "\t=", "'", "a", " ", "＝", "1.234", "|"]
)
_ends = st.sampled_from(["", " ", "\r\nx", '"', ",", ";", "e\u0323\u0302", "🧱", " (1)", "/"])
_texts = st.tuples(_starts, st.text(_letters, max_size=20), _ends).map("".join)
_titles = _texts.filter(lambda text: text.strip())
_codes = _texts.filter(lambda text: 0 < len(text) <= 60 and "\0" not in text)
_figures = st.decimals(
    min_value=-(10**20) + 1, max_value=10**20 - 1, places=10, allow_nan=False
) | st.sampled_from([Decimal("1.234"), Decimal("-12.345"), Decimal(1234), Decimal("0.125")])


@given(st.text(max_size=8) | _texts)
def test_a_text_is_no_formula_and_is_what_it_was(text: str) -> None:
    cell = harmless(text)
    assert meant(cell) == text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "|", "＝"))


@settings(
    max_examples=5,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
async def test_an_export_is_read_back_unchanged(build: Build, data: st.DataObject) -> None:
    draw, tag = data.draw, uuid4().hex[:12]
    coded = draw(st.booleans())
    unit = await build.unit(**({"external_id": draw(_codes) + tag} if coded else {}))
    owner = await build.person(
        name=draw(_titles),
        **draw(st.sampled_from([{}, {"external_id": f"NV{tag}"}, {"external_id": f"N(V){tag}"}])),
    )
    cycle = await build.cycle(
        code=f"C{tag}"[:40], **draw(st.sampled_from([{}, _MONTHS_OF_TWO_YEARS]))
    )
    code = draw(_codes) + tag
    objective = await build.objective(
        title=draw(_titles),
        description=draw(_texts),
        unit_id=unit["id"],
        owner_id=owner["id"],
        cycle_id=cycle["id"],
        **({"external_id": code} if draw(st.booleans()) else {}),
    )
    target = draw(_figures)
    key_result = await build.key_result(
        objective,
        title=draw(_titles),
        description=draw(_texts),
        metric="at_least",
        target_value=f"{target:f}",
        unit_of_measure=draw(st.sampled_from([None, "%", "tỷ đồng", "=1+1"])),
        plan=[
            {"date": day, "value": f"{draw(_figures):f}"}
            for day in sorted(draw(st.sets(st.sampled_from(_DAYS), max_size=4)))
        ],
        **draw(st.sampled_from([{}, {"external_id": f"{code}/KR1"}, {"external_id": f"K{tag}"}])),
    )
    if draw(st.booleans()):
        await build.check_in(key_result, f"{draw(_figures):f}")
    steps = draw(st.lists(_titles, max_size=3))
    if steps:
        plan = await build.action_plan(key_result)
    for title in steps:
        await build.action(plan, title=title, note=draw(_texts))
    rows = await _rows(build)
    await assert_unchanged(build, rows, lang=draw(st.sampled_from(["vi", "en"])))


_DAYS = ["2026-01-31", "2026-02-28", "2026-03-15", "2026-12-31"]
_MONTHS_OF_TWO_YEARS = {"start_date": "2025-02-10", "end_date": "2026-12-31"}


async def _rows(build: Build) -> int:
    """Return how many rows there are: one for each action, or key result, or objective."""
    lines = (await build.rest.get("/v1/exports/plan.ndjson")).text
    return len(lines.splitlines())
