"""The site is built without a warning, and reading it asks nobody else for anything."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.site.pages import DOCS, page_names

_BIN = Path(sys.executable).parent
_ELSEWHERE = re.compile(r"(https?:)?//", re.IGNORECASE)
_LOADING = {"src", "srcset", "poster", "data", "action"}
# What a script or a style sheet would load with.
_LOADS = re.compile(
    r"""(?:url\(|@import|import\(|fetch\(|importScripts\(|\.src\s*=)\s*["'`]?(?:https?:)?//"""
)


class _Loads(HTMLParser):
    """What a page loads by itself; links are for the reader to follow."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        loading = _LOADING | ({"href"} if tag in {"link", "use", "image"} else set())
        self.addresses += [value or "" for name, value in attrs if name in loading]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as `make docs` does."""
    folder = tmp_path_factory.mktemp("site")
    strict = ["--quiet", "--fail-on-warning", "--keep-going", "--nitpicky"]
    paths = ["-d", str(folder / "kept"), str(DOCS), str(folder)]
    command = [str(_BIN / "sphinx-build"), *strict, "-b", "html", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def test_every_page_is_in_it_and_can_be_searched(site: Path) -> None:
    for page in page_names():
        assert (site / page).with_suffix(".html").exists()
    index = (site / "searchindex.js").read_text("utf-8")
    assert all(page.removesuffix(".md") in index for page in page_names())
    assert "searchindex.js" in (site / "search.html").read_text("utf-8")


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    for file in site.rglob("*.html"):
        page = _Loads()
        page.feed(file.read_text("utf-8"))
        assert page.addresses
        assert [address for address in page.addresses if _ELSEWHERE.match(address)] == [], file


def test_scripts_and_style_sheets_load_nothing_from_elsewhere(site: Path) -> None:
    files = [file for kind in ("*.js", "*.css", "*.html") for file in site.rglob(kind)]
    assert len(files) > 20
    assert [file.name for file in files if _LOADS.search(file.read_text("utf-8"))] == []
