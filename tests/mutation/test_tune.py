"""The tuner: what it tunes, that results rebuild it, and that it finds what random edits do not."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.domain.evaluation import Evaluation, Outcome, Scored
from evolve.domain.program import Program
from evolve.errors import ProposalRejected
from evolve.interfaces import Context, Draft, Exhibit, Operator
from evolve.mutation.expression_edits import change_constant
from evolve.mutation.kinds import Weighted
from evolve.mutation.python_analysis import analyse
from evolve.mutation.python_sites import number_value
from evolve.mutation.quadratic import model_step
from evolve.mutation.syntax import Syntax
from evolve.mutation.tune import Tune, Units
from evolve.mutation.tune_session import Axis
from tests.mutation.operator_context import context, exhibit, problem

SOURCE = "def f(x):\n    return " + " + ".join(f"{1.0 + 0.5 * i} * x[{i}]" for i in range(8)) + "\n"
SMALL = "def f(x, y):\n    return 2.0 * x - 0.5 * y ** 3\n"


def values(text: str) -> list[float]:
    """Return the numbers of a program that do not index."""
    sites = sorted(analyse(text).numbers, key=lambda site: site.start)
    return [number_value(site.node) for site in sites if not site.sizes]


def finished(draft: Draft, step: int, gain: float | None, outcome: Outcome = Outcome.CRASHED) -> Exhibit:
    """Return a proposal after its evaluation; ``gain`` None for a failure. Its detail went through JSON."""
    detail = json.loads(json.dumps(draft.detail))
    program = Program(step, draft.files, (0,), detail)
    gains, outcome = ((), outcome) if gain is None else ((gain,), Outcome.VALID)
    scored = Scored(step, 0, (0,), str(detail["operator"]), outcome, gains)
    return Exhibit(program, scored, Evaluation("full", outcome, "judge"))


def without_files(program: Program) -> Program:
    return Program(program.step, {}, program.parents, program.detail)


def at(parent: Exhibit, step: int) -> Context:
    return Context(step, problem(), parent, [], np.random.default_rng((9, step)))


async def climb(operator: Operator, loss: Callable[[str], float], evaluations: int, in_flight: int = 1) -> float:
    """Run a greedy loop around ``operator``; return the lowest loss found."""
    best = exhibit({"main.py": SOURCE})
    best = finished(Draft(best.program.files, {"operator": "seed"}), 0, -loss(SOURCE))
    flight: list[Exhibit] = []
    for step in range(1, evaluations + 1):
        draft = await operator.propose(at(best, step))
        flight.append(finished(draft, step, -loss(draft.files["main.py"])))
        if len(flight) == in_flight:
            done = flight.pop((step * 7) % in_flight)
            operator.observe(done.scored, without_files(done.program))
            best = max(best, done, key=lambda item: item.scored.gains[0])
    return -best.scored.gains[0]


def ellipsoid(seed: int) -> Callable[[str], float]:
    """Return a rotated, shifted ellipsoid of condition 100 over the eight constants of SOURCE."""
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    optimum = np.array(values(SOURCE)) * np.exp(rng.normal(0.0, 0.6, 8))
    weights = 100.0 ** (np.arange(8) / 7)

    def loss(text: str) -> float:
        difference = rotation @ (np.array(values(text)) - optimum)
        return float(np.sum(weights * difference**2))

    return loss


# ── what it is good for ───────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("seed", [0, 1, 2])
async def test_200_evaluations_beat_2000_random_edits_of_constants(seed: int) -> None:
    loss = ellipsoid(seed)
    random_edits = Syntax(kinds=(Weighted(change_constant, 1.0),))
    assert await climb(Tune(), loss, 200) < 0.5 * await climb(random_edits, loss, 2000)


async def test_it_also_converges_with_eight_proposals_in_flight() -> None:
    loss = ellipsoid(4)
    assert await climb(Tune(), loss, 200, in_flight=8) < 0.02 * loss(SOURCE)


async def test_a_single_constant_is_tuned() -> None:
    operator, best = Tune(), exhibit({"main.py": "def f(x):\n    return 1.0 * x\n"})
    best = finished(Draft(best.program.files, {"operator": "seed"}), 0, -4.0)
    for step in range(1, 60):
        draft = await operator.propose(at(best, step))
        done = finished(draft, step, -((values(draft.files["main.py"])[0] - 3.0) ** 2))
        operator.observe(done.scored, without_files(done.program))
        best = max(best, done, key=lambda item: item.scored.gains[0])
    assert best.scored.gains[0] > -1e-4


async def test_ints_are_searched_as_ints() -> None:
    operator, best = Tune(), exhibit({"main.py": "a = 5\nb = 20\n"})
    best = finished(Draft(best.program.files, {"operator": "seed"}), 0, -100.0)
    for step in range(1, 120):
        draft = await operator.propose(at(best, step))
        a, b = values(draft.files["main.py"])
        assert isinstance(a, int) and isinstance(b, int)
        done = finished(draft, step, -float((a - 9) ** 2 + (b - 33) ** 2))
        operator.observe(done.scored, without_files(done.program))
        best = max(best, done, key=lambda item: item.scored.gains[0])
    assert best.scored.gains[0] == 0.0


# ── what it tunes ─────────────────────────────────────────────────────────────────────────────
async def moved(text: str, operator: Tune | None = None, language: str = "python") -> list[int]:
    """Return which literals of ``text`` move under many samples."""
    operator = operator or Tune()
    places: list[int] = []
    before = values(text)
    for seed in range(40):
        draft = await operator.propose(context({"main.py": text}, seed, language=language))
        after = values(draft.files["main.py"])
        places += [place for place, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]
    return sorted(set(places))


async def test_indices_and_sizes_stay() -> None:
    for seed in range(20):
        draft = await Tune().propose(context({"main.py": "x = 2.5 * y[3] + sum(range(7))\n"}, seed))
        assert "* y[3] + sum(range(7))" in draft.files["main.py"]


async def test_the_treatment_of_0_and_1_is_a_choice() -> None:
    text = "x = 0 * a + 1.0 * b - 7\n"
    assert await moved(text) == [1, 2]
    assert await moved(text, Tune(units="none")) == [2]
    assert await moved(text, Tune(units=Units.ALL)) == [0, 1, 2]


async def test_only_the_blocks_are_tuned() -> None:
    text = "a = 2.5\n# EVOLVE-BLOCK-START\nb = 3.5\n# EVOLVE-BLOCK-END\nc = 4.5\n"
    for seed in range(10):
        lines = (await Tune().propose(context({"main.py": text}, seed))).files["main.py"].splitlines()
        assert (lines[0], lines[4]) == ("a = 2.5", "c = 4.5")
        assert lines[2] != "b = 3.5"


async def test_at_most_so_many_constants_are_tuned() -> None:
    text = "x = [" + ", ".join(f"{i}.5" for i in range(50)) + "]\n"
    assert len(await moved(text, Tune(max_constants=6))) == 6


async def test_negative_numbers_get_parentheses_where_they_need_them() -> None:
    wide = Tune(step_size=3.0)
    seen = set()
    for seed in range(40):
        text = (await wide.propose(context({"main.py": "x = 2.5 ** 2.0\n"}, seed))).files["main.py"]
        base = values(text)[0]
        assert eval(text.split("=")[1]) == base ** values(text)[1]
        seen.add(base < 0)
    assert seen == {True, False}


async def test_other_languages_are_tuned() -> None:
    text = "double f() { return 2.5 * x1; } // 7\n"
    child = (await Tune().propose(context({"main.cpp": text}, language="cpp"))).files["main.cpp"]
    assert child != text
    assert child.startswith("double f() { return ") and child.endswith(" * x1; } // 7\n")


@pytest.mark.parametrize("text", ["x = y\n", "x = y[3]\n", "x = 1\n", "def broken(:\n", ""])
async def test_nothing_to_tune_is_rejected(text: str) -> None:
    with pytest.raises(ProposalRejected) as caught:
        await Tune().propose(context({"main.py": text}))
    assert caught.value.cause == "no_constants"


@given(
    st.one_of(st.floats(-1e14, 1e14), st.integers(-(10**14), 10**14)),
    st.floats(-1e6, 1e6),
)
def test_coordinates_decode_to_finite_numbers_and_the_start_to_itself(start: float, coordinate: float) -> None:
    axis = Axis(start, whole=isinstance(start, int))
    decoded = axis.decode(coordinate)
    assert math.isfinite(decoded) and isinstance(decoded, type(start))
    if abs(start) < 1e12 and (start == 0 or abs(start) > 1e-300):
        assert axis.decode(axis.encode(start)) == pytest.approx(start, rel=1e-9)


# ── sessions ──────────────────────────────────────────────────────────────────────────────────
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.integers(5, 60), st.integers(1, 9), st.integers(1, 3))
async def test_an_operator_rebuilt_from_results_proposes_the_same(
    seed: int, attempts: int, in_flight: int, max_sessions: int
) -> None:
    """Whatever was in flight, failed or came from other operators: the record is enough."""
    rng = np.random.default_rng(seed)
    live = Tune(max_sessions=max_sessions)
    known = [
        finished(Draft({"main.py": text}, {"operator": "seed"}), step, 0.0) for step, text in enumerate((SMALL, SOURCE))
    ]
    told: list[tuple[Scored, Program | None]] = []
    flight: list[Exhibit] = []
    for step in range(2, attempts + 2):
        draft = await live.propose(at(known[int(rng.integers(len(known)))], step))
        gain = None if rng.random() < 0.2 else float(-np.sum(np.square(values(draft.files["main.py"]))))
        outcome = Outcome.INFRASTRUCTURE if rng.random() < 0.2 else Outcome.CRASHED
        flight.append(finished(draft, step, gain, outcome))
        while len(flight) >= in_flight:
            done = flight.pop(int(rng.integers(len(flight))))
            told.append((done.scored, without_files(done.program)))
            live.observe(*told[-1])
            known += [done] if done.scored.valid else []
        told.append((Scored(10_000 + step, 0, (), "diff", Outcome.REJECTED), None))
        live.observe(*told[-1])
    rebuilt = Tune(max_sessions=max_sessions)
    for scored, program in told:
        rebuilt.observe(scored, program)
    for step, parent in enumerate(known[-30:], start=99_999):
        assert await rebuilt.propose(at(parent, step)) == await live.propose(at(parent, step))


async def session_after(operator: Tune, parent: Exhibit, step: int) -> object:
    return (await operator.propose(at(parent, step))).detail["session"]


async def tuned_once(operator: Tune, parent: Exhibit, step: int, gain: float | None = 1.0) -> Exhibit:
    done = finished(await operator.propose(at(parent, step)), step, gain)
    operator.observe(done.scored, without_files(done.program))
    return done


async def test_children_of_a_session_continue_it_and_others_start_their_own() -> None:
    operator = Tune()
    seed = exhibit({"main.py": SMALL})
    child = await tuned_once(operator, seed, 1)
    assert await session_after(operator, child, 2) == 0
    changed = exhibit({"main.py": child.program.files["main.py"] + "z = 4.5\n"}, 7, {"operator": "syntax"})
    assert await session_after(operator, changed, 3) == 7


async def test_the_session_not_heard_of_for_longest_is_forgotten() -> None:
    operator = Tune(max_sessions=1)
    child = await tuned_once(operator, exhibit({"main.py": SMALL}), 1)
    await tuned_once(operator, exhibit({"main.py": SOURCE}, 50), 2)
    assert await session_after(operator, child, 3) == 1


async def generation_of(operator: Tune, parent: Exhibit) -> object:
    return (await operator.propose(at(parent, 500))).detail["generation"]


async def test_failures_count_and_our_own_failures_do_not() -> None:
    seed = exhibit({"main.py": SMALL})
    failing, ours = Tune(), Tune()
    for step in range(1, 31):
        await tuned_once(failing, seed, step, gain=None)
        done = finished(await ours.propose(at(seed, step)), step, None, Outcome.INFRASTRUCTURE)
        ours.observe(done.scored, without_files(done.program))
    assert await generation_of(failing, seed) == 4  # 3 constants: 7 samples a generation
    assert await generation_of(ours, seed) == 0


async def test_failures_are_worst() -> None:
    """Everything above 2 fails: the session moves below."""
    operator, seed = Tune(), exhibit({"main.py": "x = 2.0 * y + 3.5\n"})
    for step in range(1, 80):
        draft = await operator.propose(at(seed, step))
        first = values(draft.files["main.py"])[0]
        done = finished(draft, step, None if first > 2.0 else 1.0)
        operator.observe(done.scored, without_files(done.program))
    late = [values((await operator.propose(at(seed, step))).files["main.py"])[0] for step in range(100, 130)]
    assert np.mean([value < 2.0 for value in late]) > 0.7


async def test_results_that_come_much_too_late_are_left_out() -> None:
    operator, seed = Tune(), exhibit({"main.py": SMALL})
    late = [finished(await operator.propose(at(seed, step)), step, 1.0) for step in range(1000, 1030)]
    for step in range(1, 15):
        await tuned_once(operator, seed, step)
    before = await generation_of(operator, seed)
    for done in late:
        operator.observe(done.scored, without_files(done.program))
    assert before == await generation_of(operator, seed) == 2


async def test_a_converged_session_starts_again_from_its_best() -> None:
    operator, seed = Tune(), exhibit({"main.py": "x = 2.5 * y + 3.5\n"})
    best = finished(Draft(seed.program.files, {"operator": "seed"}), 0, -99.0)
    for step in range(1, 700):
        draft = await operator.propose(at(best, step))
        found = np.array(values(draft.files["main.py"]))
        done = finished(draft, step, -float(np.sum((found - 4.0) ** 2)))
        operator.observe(done.scored, without_files(done.program))
        best = max(best, done, key=lambda item: item.scored.gains[0])
    spread = [values((await operator.propose(at(best, step))).files["main.py"])[0] for step in range(1000, 1030)]
    assert best.scored.gains[0] > -1e-8
    assert np.std(spread) > 1e-4


# ── the model ─────────────────────────────────────────────────────────────────────────────────
def test_the_minimum_of_a_quadratic_is_found_exactly() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(40, 3))
    skew = rng.normal(size=(3, 3))
    optimum = np.array([0.3, -1.0, 2.0])
    losses = np.sum(((points - optimum) @ skew) ** 2, axis=1)
    step = model_step(points, losses)
    assert step is not None
    np.testing.assert_allclose(step, optimum, atol=1e-6)


def test_too_few_points_give_no_model() -> None:
    assert model_step(np.zeros((4, 3)), np.zeros(4)) is None


def test_equal_losses_give_no_model() -> None:
    assert model_step(np.random.default_rng(0).normal(size=(40, 3)), np.ones(40)) is None


def test_a_slope_gives_a_finite_step_downhill() -> None:
    points = np.random.default_rng(0).normal(size=(40, 3))
    step = model_step(points, points[:, 0])
    assert step is not None and bool(np.all(np.isfinite(step)))
    assert step[0] < 0


@pytest.mark.parametrize("gain", [1e308, -1e308, 1e-300, 0.0])
async def test_extreme_gains_do_no_harm(gain: float) -> None:
    operator, seed = Tune(), exhibit({"main.py": SMALL})
    for step in range(1, 60):
        await tuned_once(operator, seed, step, gain if step % 2 else -gain)
    assert all(math.isfinite(value) for value in values((await operator.propose(at(seed, 99))).files["main.py"]))
