"""What the page of a program says, without a browser."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.dashboard.views import path, pictures, texts
from evolve.dashboard.views.attempt import intervals
from evolve.domain.difference import program_diff
from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.objective import Direction, Objective
from evolve.domain.program import Program
from evolve.domain.proposal import Placement
from evolve.domain.questions import AttemptRow
from tests.dashboard.dashboards import DOT, EVIL

LOSS = Objective("loss", Direction.MINIMIZE)
_FILES = st.dictionaries(
    st.sampled_from(["a.py", "b.txt"]),
    st.lists(st.sampled_from(["", "x", "-- y", "++ z", "\\", "@@ -1 +1 @@"])).map("\n".join),
)


def _row(step: int, loss: float | None) -> AttemptRow:
    values = {} if loss is None else {"loss": loss}
    outcome = Outcome.VALID if values else Outcome.CRASHED
    return AttemptRow(step, step, max(step - 1, 0), 0, "o", "", outcome, "", Placement.NOT_PLACED, "", 0.0, values)


def _line(*losses: float | None) -> list[AttemptRow]:
    return [_row(step, loss) for step, loss in enumerate(losses)][::-1]


# ── texts ─────────────────────────────────────────────────────────────────────────────────────
@settings(deadline=None)  # the first file of a kind waits for its lexer
@given(st.text(), st.sampled_from(["a.py", "a.cu", "a.unheard", "Makefile"]))
def test_colours_lose_no_letter(text: str, name: str) -> None:
    lines = texts.file_lines(name, text)
    shown = "\n".join("".join(piece for _, piece in line.parts) for line in lines)
    assert shown.rstrip("\n") == text.rstrip("\n")


@given(_FILES, _FILES)
def test_marks_are_those_of_the_difference(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    lines = texts.difference_lines(before, after)
    shown = [("" if line.mark == "@" else line.mark or " ") + "".join(text for _, text in line.parts) for line in lines]
    assert shown == program_diff(before, after).split("\n")[:-1]


def test_lines_have_the_numbers_of_their_side() -> None:
    before, after = {"a.py": "one\n-- two\nthree\n"}, {"a.py": "zero\none\n2\nthree\n"}
    told = [(line.number, line.mark) for line in texts.difference_lines(before, after) if line.mark != "@"]
    assert told == [("1", "+"), ("2", ""), ("2", "-"), ("3", "+"), ("4", "")]


def test_what_is_too_long_to_compare_says_so() -> None:
    (line,) = texts.difference_lines({"a": "x\n" * 30_000}, {"a": ""})
    assert "not compared" in line.parts[0][1]


# ── pictures ──────────────────────────────────────────────────────────────────────────────────
def test_pictures_are_known_by_their_first_bytes() -> None:
    assert pictures.picture(DOT).startswith("data:image/png;base64,")
    assert pictures.picture(b"RIFF\0\0\0\0WEBPVP8 ").startswith("data:image/webp;")
    for other in (EVIL.encode(), b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"", b"RIFF\0\0\0\0WAVE"):
        assert pictures.picture(other) == ""
    assert pictures.picture(DOT + b"\0" * pictures.LARGEST) == ""


def test_long_artifacts_are_cut_and_say_how_long_they_are() -> None:
    assert pictures.words(b"\xff ok") == "� ok"
    assert pictures.words(b"x" * 30_000).endswith("30,000 bytes in all")


# ── the path ──────────────────────────────────────────────────────────────────────────────────
def test_a_path_holds_what_changed_a_score() -> None:
    told = path.changes(_line(5.0, 5.0, None, 3.0, 4.0, 4.0), LOSS)
    assert [(change.row.step, change.between, change.gained) for change in told] == [
        (0, 0, None), (3, 2, 2.0), (4, 0, -1.0), (5, 0, 0.0),
    ]  # fmt: skip


@given(st.lists(st.one_of(st.none(), st.integers(0, 9).map(float)), min_size=1, max_size=60), st.integers(2, 12))
def test_the_greatest_changes_account_for_every_step(losses: list[float | None], limit: int) -> None:
    told = path.greatest(path.changes(_line(*losses), LOSS), limit, LOSS)
    steps = [change.row.step for change in told]
    assert len(told) <= limit and steps == sorted(set(steps))
    assert (steps[0], steps[-1]) == (0, len(losses) - 1)
    assert sum(change.between + 1 for change in told) == len(losses)
    for before, after in pairwise(told):
        if after.gained is not None:
            assert after.gained == before.row.values["loss"] - after.row.values["loss"]


def test_a_step_says_what_it_did_or_its_first_line() -> None:
    programs = {
        0: Program(0, {"a.py": "x = 1\n"}, (), {}),
        1: Program(1, {"a.py": "x = 2\ny = 3\n"}, (0,), {}),
        2: Program(2, {"a.py": "x = 2\n"}, (1,), {"summary": "Less."}),
    }
    rows = path.rows(path.changes(_line(3.0, 2.0, 1.0), LOSS), programs, LOSS, str)
    assert [row.cells["what"].text for row in rows] == ["Less.", "x = 1 → x = 2", ""]
    assert [row.cells["lines"].text for row in rows] == ["+0 −1", "+2 −1", ""]


# ── scores ────────────────────────────────────────────────────────────────────────────────────
def test_an_interval_rests_on_fresh_repeats_alone() -> None:
    def verdict(loss: float, outcome: Outcome = Outcome.VALID, stage: str = "full") -> Evaluation:
        return Evaluation(stage, outcome, "judge", metrics={"loss": loss})

    told = [verdict(1.0), verdict(3.0), verdict(9.0, Outcome.REJECTED), verdict(9.0, stage="sealed")]
    spread = intervals([LOSS], told)["loss"]
    assert (spread.count, spread.mean) == (2, 2.0)
    assert spread.half_width == pytest.approx(12.706, rel=1e-3)
    assert intervals([LOSS], []) == {}
