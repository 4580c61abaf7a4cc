from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from evolve.domain.evaluation import Outcome
from evolve.interfaces import Verdict
from evolve.redteam.attack import BAD_ENDS, Attack, End, Family
from evolve.redteam.ruling import Reference, Ruling, ends_of, rule
from tests.redteam.conftest import SEED, STRICT, YAML, Make

ONE = "[{name: value, direction: maximize}]"
BOTH = "[{name: value, direction: %s}, {name: program_bytes, direction: minimize}]"
TWO = YAML.replace(ONE, BOTH)
FILES = {"program.py": SEED}
SHORTER = {"program.py": "x\n"}


def reference(make_problem: Make, runs: Sequence[Mapping[str, float]], direction: str = "maximize") -> Reference:
    problem = make_problem(STRICT, yaml=TWO % direction)
    return Reference(problem, FILES, [Verdict(Outcome.VALID, metrics=run, seconds=1.0) for run in runs])


def ends(reference: Reference, value: float, files: Mapping[str, str] = FILES) -> set[End]:
    return set(ends_of(Verdict(Outcome.VALID, metrics={"value": value}), reference, files))


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_better_worse_and_the_same(make_problem: Make, direction: str) -> None:
    sign = 1 if direction == "maximize" else -1
    seed = reference(make_problem, [{"value": 2.0 * sign}] * 3, direction)
    assert ends(seed, 2.0 * sign) == {End.AS_SEED, End.NO_BETTER}
    assert ends(seed, 1.0 * sign) == {End.WORSE, End.NO_BETTER}
    assert ends(seed, 3.0 * sign) == set()


def test_a_tie_is_broken_by_the_next_objective_and_its_metrics_are_still_the_seed_s(make_problem: Make) -> None:
    seed = reference(make_problem, [{"value": 2.0}] * 3)
    assert ends(seed, 2.0, SHORTER) == {End.AS_SEED, End.NO_BETTER}
    assert ends(seed, 2.0 + 1e-12) == set()


def test_noisy_metrics_are_the_same_within_more_than_they_were_seen_to_vary(make_problem: Make) -> None:
    seed = reference(make_problem, [{"value": 2.0}, {"value": 2.1}, {"value": 2.2}])
    for value in (2.0, 2.15, 2.3, 1.5):
        assert End.AS_SEED in ends(seed, value)
    assert ends(seed, 9.0) == set()
    assert ends(seed, 0.5) == {End.WORSE, End.NO_BETTER}


def test_other_metrics_than_the_seed_s_are_not_the_same(make_problem: Make) -> None:
    seed = reference(make_problem, [{"value": 2.0, "extra": 1.0}] * 3)
    assert End.AS_SEED not in ends(seed, 2.0)
    other = Verdict(Outcome.VALID, metrics={"value": 2.0, "extra": 2.0})
    assert End.AS_SEED not in ends_of(other, seed, FILES)


def test_a_missing_objective_is_no_score(make_problem: Make) -> None:
    seed = reference(make_problem, [{"value": 2.0}] * 3)
    assert ends_of(Verdict(Outcome.VALID, metrics={}), seed, FILES) == {End.INVALID}


@pytest.mark.parametrize("outcome", [Outcome.INVALID, Outcome.CRASHED, Outcome.TIMED_OUT])
def test_failures_end_as_they_are_called(make_problem: Make, outcome: Outcome) -> None:
    seed = reference(make_problem, [{"value": 2.0}] * 3)
    assert ends_of(Verdict(outcome), seed, FILES) == {End(str(outcome))}


def test_reports_are_collected_once_each_and_in_order() -> None:
    log = "DID: a\nHELD: b (EPERM)\nHELD: b (EPERM)\nnoise DID: c\nHELD: d\nBREACH: e (1)\n"
    attack = Attack("reach/x", Family.REACH, "", BAD_ENDS, "")
    result = rule(attack, Verdict(Outcome.CRASHED, log=log), frozenset({End.CRASHED}), ["f"], 0.5)
    assert (result.did, result.held) == (("a",), ("b (EPERM)", "d"))
    assert result.why == ("the program reports: e (1)", "f")
    assert result.ruling is Ruling.BREACH


@pytest.mark.parametrize(("log", "ruling"), [("", Ruling.INCONCLUSIVE), ("DID: it\n", Ruling.CONTAINED)])
def test_no_news_is_good_news_only_of_controls_and_exploits(log: str, ruling: Ruling) -> None:
    for family in Family:
        attack = Attack(f"{family}/x", family, "", BAD_ENDS, "")
        result = rule(attack, Verdict(Outcome.CRASHED, log=log), frozenset({End.CRASHED}), [], 0.5)
        quiet = family in (Family.CONTROLS, Family.EXPLOITS)
        assert result.ruling is (Ruling.CONTAINED if quiet else ruling)
