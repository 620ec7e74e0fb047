"""A mapping that outgrows memory is like one that does not."""

import errno
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okr_service.kernel.errors import NoRoomForFile
from okr_service.kernel.spooled import Spooled, needing_room

KEYS = st.tuples(st.sampled_from("abcdef"), st.sampled_from(["", "a", "\u1ed1", '"', "b"]))
DOINGS = st.lists(st.tuples(st.sampled_from(["set", "add", "get"]), KEYS), max_size=60)


@given(DOINGS, st.sampled_from([2, 3, 7, 1_000]))
def test_it_is_a_mapping_that_keeps_its_order(
    doings: list[tuple[str, tuple[str, str]]], most: int
) -> None:
    kept: Spooled[tuple[str, ...], list[int]] = Spooled()
    kept.most_in_memory = most  # type: ignore[misc] # of this one only
    model: dict[tuple[str, ...], list[int]] = {}
    for nth, (what, key) in enumerate(doings):
        if what == "set":
            kept[key] = [nth]
            model[key] = [nth]
        elif what == "add":
            kept.setdefault(key, []).append(nth)
            model.setdefault(key, []).append(nth)
        assert kept.get(key) == model.get(key)

    assert (len(kept), list(kept), list(kept.values())) == (
        len(model),
        list(model),
        list(model.values()),
    )
    for place, each in enumerate(model):
        assert kept.place(each) == place
        assert kept.at([place]) == [kept[each]] == [model[each]]
    backwards = range(len(model) - 1, -1, -1)
    assert kept.at(backwards) == list(model.values())[::-1]
    assert kept.place(("none",)) is None
    with pytest.raises(KeyError):
        kept["none",]


def test_a_text_and_a_number_are_keys_too() -> None:
    kept: Spooled[str | int, str] = Spooled()
    kept.most_in_memory = 2  # type: ignore[misc] # of this one only
    for key in ("1", 1, "a", 2):
        kept[key] = repr(key)
    assert [kept[key] for key in kept] == ["'1'", "1", "'a'", "2"]


_FULL = """
import resource, signal
from okr_service.kernel.errors import NoRoomForFile
from okr_service.kernel.spooled import Spooled
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
Spooled.most_in_memory = 10
kept = Spooled()
try:
    for number in range(10_000):
        kept[number] = "x" * 1_000
except NoRoomForFile:
    print("no room")
"""


def test_a_full_disk_is_said() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FULL], check=False, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("no room\n", "")


def test_only_want_of_room_is_want_of_room() -> None:
    with pytest.raises(NoRoomForFile), needing_room():
        raise OSError(errno.ENOSPC, "full")
    with pytest.raises(PermissionError), needing_room():
        raise PermissionError(errno.EACCES, "not yours")
