"""The pages of docs/ as programs: their fenced blocks, run in order by one shell."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt

from okr_service.kernel.embedded import _binaries

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NOT_RUN = "no-run"
_OUTPUTS = {"json", "text"}
_RUN = {"bash", "python", "graphql", "sql"}
_BIN = Path(sys.executable).parent
# What a page says is run as it stands, in a shell that stops where a command fails.
_BEFORE = "set -eo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
_GRAPHQL = (
    'curl -sf "${OKR%/v1}/graphql" -H "Authorization: Bearer $KEY" '
    "-H 'Content-Type: application/json' --data @"
)
_PATIENCE = 300  # seconds


@dataclass(frozen=True)
class Block:
    """A fenced block: where it begins and ends, in which language, and whether it is run."""

    page: str
    line: int
    end: int
    language: str
    marks: tuple[str, ...]
    text: str

    @property
    def runs(self) -> bool:
        return self.language in _RUN and NOT_RUN not in self.marks

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def page_names() -> list[str]:
    """Return all pages, by their paths in docs/."""
    return sorted(str(file.relative_to(DOCS)) for file in DOCS.rglob("*.md"))


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page; refuses indented ones, which tell no language."""
    tokens = MarkdownIt().parse((DOCS / page).read_text("utf-8"))
    assert not [token.map for token in tokens if token.type == "code_block"], page
    found = []
    for token in tokens:
        if token.type == "fence":
            language, *marks = token.info.split()
            begin, end = token.map or (0, 0)
            found.append(Block(page, begin + 1, end, language, tuple(marks), token.content))
    return found


def answers(page: str) -> Iterator[tuple[Block, Block]]:
    """Give each block that runs and the output shown right beneath it."""
    found = blocks(page)
    for asked, told in pairwise(found):
        beneath = told.line <= asked.end + 2  # with an empty line between, or none
        if asked.runs and beneath and told.language in _OUTPUTS:
            yield asked, told


def _step(number: int, block: Block, folder: Path) -> str:
    file = folder / f"{number}.{block.language}"
    text = block.text
    if block.language == "graphql":
        text = json.dumps({"query": text})
    file.write_text(text, "utf-8")
    run = {
        "bash": f"source {file}",
        "python": f"python {file}",
        "sql": f'psql -X -v ON_ERROR_STOP=1 "$OKR_OWNER_DATABASE_URL" -f {file}',
        "graphql": f"{_GRAPHQL}{file}",
    }[block.language]
    return f"{run} > {folder}/{number}.out 2> {folder}/{number}.err\n"


def run(page: str, folder: Path, instead: Mapping[str, str]) -> dict[int, str]:
    """Run a page's blocks in a folder; gives what each printed, by its line.

    `instead` has what stands in the page and what it is here: addresses, mostly.
    """
    steps = folder / "steps"
    steps.mkdir()
    running = [block for block in blocks(page) if block.runs]
    script = _BEFORE + "".join(_step(n, block, steps) for n, block in enumerate(running))
    for file in steps.iterdir():
        text = file.read_text("utf-8")
        for said, meant in instead.items():
            text = text.replace(said, meant)
        file.write_text(text, "utf-8")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OKR_", "PG"))}
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=kept | {"PATH": f"{_BIN}:{_binaries()}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    printed = {}
    for number, block in enumerate(running):
        out, err = (steps / f"{number}.{kind}" for kind in ("out", "err"))
        last = not (steps / f"{number + 1}.out").exists()
        assert not (last and done.returncode), f"{block}: {out.read_text()}{err.read_text()}"
        printed[block.line] = out.read_text("utf-8")
    return printed


def agrees(told: str, printed: str) -> bool:
    """Tell whether a page shows what was printed; `…` stands for anything, space for nothing."""
    parts = (re.escape(re.sub(r"\s+", "", part)) for part in told.split("…"))
    return bool(re.fullmatch(".*".join(parts), re.sub(r"\s+", "", printed)))
