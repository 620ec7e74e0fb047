"""The alignment tree: a box for each objective, parents left of their children."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest

import svg

from okr_service.kernel.messages import Language
from okr_service.pictures.box import MORE_HEIGHT, WIDTH, draw_box, draw_key, draw_more
from okr_service.pictures.lettering import label, wrapped
from okr_service.pictures.shapes import TreeNode
from okr_service.pictures.theme import TINY, Theme, picture
from okr_service.pictures.words import factor, percent, word

_MOST_BOXES, _MOST_LEVELS = 60, 5
_MARGIN, _GAP_BELOW, _GAP_RIGHT = 24, 14, 64
_JOINT = MORE_HEIGHT // 2  # how far below the top of a box its connectors end
_BEND = 14  # how far right of a parent its connectors turn


def draw_tree(root: TreeNode, language: Language, theme: Theme) -> str:
    """Draw an objective and what is beneath it: at most 60 boxes, the nearest to it first."""
    drawing = _Drawing(language)
    right, bottom = drawing.branch(_chosen(root), _MARGIN, _MARGIN)
    key = draw_key(_MARGIN, bottom + _MARGIN, language)
    return picture(
        root.title,
        drawing.description(root),
        (right + _MARGIN, bottom + 2 * _MARGIN),
        language,
        theme,
        [*drawing.elements, key],
    )


@dataclass
class _Branch:
    """A node that is drawn, and those of its children that are."""

    node: TreeNode
    children: list["_Branch"] = field(default_factory=list)

    def undrawn(self) -> tuple[TreeNode, ...]:
        return self.node.children[len(self.children) :]

    def boxes(self) -> int:
        says_more = len(self.children) < len(self.node.children) or self.node.children_left > 0
        return 1 + says_more + sum(child.boxes() for child in self.children)


def _chosen(root: TreeNode) -> _Branch:
    """Choose what is drawn: level by level, a child of each parent in turn."""
    trunk = _Branch(root)
    level = [trunk]
    for _ in range(_MOST_LEVELS - 1):
        grown: list[_Branch] = []
        for parent, child in _in_turns(level):
            parent.children.append(_Branch(child))
            if trunk.boxes() > _MOST_BOXES:
                parent.children.pop()
                return trunk
            grown.append(parent.children[-1])
        level = grown
    return trunk


def _in_turns(level: list[_Branch]) -> Iterator[tuple[_Branch, TreeNode]]:
    families = [[(branch, child) for child in branch.node.children] for branch in level]
    return (pair for turn in zip_longest(*families) for pair in turn if pair)


def _count(nodes: Iterable[TreeNode]) -> int:
    """Count nodes and all beneath them."""
    counted, waiting = 0, list(nodes)
    while waiting:
        node = waiting.pop()
        counted += 1 + node.children_left
        waiting.extend(node.children)
    return counted


class _Drawing:
    """What is drawn so far, and how much of it there is."""

    def __init__(self, language: Language) -> None:
        self.elements: list[svg.Element] = []
        self._language: Language = language
        self._drawn = self._left_out = 0

    def branch(self, branch: _Branch, x: int, y: int) -> tuple[int, int]:
        """Draw a node and what is beneath it; return how far right and down that reaches."""
        box, bottom = draw_box(branch.node, x, y, self._language)
        self.elements.append(box)
        self._drawn += 1
        right, beneath, free = x + WIDTH, x + WIDTH + _GAP_RIGHT, y
        for child in branch.children:
            self._connect(x + WIDTH, y, free)
            self._weigh(child.node, beneath, free)
            reach = self.branch(child, beneath, free)
            right, bottom = max(right, reach[0]), max(bottom, reach[1])
            free = reach[1] + _GAP_BELOW
        if left_out := branch.node.children_left + _count(branch.undrawn()):
            self._connect(x + WIDTH, y, free)
            self.elements.append(draw_more(left_out, beneath, free, self._language))
            self._left_out += left_out
            right, bottom = max(right, beneath + WIDTH), max(bottom, free + MORE_HEIGHT)
        return right, bottom

    def description(self, root: TreeNode) -> str:
        """Say what the picture shows."""
        language = self._language
        return (
            f"{word('progress', language)}: {percent(root.progress, language)}, "
            f"{word('expected', language)}: {percent(root.expected_progress, language)}, "
            f"{word(root.health, language)}. "
            f"{word('drawn', language)}: {self._drawn}, "
            f"{word('left out', language)}: {self._left_out}."
        )

    def _connect(self, x: int, parent_y: int, child_y: int) -> None:
        self.elements.append(
            svg.Path(
                d=[
                    svg.M(x, parent_y + _JOINT),
                    svg.h(_BEND),
                    svg.V(child_y + _JOINT),
                    svg.H(x + _GAP_RIGHT),
                ],
                class_=["open", "crisp", "line-edge"],
            )
        )

    def _weigh(self, child: TreeNode, x: int, y: int) -> None:
        """Write how much a child counts beside its connector, unless it is as usual."""
        if child.weight != 1:
            space = _GAP_RIGHT - _BEND - 6
            (text,) = wrapped(factor(child.weight, self._language), space, TINY)
            self.elements.append(
                label(text, x - 4, y + _JOINT - 4, "tiny", "fill-muted", anchor="end")
            )
