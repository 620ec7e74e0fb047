"""The alignment tree as it is drawn."""

from dataclasses import replace
from decimal import Decimal
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pictures.drawn import Drawn, hostile_text

from okr_service.kernel.messages import Language
from okr_service.pictures.shapes import TreeNode
from okr_service.pictures.theme import COLOURS, Theme
from okr_service.pictures.tree import draw_tree

_LEAF = TreeNode(
    title="Open 40 dealers",
    unit="Sales",
    owner="Hoa",
    state="active",
    progress=Decimal("0.43125"),
    expected_progress=Decimal("0.5"),
    health="behind",
    weight=Decimal(1),
    confidence="at_risk",
    children=(),
    children_left=0,
)


def drawn(root: TreeNode, language: Language = "en", theme: Theme = "light") -> Drawn:
    return Drawn(draw_tree(root, language, theme))


def full(levels: int, fan_out: int) -> TreeNode:
    below = (full(levels - 1, fan_out),) * fan_out if levels > 1 else ()
    return replace(_LEAF, children=below)


def parent_of(*titles: str, left: int = 0) -> TreeNode:
    children = tuple(replace(_LEAF, title=title) for title in titles)
    return replace(_LEAF, title="Grow", children=children, children_left=left)


def luminance(colour: str) -> float:
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Compute the contrast ratio of WCAG 2.2."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_a_box_says_what_is_wanted_by_whom_and_how_far_it_is() -> None:
    assert drawn(_LEAF).texts()[:-1] == ["Open 40 dealers", "Sales · Hoa", "43.1 %", "behind"]


def test_every_node_of_a_small_tree_is_drawn() -> None:
    picture = drawn(parent_of("Sell", "Build", "Hire"))

    assert {"Grow", "Sell", "Build", "Hire"} <= set(picture.texts())
    assert len(picture.boxes()) == 4


def test_children_not_given_are_counted_in_a_box() -> None:
    assert "+ 37 more objectives" in drawn(parent_of("Sell", left=37)).texts()
    assert "+ 1 more objective" in drawn(parent_of("Sell", left=1)).texts()


@pytest.mark.parametrize(
    ("health", "english", "vietnamese"),
    [
        ("ahead", "ahead", "vượt tiến độ"),
        ("on_track", "on track", "đúng tiến độ"),
        ("behind", "behind", "chậm tiến độ"),
        ("at_risk", "at risk", "có rủi ro"),
    ],
)
def test_health_is_a_word_and_a_mark(health: str, english: str, vietnamese: str) -> None:
    root = replace(_LEAF, health=health)

    assert english in drawn(root).texts()
    assert vietnamese in drawn(root, "vi").texts()
    marks = drawn(root).all("polygon") + drawn(root).all("circle")
    assert [mark.get("class") for mark in marks] == [f"fill-{health}"]


@pytest.mark.parametrize(("language", "words"), [("en", "not measured"), ("vi", "chưa đo")])
def test_what_is_not_measured_is_said_once(language: Language, words: str) -> None:
    root = replace(_LEAF, progress=None, health="unmeasured")

    assert drawn(root, language).texts().count(words) == 1


@pytest.mark.parametrize(
    ("share", "english", "vietnamese"),
    [
        ("0.43125", "43.1 %", "43,1 %"),
        ("1", "100.0 %", "100,0 %"),
        ("0", "0.0 %", "0,0 %"),
        ("0.0005", "0.1 %", "0,1 %"),
    ],
)
def test_percentages_are_written_as_the_language_does(
    share: str, english: str, vietnamese: str
) -> None:
    root = replace(_LEAF, progress=Decimal(share))

    assert english in drawn(root).texts()
    assert vietnamese in drawn(root, "vi").texts()


def test_the_bar_is_as_long_as_progress_and_ticked_where_it_should_be() -> None:
    root = replace(_LEAF, progress=Decimal("0.25"), expected_progress=Decimal("0.5"))
    picture = drawn(root)

    (track,), (bar,) = picture.all("rect", "fill-track"), picture.all("rect", "fill-behind")
    tick = picture.all("rect", "fill-ink")[0]
    whole, start = float(track.attrib["width"]), float(track.attrib["x"])
    assert float(bar.attrib["width"]) == whole / 4
    assert float(tick.attrib["x"]) + 1 == start + whole / 2


@pytest.mark.parametrize(("state", "dashed"), [("draft", 1), ("cancelled", 1), ("closed", 0)])
def test_only_what_does_not_count_is_dashed_and_each_state_is_said(state: str, dashed: int) -> None:
    picture = drawn(replace(_LEAF, state=state))

    assert len(picture.all("rect", "dashed")) == dashed
    assert state in picture.texts()


def test_a_weight_is_said_where_it_is_not_one() -> None:
    child = replace(_LEAF, weight=Decimal("2.5000"))

    assert "×2,5" in drawn(replace(_LEAF, children=(child,)), "vi").texts()
    assert "×1" not in drawn(parent_of("Sell")).texts()


