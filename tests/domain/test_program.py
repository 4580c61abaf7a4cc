from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.domain.program import Program, automatic_features, fingerprint
from evolve.domain.shape import shape

files = st.dictionaries(st.text(min_size=1, max_size=4), st.text(max_size=6), max_size=3)


@given(files, files)
def test_fingerprints_are_equal_exactly_for_equal_files(left: dict[str, str], right: dict[str, str]) -> None:
    assert (fingerprint(left) == fingerprint(right)) == (left == right)
    assert fingerprint(left) == fingerprint(dict(reversed(left.items())))


def test_text_cannot_move_between_path_and_content() -> None:
    assert fingerprint({"a": "bc"}) != fingerprint({"ab": "c"})
    assert fingerprint({"a": "b", "c": "d"}) != fingerprint({"a": "bc", "d": ""})


def test_fingerprint_ignores_history() -> None:
    seed = Program(step=0, files={"a.py": "x"}, parents=(), detail={})
    child = Program(step=7, files={"a.py": "x"}, parents=(0,), detail={"operator": "tune"})
    assert seed.fingerprint == child.fingerprint
    with pytest.raises(dataclasses.FrozenInstanceError):
        seed.step = 1  # type: ignore[misc]


def test_lines_leave_blank_ones_out_and_bytes_are_those_of_utf8() -> None:
    features = automatic_features({"a.py": "x = 1\n\n   \ny = 2", "b.txt": "é\n"})
    assert (features["program_lines"], features["program_bytes"]) == (3.0, 19.0)


def test_the_automatic_features_are_the_shape_under_other_names() -> None:
    files = {"a.py": "def f(x):\n    return g(x) if x else 3\n"}
    assert tuple(automatic_features(files).values()) == shape(files)
    assert automatic_features(files)["program_branches"] == 1.0
    assert automatic_features({"main": "a // b or c"}, "python")["program_names"] == 3.0


def test_lone_surrogates_do_not_break_hash_or_size() -> None:
    assert automatic_features({"a": "\ud800"})["program_bytes"] == 3.0
    assert fingerprint({"a": "\ud800"}) != fingerprint({"a": "\ud801"})
