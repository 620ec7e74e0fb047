"""What changed in the published GraphQL schema since a commit, and breaks who relies on it.

Within a version, nothing that is published goes or changes its meaning. Where that is
meant nevertheless, CHANGELOG.md tells it to those whom it concerns, word for word as it is
told here; then it is let through.
"""

import subprocess
from pathlib import Path

from graphql import build_schema, find_breaking_changes

_SCHEMA, _CHANGELOG = "schema.graphql", "CHANGELOG.md"


class NoSuchCommit(Exception):
    """Git does not know the commit, or is not there to be asked."""


def breaking_changes(folder: Path, since: str) -> list[str]:
    """Return what breaks the schema in a folder of published documents, but for what is told.

    Raises:
        NoSuchCommit.
    """
    before = _committed(folder, since)
    if before is None:
        return []
    now = (folder / _SCHEMA).read_text(encoding="utf-8")
    found = find_breaking_changes(build_schema(before), build_schema(now))
    changelog = folder.resolve().parent / _CHANGELOG
    told = changelog.read_text(encoding="utf-8") if changelog.exists() else ""
    words = " ".join(told.split())
    return [change.description for change in found if change.description not in words]


def _committed(folder: Path, since: str) -> str | None:
    """Return the schema as it was committed, or None where it was not there yet."""
    named = ("--quiet", "--end-of-options", f"{since}^{{commit}}")
    commit = _git(folder, "rev-parse", "--verify", *named)
    if commit is None:
        raise NoSuchCommit(since)
    return _git(folder, "show", f"{commit.strip()}:./{_SCHEMA}")


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - what is asked for cannot be an option
            ["git", "-C", str(folder), *words],  # noqa: S607 - whichever git there is
            capture_output=True, text=True, encoding="utf-8", check=False,
        )  # fmt: skip
    except OSError as error:
        raise NoSuchCommit("git") from error
    return done.stdout if done.returncode == 0 else None
