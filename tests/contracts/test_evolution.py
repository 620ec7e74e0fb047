"""What breaks who relies on the published schema does not pass unnoticed."""

import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from okr_service.cli import app
from okr_service.evolution import NoSuchCommit, breaking_changes

_BEFORE = """type Query { unit(ref: ID!): Unit people: Unit }
type Unit { name: String! }
"""
_AFTER = """type Query { unit(ref: ID!, deep: Boolean!): Unit }
type Unit { name: String code: String! }
"""
_BROKEN = [
    "Field Query.people was removed.",
    "A required argument Query.unit(deep:) was added.",
    "Field Unit.name changed type from String! to String.",
]


def _git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@okr.test")
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Commit a schema beside a changelog; returns its folder."""
    folder = tmp_path / "openapi"
    folder.mkdir()
    (tmp_path / "CHANGELOG.md").write_text("# Changes\n")
    _git(tmp_path, "init", "-q")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-q", "-m", "Begin")
    (folder / "schema.graphql").write_text(_BEFORE)
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-q", "-m", "Publish")
    return folder


def test_what_goes_or_narrows_is_told(published: Path) -> None:
    (published / "schema.graphql").write_text(_AFTER)
    assert sorted(breaking_changes(published, "HEAD")) == sorted(_BROKEN)


def test_what_is_added_breaks_nobody(published: Path) -> None:
    more = _BEFORE.replace("name: String!", "name: String! code: String")
    (published / "schema.graphql").write_text(more)
    assert breaking_changes(published, "HEAD") == []


def test_what_the_changelog_tells_word_for_word_is_meant(published: Path) -> None:
    (published / "schema.graphql").write_text(_AFTER)
    told = f"- Breaking: {_BROKEN[0]} Field Unit.name changed type\n  from String! to String.\n"
    (published.parent / "CHANGELOG.md").write_text(told)
    assert breaking_changes(published, "HEAD") == [_BROKEN[1]]


def test_before_it_was_published_nobody_relied_on_it(published: Path) -> None:
    (published / "schema.graphql").write_text(_AFTER)
    assert breaking_changes(published, "HEAD~1") == []


@pytest.mark.parametrize("since", ["HEAD~9", "nothing", "--help", ""])
def test_a_commit_that_is_none_is_said_so(published: Path, since: str) -> None:
    with pytest.raises(NoSuchCommit):
        breaking_changes(published, since)


def test_the_command_refuses_with_the_reasons(tmp_path: Path) -> None:
    folder = tmp_path / "openapi"
    assert CliRunner().invoke(app, ["schema", str(folder)]).exit_code == 0
    schema = folder / "schema.graphql"
    now = schema.read_text()
    schema.write_text(f"{now}\ntype Gone {{ name: String }}\n")
    _git(tmp_path, "init", "-q")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-q", "-m", "Publish")
    schema.write_text(now)
    check = ["schema", str(folder), "--check"]
    assert CliRunner().invoke(app, check).exit_code == 0
    refused = CliRunner().invoke(app, [*check, "--since", "HEAD"])
    assert refused.exit_code == 2
    assert "Gone was removed." in refused.output
    assert "CHANGELOG.md" in refused.output
    unknown = CliRunner().invoke(app, [*check, "--since", "nothing"])
    assert unknown.exit_code == 2
    assert "nothing" in unknown.output
