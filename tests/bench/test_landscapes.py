from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from evolve import configuration, problem_library, wiring
from evolve.bench import tuner
from evolve.bench.curves import hypervolume
from evolve.bench.search_race import LANDSCAPES, PROBLEMS, check, corner, located, reference_gain
from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.problem import Problem, Stage
from evolve.errors import ConfigurationError
from evolve.evaluation.cascade import Cascade

OURS = sorted(path.name for path in LANDSCAPES.iterdir() if path.is_dir())


def loaded(name: str) -> Problem:
    return problem_library.load_problem(located(name))


def judge(problem: Problem, texts: Sequence[str], stage: Stage | None = None) -> list[Evaluation]:
    """Judge programs in the ordinary sandbox."""

    async def work() -> list[Evaluation]:
        config = configuration.configure([f"problem={problem.folder}", "sandbox=process", "executor.width=1"])
        executor = wiring.build_executor(config, problem)
        await executor.start()
        try:
            cascade = Cascade(problem, executor)
            return [await cascade.judge({problem.entry: text}, stage or problem.stages[-1]) for text in texts]
        finally:
            await executor.close()

    return asyncio.run(work())


def seed_of(problem: Problem) -> str:
    return problem.seed().files[problem.entry]


def replaced(problem: Problem, *pairs: tuple[str, str]) -> str:
    text = seed_of(problem)
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def test_the_table_names_every_landscape_and_each_has_a_scale() -> None:
    assert set(OURS) - {tuner.LANDSCAPE} <= set(PROBLEMS)  # it is of the tuner alone
    for name in PROBLEMS:
        check(loaded(name))


@pytest.mark.parametrize("name", OURS)
def test_the_seed_is_valid_below_the_reference_and_wrong_answers_are_not(name: str) -> None:
    problem = loaded(name)
    text = seed_of(problem)
    (function,) = (line.split("(")[0].removeprefix("def ") for line in text.split("\n") if line.startswith("def "))
    nonsense = [f"def {function}(*args):\n    return {value}\n" for value in ("'high'", "[1.0]", "[float('nan')] * 9")]
    good, *bad = judge(problem, [text, *nonsense])
    assert good.outcome is Outcome.VALID
    assert {verdict.outcome for verdict in bad} == {Outcome.INVALID}
    gains = problem.vector(good.metrics)
    seed = gains[0] if len(gains) == 1 else hypervolume([gains], corner(problem))
    assert seed < reference_gain(problem)


DISPATCH = """import numpy as np

def priority(now, work, weight, due):
    return weight / work * np.exp(-np.maximum(due - work - now, 0.0) / (2.0 * work.mean()))
"""
FORMULA = """import numpy as np

def predict(x, z):
    return 2.5 * np.sin(1.7 * x + 0.4) + 0.8 * x * z - 1.3 * z / (1.0 + 0.6 * z * z) + 0.35 * x * x
"""
FAR = "def levers():\n    return [1.3 * 3.1, 1.2 * 3.1, 1.4 * 3.1, 1.1 * 3.1]\n"


@pytest.mark.parametrize(
    ("name", "text", "reaches"),
    [
        ("dispatching", DISPATCH, lambda value: value == pytest.approx(0.5524, abs=1e-4)),
        ("regression", FORMULA, lambda value: value > 11),
        ("deceptive", FAR, lambda value: value == pytest.approx(3.0, abs=0.01)),
    ],
)
def test_the_reference_is_what_a_known_program_reaches(name: str, text: str, reaches: Callable[[float], bool]) -> None:
    problem = loaded(name)
    (verdict,) = judge(problem, [text])
    assert reaches(verdict.metrics[problem.objectives[0].name])


def test_the_sealed_points_of_the_regression_are_others() -> None:
    problem = loaded("regression")
    seen, sealed = judge(problem, [seed_of(problem)])[0], judge(problem, [seed_of(problem)], problem.sealed)[0]
    assert seen.metrics["digits"] != sealed.metrics["digits"]


def test_the_trap_has_a_valley_that_single_changes_seldom_cross() -> None:
    problem = loaded("deceptive")
    places = [1.0, 1.3, 1.6, 2.0, 2.4, 3.0, 4.03]
    verdicts = judge(problem, [replaced(problem, ("first = 0.9 * 1.0", f"first = {place}")) for place in places])
    paid = [verdict.per_instance["lever_0"] for verdict in verdicts]
    assert paid[1] == max(paid[:5]) and paid[-1] == max(paid)
    assert min(paid[3:5]) < 0.8 * paid[1]
    needed = math.log(3.05 / 1.3) / 0.3  # deviations of the mutator's step from the lower peak to where more is paid
    assert needed > 2.5


def test_noise_is_new_every_time_and_absent_where_it_counts() -> None:
    problem = loaded("noisy")
    noisy = [verdict.metrics["value"] for verdict in judge(problem, [seed_of(problem)] * 40)]
    true = {verdict.metrics["value"] for verdict in judge(problem, [seed_of(problem)] * 3, problem.sealed)}
    assert len(true) == 1 and len(set(noisy)) == 40
    sd = float(str(problem.params["sd"]))
    assert float(np.std(noisy)) == pytest.approx(sd, rel=0.5)
    assert float(np.mean(noisy)) == pytest.approx(true.pop(), abs=4 * sd / 40**0.5)


def test_the_front_of_two_goals_is_the_one_whose_hypervolume_is_given() -> None:
    problem = loaded("two_goals")
    costs = np.linspace(0.0, 1.0, 60)
    best = ("length = 0.7", "length = 0.3"), ("width = 0.3", "width = 0.6"), ("bend = 0.5", "bend = 0.2")
    rest = ("hole = 0.4", "hole = 0.8"), ("rim = 0.9", "rim = 0.45")
    texts = [replaced(problem, *best, *rest, ("size = 0.5", f"size = {cost!r}")) for cost in costs.tolist()]
    verdicts = judge(problem, texts)
    for cost, verdict in zip(costs, verdicts, strict=True):
        assert verdict.metrics["error"] == pytest.approx(1.0 - math.sqrt(cost))
    found = hypervolume([problem.vector(verdict.metrics) for verdict in verdicts], corner(problem))
    assert found < reference_gain(problem)
    assert found == pytest.approx(reference_gain(problem), rel=0.02)


def test_a_problem_without_a_reference_is_refused() -> None:
    trivial = Problem.load(LANDSCAPES.parent / "trivial")
    with pytest.raises(ConfigurationError, match="known_best"):
        check(trivial)
