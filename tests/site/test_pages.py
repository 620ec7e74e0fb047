"""What the pages tell one to do is done, in their order, and shows what they say it shows."""

import asyncio
import re
from pathlib import Path

import pytest
import yaml
from tests.operating.test_chart import texts, values
from tests.processes import free_port
from tests.site import pages
from tests.site.conftest import Instead
from tests.site.servers import instead, owned

from graphql import build_schema, parse, validate

# Why a block cannot be run here, by the command that it begins with.
_NOT_RUN = {
    "make demo": "it serves until it is stopped, as tests/test_cli.py has it do",
    "docker ": "there is no Docker; tests/operating/test_image.py does the image's steps",
    "kubectl ": "there is no Kubernetes; tests/operating/test_chart.py renders the chart",
    'ask "$OKR/identity-providers/external:kc:prove"': "there is no issuer; see tests/identity",
    "curl -s --netrc": "there is no SAP; tests/recipes reads what it would answer",
    "curl -s -G": "there is no ERPNext; tests/recipes reads what it would answer",
    'ask() { curl -s "https://odoo': "there is no Odoo; tests/recipes reads what it would answer",
    "// ": "there is no Power BI to read its language",
}
_OF_THEIR_OWN = {"operating.md", "backup.md"}  # on other servers: below, tests/operating
_LANGUAGES = {"bash", "python", "graphql", "sql", "yaml", "json", "text"}
_DIRECTIVES = {"{toctree}", "{include}"}
_RUNNING = [
    page
    for page in pages.page_names()
    if page not in _OF_THEIR_OWN and any(block.runs for block in pages.blocks(page))
]
_REFUSED = re.compile(r'"type":\s*"/problems/|"errors":\s*\[[^\]]')


def show(page: str, printed: dict[int, str]) -> None:
    """Hold what a page's blocks printed against what is shown beneath them."""
    shown = {asked.line: told for asked, told in pages.answers(page)}
    refused = [(line, t) for line, t in printed.items() if line not in shown and _REFUSED.search(t)]
    assert refused == []
    told = [(told, printed[line]) for line, told in shown.items()]
    other = [f"{block} is: {text}" for block, text in told if not pages.agrees(block.text, text)]
    assert not other, "\n".join(other)


@pytest.mark.parametrize("page", _RUNNING)
async def test_a_page_does_what_it_says(page: str, served: Instead, tmp_path: Path) -> None:
    printed = await asyncio.to_thread(pages.run, page, tmp_path, served)
    assert printed
    show(page, printed)


def test_operating_is_done_from_an_empty_database_on(tmp_path: Path) -> None:
    with owned(tmp_path / "server") as server:
        folder, port = tmp_path / "page", str(free_port())
        folder.mkdir()
        here = {"127.0.0.1:8000": f"127.0.0.1:{port}", "--port 8000": f"--port {port}"}
        show(
            "operating.md",
            pages.run("operating.md", folder, instead("db.example.com", server) | here),
        )


@pytest.mark.parametrize("page", pages.page_names())
def test_blocks_say_what_they_are(page: str) -> None:
    schema = build_schema((pages.ROOT / "openapi" / "schema.graphql").read_text("utf-8"))
    for block in pages.blocks(page):
        assert block.language in _LANGUAGES | _DIRECTIVES, block
        assert block.language in _DIRECTIVES or set(block.marks) <= {pages.NOT_RUN}, block
        if block.language == "graphql":
            assert validate(schema, parse(block.text)) == [], block
        if block.language == "yaml":
            assert texts(values("least") | yaml.safe_load(block.text)), block


def test_what_is_not_run_has_a_reason() -> None:
    marked = [
        b for page in pages.page_names() for b in pages.blocks(page) if pages.NOT_RUN in b.marks
    ]
    used = {
        begins: block for block in marked for begins in _NOT_RUN if block.text.startswith(begins)
    }
    assert [str(b) for b in marked if not b.text.startswith(tuple(_NOT_RUN))] == []
    assert set(used) == set(_NOT_RUN)
