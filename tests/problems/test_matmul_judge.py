"""The judge of loop schedules beside a slow product of whole numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from evolve import problem_library
from evolve.domain.evaluation import Outcome
from evolve.interfaces import Job, Verdict
from tests.problems.problem_support import load_judge

judge = load_judge("matmul_schedule")


def slow(a: np.ndarray, b: np.ndarray) -> list[list[int]]:
    """Return the product by Python's whole numbers, which never round."""
    rows, columns = a.astype(int).tolist(), b.astype(int).T.tolist()
    return [[sum(x * y for x, y in zip(row, column, strict=True)) for column in columns] for row in rows]


def test_the_product_is_exact_for_the_largest_numbers_and_random_ones() -> None:
    rng = np.random.default_rng(1)
    extreme = np.full((512, 512), float(judge.LARGEST))
    assert judge.product(extreme, extreme)[0, 0] == 512 * judge.LARGEST**2 < 2**53
    for _ in range(5):
        a, b = judge.work(12).make_input(rng)
        assert judge.product(a, b).astype(int).tolist() == slow(a, b)
        near = judge.near_miss((a, b), rng)
        assert sum(int(np.count_nonzero(one != other)) for one, other in zip(near, (a, b), strict=True)) == 1
        assert judge.fault((a, b), judge.product(*near)), "a near miss has another answer"


@pytest.mark.parametrize("off", [1.0, -1.0, np.nan, np.inf])
def test_one_wrong_number_is_a_wrong_answer(off: float) -> None:
    a, b = judge.work(8).make_input(np.random.default_rng(2))
    answer = judge.product(a, b)
    assert not judge.fault((a, b), answer)
    answer[3, 4] += off
    assert judge.fault((a, b), answer)


def test_other_types_and_shapes_are_wrong_answers() -> None:
    a, b = judge.work(8).make_input(np.random.default_rng(3))
    answer = judge.product(a, b)
    for other in (answer.astype(np.float32), answer[:7], answer.tolist(), None, answer.ravel()):
        assert judge.fault((a, b), other)


def test_the_seed_is_the_plain_schedule() -> None:
    problem = problem_library.load_problem("matmul_schedule")
    assert problem.seed().files["schedule.c"] == (problem.folder / "plain.c").read_text("utf-8")


def test_a_size_that_tiles_do_not_divide_is_multiplied_right(judged: Callable[[Job], Verdict]) -> None:
    problem = problem_library.load_problem("matmul_schedule", {"n": 83})
    files = problem.seed().files
    tiled = {**files, "schedule.c": files["schedule.c"].replace("= 1024", "= 16")}
    verdict = judged(Job(problem, problem.stages[0], tiled))
    assert verdict.outcome is Outcome.VALID, verdict
