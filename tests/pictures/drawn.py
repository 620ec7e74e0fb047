"""Reading a picture back."""

import re
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from hypothesis import strategies as st

# Everything that Python can hold, and more often what markup and typesetting trip over.
hostile_text = st.text(
    st.characters() | st.sampled_from("<>&\"'\x00\x0b\x1f\x85\ufffe\u202e\u0301\ud800 目🚀ạש")
)


@dataclass(frozen=True)
class Box:
    """Where a box of the tree lies."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "Box") -> bool:
        beside = self.right <= other.left or other.right <= self.left
        return not (beside or self.bottom <= other.top or other.bottom <= self.top)


@dataclass(frozen=True)
class Drawn:
    """A picture that has been drawn, well-formed as it should be."""

    text: str

    def all(self, name: str, css_class: str = "") -> list[ET.Element]:
        root = ET.fromstring(self.text)
        found = root.iter(f"{{http://www.w3.org/2000/svg}}{name}")
        return [one for one in found if not css_class or css_class in one.get("class", "").split()]

    def texts(self) -> list[str]:
        return [one.text or "" for one in self.all("text")]

    def boxes(self) -> list[Box]:
        return [_box(rect) for rect in self.all("rect", "box")]

    def size(self) -> int:
        return len(self.text.encode())

    def height(self) -> int:
        return int(ET.fromstring(self.text).attrib["height"])

    def places(self, css_class: str) -> list[tuple[str, float, float]]:
        """Return each path's starts: the commands that lift the pen, and where they put it."""
        (path,) = self.all("path", css_class)
        found = re.findall(r"(M) ([\d.]+) ([\d.]+)", path.get("d", ""))
        return [(command, float(x), float(y)) for command, x, y in found]


def _box(rect: ET.Element) -> Box:
    x, y, width, height = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
    return Box(x, y, x + width, y + height)
