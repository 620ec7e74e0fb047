"""Heads that are saved come back as they were, or not at all."""

from pathlib import Path
from uuid import UUID

import pytest

from okr_service.audit import heads
from okr_service.audit.chain import Head
from okr_service.audit.verification import Findings

_TENANT = UUID(int=1)
_HEADS = {3: Head(7, b"x" * 32), 12: Head(10**12, b"y" * 32)}


def test_they_come_back(tmp_path: Path) -> None:
    file = tmp_path / "heads.json"
    for of in ({}, _HEADS):
        heads.save(file, [Findings(_TENANT, heads=of)])
        assert heads.load(file) == {_TENANT: of}
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("was", "is_now"), [('"length":7', '"length":6'), ("78" * 32, "79" * 32), ('"3":', '"4":')]
)
def test_a_file_that_was_edited_is_refused(tmp_path: Path, was: str, is_now: str) -> None:
    file = tmp_path / "heads.json"
    heads.save(file, [Findings(_TENANT, heads=_HEADS)])
    written = file.read_text().replace(" ", "")
    assert was in written
    file.write_text(written.replace(was, is_now))
    with pytest.raises(ValueError, match="not those that were saved"):
        heads.load(file)
