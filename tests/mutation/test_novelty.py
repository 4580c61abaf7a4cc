from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.errors import ConfigurationError
from evolve.mutation.novelty import Duplicate, Mark, Novelty
from tests.mutation.odd_programs import MARKED, NESTED, PLAIN, PROGRAMS, WEIRD


def known(*programs: str, near: float = 1.0, path: str = "main.py", language: str = "python") -> Novelty:
    novelty = Novelty(language, near=near)
    for step, text in enumerate(programs):
        novelty.add(step, novelty.mark({path: text}))
    return novelty


def found(novelty: Novelty, text: str, operator: str = "diff", path: str = "main.py") -> Duplicate | None:
    return novelty.check(novelty.mark({path: text}), operator)


def test_a_program_under_another_look_is_a_duplicate() -> None:
    novelty = known(MARKED, PLAIN)
    assert found(novelty, PLAIN.replace("left", "room").replace("    ", "  ") + "# comment\n") == Duplicate(1, 1.0)
    assert found(novelty, PLAIN.replace("2.0", "2.5")) is None
    assert found(novelty, NESTED) is None


def test_the_latest_of_several_is_named() -> None:
    assert found(known(PLAIN, PLAIN), PLAIN) == Duplicate(1, 1.0)


def test_every_file_counts_and_so_does_its_name() -> None:
    novelty = Novelty("python")
    novelty.add(3, novelty.mark({"a.py": PLAIN, "b.py": MARKED, "notes.txt": "hello"}))
    assert novelty.check(novelty.mark({"notes.txt": "hello", "b.py": MARKED, "a.py": PLAIN + "\n"})) is not None
    assert novelty.check(novelty.mark({"a.py": MARKED, "b.py": PLAIN, "notes.txt": "hello"})) is None
    assert novelty.check(novelty.mark({"a.py": PLAIN, "b.py": MARKED, "notes.txt": "hallo"})) is None
    assert novelty.check(novelty.mark({"a.py": PLAIN, "b.py": MARKED})) is None


def test_a_text_that_is_not_what_its_name_says_is_compared_as_it_is() -> None:
    novelty = known("def broken(:  # one\n")
    assert found(novelty, "def broken(:  # one\r\n") == Duplicate(0, 1.0)
    assert found(novelty, "def broken(:  # two\n") is None


LONG = "def f(x):\n" + "".join(f"    x = x * {n} + g{n}(x - {n + 1})\n" for n in range(200)) + "    return x\n"


def test_near_duplicates_are_looked_for_on_request_only_and_never_of_the_tuner() -> None:
    changed = LONG.replace("* 77 ", "* 78 ")
    assert found(known(LONG), changed) is None
    near = known(PLAIN, LONG, near=0.9)
    duplicate = found(near, changed)
    assert duplicate is not None and duplicate.step == 1 and 0.9 <= duplicate.similarity <= 1.0
    assert found(near, changed, "tune") is None
    assert found(near, LONG, "tune") == Duplicate(1, 1.0)
    assert found(near, WEIRD) is None


def test_the_similarity_is_the_share_of_common_runs_of_words() -> None:
    rng = np.random.default_rng(0)
    lines = [f"v{n} = f{rng.integers(1000)}({n}, {rng.integers(9)}) + g{n}\n" for n in range(400)]
    novelty = Novelty("python", near=0.5)
    errors = []
    for changed in (0.02, 0.1, 0.2):
        other = [line.replace("f", "h", 1) if rng.random() < changed else line for line in lines]
        first, second = (novelty.mark({"a.py": "".join(text)}).sketch for text in (lines, other))
        alike = np.mean(np.frombuffer(first, np.uint8) == np.frombuffer(second, np.uint8))
        runs = [_runs(text) for text in (lines, other)]
        errors.append(alike - len(runs[0] & runs[1]) / len(runs[0] | runs[1]))
    assert np.abs(errors).max() < 0.2


def _runs(lines: list[str]) -> set[tuple[str, ...]]:
    from evolve.mutation.novelty import tokens

    words = tokens("".join(lines), "python")
    return {tuple(words[place : place + 4]) for place in range(len(words) - 3)}


@pytest.mark.parametrize("near", [1.0, 0.9])
def test_marks_survive_being_written_down(near: float) -> None:
    novelty = Novelty("python", near=near)
    for text in PROGRAMS.values():
        mark = novelty.mark({"main.py": text})
        assert Mark.decoded(mark.encoded()) == mark
        assert len(mark.encoded()) in (12, 96)


@pytest.mark.parametrize("text", [None, 3, "", "not base64!", "AAAA", "é" * 12, "A" * 4000])
def test_what_is_not_a_mark_is_none(text: object) -> None:
    assert Mark.decoded(text) is None


def test_marks_without_sketches_are_still_found_when_near_duplicates_are_switched_on() -> None:
    plain, near = Novelty("python"), Novelty("python", near=0.9)
    near.add(0, plain.mark({"main.py": LONG}))
    near.add(1, near.mark({"main.py": PLAIN}))
    assert near.check(near.mark({"main.py": LONG})) == Duplicate(0, 1.0)
    assert near.check(near.mark({"main.py": PLAIN + "\n"})) == Duplicate(1, 1.0)


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(0, 2**64 - 1))
@settings(max_examples=30, deadline=None)
def test_the_index_finds_exactly_what_was_added(forms: list[int], factor: int) -> None:
    novelty = Novelty("python")
    latest: dict[int, int] = {}
    for step, form in enumerate(forms):
        mark = Mark(form * factor % 2**64)
        expected = latest.get(mark.form)
        duplicate = novelty.check(mark)
        assert (None if duplicate is None else duplicate.step) == expected
        if duplicate is None:
            novelty.add(step, mark)
            latest[mark.form] = step


def test_a_large_archive_is_found_again_and_takes_little_memory() -> None:
    rng = np.random.default_rng(0)
    forms = rng.integers(0, 2**63, size=30_000).tolist()
    sketches = rng.integers(0, 256, size=(30_000, 64), dtype=np.uint8)
    novelty = Novelty("python", near=0.9)
    for step, form in enumerate(forms):
        novelty.add(step, Mark(form, sketches[step].tobytes()))
    for step in range(0, 30_000, 997):
        assert novelty.check(Mark(forms[step])) == Duplicate(step, 1.0)
        almost = sketches[step].copy()
        almost[5] ^= 1
        duplicate = novelty.check(Mark(1, almost.tobytes()))
        assert duplicate is not None and duplicate.step == step
    assert _size(novelty) / len(novelty) < 200


def _size(novelty: Novelty) -> int:
    buckets = [novelty._forms, *novelty._bands]
    arrays = [novelty._steps, novelty._sketches, *(a for b in buckets for a in (b._keys, b._before, b._heads))]
    return sum(map(sys.getsizeof, arrays))


@pytest.mark.parametrize("near", [0.0, 1.5])
def test_a_share_that_makes_no_sense_is_refused(near: float) -> None:
    with pytest.raises(ConfigurationError, match="near"):
        Novelty("python", near=near)