def test_a_long_title_has_two_lines_and_an_ellipsis_and_is_whole_in_the_tooltip() -> None:
    title = "Tăng trưởng bền vững, giữ vững vị thế dẫn đầu tại miền Trung – Tây Nguyên và cả nước"
    picture = drawn(replace(_LEAF, title=title))

    first, second = picture.texts()[:2]
    assert title.startswith(first)
    assert second.endswith("…")
    assert f"{first} {second[:-1]}" in title
    assert any((tip.text or "").startswith(f"{title} · weight ×1") for tip in picture.all("title"))


@pytest.mark.parametrize("word", ["W" * 300, "目标" * 150, "🚀" * 300])
def test_a_word_too_long_for_a_line_is_broken(word: str) -> None:
    first, second = drawn(replace(_LEAF, title=word)).texts()[:2]

    assert word.startswith(first)
    assert 5 < len(first) < 30
    assert second.endswith("…")


@settings(deadline=None)
@given(title=hostile_text, unit=hostile_text, owner=st.none() | hostile_text)
def test_any_text_makes_a_well_formed_picture(title: str, unit: str, owner: str | None) -> None:
    root = replace(_LEAF, title=title, unit=unit, owner=owner)

    assert len(drawn(replace(root, children=(root,))).boxes()) == 2


def test_markup_in_a_title_is_text() -> None:
    picture = drawn(replace(_LEAF, title="<script>&\x00\u202e'\""))

    assert picture.texts()[0] == "<script>&'\""
    assert not picture.all("script")


@pytest.mark.parametrize(
    "root",
    [
        full(1, 0),
        full(3, 3),
        full(5, 9),  # some 10,000 in all
        full(2, 10_000),
        full(32, 1),
        parent_of("Sell", left=10_000),
        replace(full(3, 30), title="&" * 500, unit="&" * 500, owner="\u0301" * 500),
    ],
)
def test_a_tree_of_any_size_stays_small_and_its_boxes_apart(root: TreeNode) -> None:
    picture = drawn(root)
    boxes = picture.boxes()

    assert len(boxes) <= 60
    assert picture.size() < 200_000
    assert picture.height() < 60 * 140
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]


@settings(deadline=None)
@given(
    st.recursive(
        st.just(_LEAF),
        lambda below: st.builds(
            lambda children, left: replace(_LEAF, children=tuple(children), children_left=left),
            st.lists(below, max_size=12),
            st.integers(0, 3),
        ),
        max_leaves=200,
    )
)
def test_what_is_drawn_and_what_is_left_out_are_all_there_is(root: TreeNode) -> None:
    texts = drawn(root).texts()

    more = sum(int(text.split()[1]) for text in texts if text.startswith("+ "))
    assert texts.count(_LEAF.title) + more == size(root)


def size(root: TreeNode) -> int:
    return 1 + root.children_left + sum(map(size, root.children))


def test_what_is_nearest_the_root_is_drawn_first() -> None:
    crowded = replace(full(3, 20), title="Crowded")
    picture = drawn(replace(_LEAF, children=(crowded, *parent_of("Sell", "Build").children)))

    assert {"Crowded", "Sell", "Build"} <= set(picture.texts())


def test_a_deep_tree_is_drawn_five_levels_deep() -> None:
    picture = drawn(full(32, 1))

    assert len(picture.boxes()) == 6
    assert "+ 27 more objectives" in picture.texts()


@pytest.mark.parametrize(
    ("theme", "light", "dark"), [("light", 1, 0), ("dark", 0, 1), ("auto", 1, 1)]
)
def test_the_paper_is_as_the_theme_says(theme: Theme, light: int, dark: int) -> None:
    text = drawn(_LEAF, theme=theme).text

    assert [f".fill-paper{{fill:{colour}}}" in text for colour in COLOURS["paper"]] == [light, dark]
    assert ("prefers-color-scheme: dark" in text) == (theme == "auto")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("ground", ["paper", "card"])
@pytest.mark.parametrize("ink", ["ink", "muted"])
def test_text_contrasts_with_what_is_behind_it(ink: str, ground: str, *, dark: bool) -> None:
    assert contrast(COLOURS[ink][dark], COLOURS[ground][dark]) >= 4.5


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("health", ["ahead", "on_track", "behind", "at_risk", "unmeasured"])
def test_bars_contrast_with_their_track(health: str, *, dark: bool) -> None:
    assert contrast(COLOURS[health][dark], COLOURS["track"][dark]) >= 3


def test_a_listener_is_told_what_is_drawn() -> None:
    picture = drawn(parent_of("Sell", left=3))

    assert 'role="img"' in picture.text
    assert 'lang="en"' in picture.text
    assert picture.all("title")[0].text == "Grow"
    assert [desc.text for desc in picture.all("desc")] == [
        "progress: 43.1 %, expected progress: 50.0 %, behind. objectives drawn: 2, left out: 3."
    ]
