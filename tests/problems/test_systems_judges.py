"""Judges of the problems from algorithms and systems against slow verifiers written from the statements."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.candidate import Finished
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.interfaces import Job, Verdict
from evolve.paths import bundled
from tests.problems.in_process_candidate import InProcessCandidate
from tests.problems.problem_support import load_judge

tsp = load_judge("tsp")
vector_packing = load_judge("vector_packing")
sorting = load_judge("sorting")
prompt = load_judge("prompt")
cache = load_judge("cache_policy")
regression = load_judge("symbolic_regression")
experts_judge = load_judge("expert_placement")


def problem_of(name: str, **params: object) -> Problem:
    return Problem.load(bundled("problems") / name, params)


def written(text: str) -> InProcessCandidate:
    """Return a program of one file."""
    return InProcessCandidate({"program.py": text}, "program.py")


# ── travelling salesman ───────────────────────────────────────────────────────────────────────
def rounded_length(points: Sequence[Sequence[int]], order: Sequence[int]) -> int:
    """Return the length of a closed tour by TSPLIB's rule, in 60 decimals."""
    total = 0
    with localcontext() as context:
        context.prec = 60
        for here, there in zip(order, [*order[1:], order[0]], strict=True):
            (x, y), (u, v) = points[here], points[there]
            total += int(Decimal((x - u) ** 2 + (y - v) ** 2).sqrt() + Decimal("0.5"))
    return total


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.sampled_from([3, 1000, 1_000_000]))
def test_tour_lengths_are_whole_numbers_by_the_rule(seed: int, cities: int, side: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.integers(side, size=(cities, 2))
    order = rng.permutation(cities)
    assert sum(tsp.edge_lengths(points, order)) == rounded_length(points.tolist(), order.tolist())


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(-1, 6), min_size=5, max_size=5) | st.permutations(range(5)))
def test_an_order_is_a_tour_exactly_if_it_is_a_permutation(order: list[int]) -> None:
    assert (tsp.tour_fault(np.array(order), 5) == "") == (sorted(order) == [0, 1, 2, 3, 4])


def test_score_of_a_tour_is_its_length_over_the_root() -> None:
    params = dict(problem_of("tsp", train_instances=2, train_cities=30).params)
    candidate = written("import numpy as np\ndef tour(points):\n    return np.arange(len(points))[::-1]\n")
    score = tsp.evaluate(candidate, "full", params)
    drawn = [points.tolist() for points in tsp.instances("full", params)]
    lengths = [rounded_length(points, range(len(points))) for points in drawn]
    assert [len(points) for points in drawn] == [30, 60]
    assert score.metrics["length"] == sum(lengths)
    constants = [length / (1e6 * len(points) ** 0.5) for length, points in zip(lengths, drawn, strict=True)]
    assert score.metrics["tour_constant"] == pytest.approx(sum(constants) / 2, rel=1e-12)
    near = sum(joined_to_nearest(points) / len(points) for points in drawn) / 2
    assert score.metrics["nearest_share"] == pytest.approx(near, rel=1e-12)


def joined_to_nearest(points: list[list[int]]) -> int:
    """Count the cities next to (one of) their nearest in the tour 0, 1, 2, ..."""

    def squared(i: int, j: int) -> int:
        return (points[i][0] - points[j][0]) ** 2 + (points[i][1] - points[j][1]) ** 2

    n = len(points)
    return sum(
        min(squared(i, (i + 1) % n), squared(i, i - 1)) <= min(squared(i, j) for j in range(n) if j != i)
        for i in range(n)
    )


@pytest.mark.parametrize("family", ["uniform", "clustered"])
def test_cities_lie_in_the_square_and_differ_by_stage(family: str) -> None:
    params = dict(problem_of("tsp", family=family).params)
    drawn = {stage: tsp.instances(stage, params) for stage in tsp.STAGES}
    assert [points.shape for points in drawn["full"]] == [(75, 2), (150, 2), (300, 2), (600, 2)]
    assert [points.shape for points in drawn["sealed"]] == [(1000, 2)] * 2
    assert all(points.min() >= 0 and points.max() < 10**6 for part in drawn.values() for points in part)
    assert not np.array_equal(drawn["full"][0], drawn["full"][1][:75])
    assert not np.array_equal(drawn["full"][0], drawn["sealed"][0][:75])


@pytest.mark.parametrize(("name", "value"), [("family", "metric"), ("train_cities", 4), ("seed", -1), ("seed", 1.5)])
def test_parameters_that_name_no_cities_are_named(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"params\.{name}: expected"):
        tsp.instances("full", {**problem_of("tsp").params, name: value})


# ── vector packing ────────────────────────────────────────────────────────────────────────────
def lost_by_hand(size: list[list[int]], jobs: list[list[int]], lifetimes: list[int], rule: Any) -> tuple[int, int]:
    """Return the work turned away and asked for, from a list of who is where at each step."""
    placed: list[tuple[int, int]] = []  # job, machine
    lost = asked = 0
    for job, need in enumerate(jobs):
        running = [(other, machine) for other, machine in placed if other + lifetimes[other] > job]
        free = [
            [full - sum(jobs[other][kind] for other, where in running if where == m) for kind, full in enumerate(row)]
            for m, row in enumerate(size)
        ]
        fitting = [m for m, room in enumerate(free) if room[0] >= need[0] and room[1] >= need[1]]
        work = lifetimes[job] * (need[0] * sum(row[1] for row in size) + need[1] * sum(row[0] for row in size))
        asked += work
        if not fitting:
            lost += work
            continue
        scores = rule(np.array(need), np.array([free[m] for m in fitting]), np.array([size[m] for m in fitting]))
        placed.append((job, fitting[max(range(len(fitting)), key=lambda place: (scores[place], -place))]))
    return lost, asked


@pytest.mark.parametrize("seed", [1, 7])
@pytest.mark.parametrize("name", ["best_fit", "dot_product", "balanced_best_fit"])
def test_lost_work_is_that_of_a_plain_simulation(name: str, seed: int) -> None:
    problem = problem_of("vector_packing", machines=4, train_jobs=160, train_traces=2, seed=seed)
    files = problem.baselines()[name]
    score = vector_packing.evaluate(InProcessCandidate(files, problem.entry), "full", dict(problem.params))
    names: dict[str, Any] = {}
    exec(files[problem.entry], names)
    size, traces = vector_packing.instances("full", problem.params)
    counts = [
        lost_by_hand(size.tolist(), trace.jobs.tolist(), trace.lifetimes.tolist(), names["priority"])
        for trace in traces
    ]
    assert 0 < score.metrics["lost_work"] < 1
    assert score.metrics["lost_work"] == sum(lost for lost, _ in counts) / sum(asked for _, asked in counts)


def test_no_machine_ever_holds_more_than_it_has() -> None:
    problem = problem_of("vector_packing", machines=6)
    size, traces = vector_packing.instances("full", problem.params)
    centre = vector_packing.DataCentre(size, traces[0])
    rng = np.random.default_rng(5)
    for job in range(600):
        offer = centre.advance(job)
        if offer is not None:
            assert (offer[1] >= offer[0]).all()
            centre.place(job, int(rng.integers(len(offer[1]))))
        assert (centre.free >= 0).all() and (centre.free <= size).all()
    assert centre.turned_away


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (np.zeros(3), ""),
        (np.array([np.inf, 0, -np.inf]), ""),
        (np.array([np.inf, 0, np.nan]), "NaN"),
        (np.zeros(4), "shape"),
        (np.zeros((3, 1)), "shape"),
        (np.zeros(3, dtype=complex), "real numbers"),
        ([0.0, 0.0, 0.0], "found list"),
    ],
)
def test_scores_of_machines_are_real_numbers_one_each(answer: Any, words: str) -> None:
    found = vector_packing.fault(answer, 3)
    assert words in found and bool(words) == bool(found)


# ── expert placement ──────────────────────────────────────────────────────────────────────────
def balance_by_hand(placement: list[list[int]], load: list[int]) -> Fraction:
    slots = [expert for row in placement for expert in row]
    totals = [sum((Fraction(load[expert], slots.count(expert)) for expert in row), Fraction(0)) for row in placement]
    return sum(totals, Fraction(0)) / len(totals) / max(totals)


def copies_by_hand(before: list[list[int]], after: list[list[int]]) -> int:
    """Cross out what a GPU already holds, one slot for one slot; count what is left."""
    count = 0
    for old, new in zip(before, after, strict=True):
        held = list(old)
        for expert in new:
            if expert in held:
                held.remove(expert)
            else:
                count += 1
    return count


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 6), st.integers(1, 12))
def test_balance_and_moves_are_those_of_the_statement(seed: int, gpus: int, slots: int, experts: int) -> None:
    rng = np.random.default_rng(seed)
    load = rng.integers(1, 10**6, size=experts)
    before, after = rng.integers(experts, size=(2, gpus, slots))
    assert experts_judge.moved(before, after) == copies_by_hand(before.tolist(), after.tolist())
    cluster = experts_judge.Cluster(experts, gpus, slots)
    complete = set(after.ravel().tolist()) == set(range(experts))
    assert (experts_judge.placement_fault(after, cluster) == "") == complete
    if complete:
        assert experts_judge.balance(after, load) == balance_by_hand(after.tolist(), load.tolist())


def test_a_placement_is_measured_by_the_window_that_follows() -> None:
    problem = problem_of("expert_placement", experts=5, gpus=2, slots=4, train_layers=2, train_windows=3)
    _, layers = experts_judge.instances("full", problem.params)
    score = experts_judge.evaluate(written(SORTED_EXPERTS), "full", dict(problem.params))
    names: dict[str, Any] = {}
    exec(SORTED_EXPERTS, names)
    balances, copies = [], 0
    for drawn in layers:
        current = [[0, 1, 2, 3], [4, 0, 1, 2]]
        for window in (0, 1):
            placed = names["place"](drawn[window], np.array(current)).tolist()
            copies += copies_by_hand(current, placed)
            balances.append(balance_by_hand(placed, drawn[window + 1].tolist()))
            current = placed
    assert score.metrics["balance"] == pytest.approx(float(sum(balances, Fraction(0)) / 4), rel=1e-14)
    assert score.metrics["moved"] == copies / 32


SORTED_EXPERTS = """
import numpy as np
def place(loads, current):
    return np.argsort(loads)[np.arange(current.size) % len(loads)].reshape(current.shape)
"""


def test_loads_drift_but_keep_their_mean() -> None:
    drawn = experts_judge.loads(400, 30, [3])
    assert drawn.min() >= 0
    assert 3700 < drawn.mean() < 4500
    logarithm = np.log(np.maximum(drawn, 1))
    assert 0.85 < np.corrcoef(logarithm[:-1].ravel(), logarithm[1:].ravel())[0, 1] < 0.95


def test_too_few_slots_are_named() -> None:
    with pytest.raises(ValueError, match=r"params\.slots: expected room for 64 experts"):
        experts_judge.instances("full", {**problem_of("expert_placement").params, "slots": 7})


# ── symbolic regression ───────────────────────────────────────────────────────────────────────
BY_HAND: dict[str, Callable[[float, float, float], float]] = {
    "first": lambda a, b, c: 8.5 * a / (1.7 * (1 + b / 0.6) + a) * math.exp(-3.2 * (1 / c - 1)),
    "second": lambda a, b, c: 3.0 * math.exp(-b * a) * math.cos(math.sqrt(c) * a) + 0.8,
}


@pytest.mark.parametrize("law", ["first", "second"])
@pytest.mark.parametrize("text", ["1.0 + a * b", "c / (1 + a)", "np.sin(a) - b"])
def test_error_is_that_of_the_statement(law: str, text: str) -> None:
    program = written(f"import numpy as np\ndef formula(a, b, c):\n    return {text}\n")
    params = dict(problem_of("symbolic_regression", law=law, points=50, sealed_points=40).params)
    for stage in ("full", "sealed"):
        drawn = regression.points(stage, params)
        predicted = [eval(text, {"np": np, "a": a, "b": b, "c": c}) for a, b, c in drawn.variables.T.tolist()]
        measured = drawn.measured.tolist()
        spread = statistics.pstdev(measured)
        squares = [((one - other) / spread) ** 2 for one, other in zip(predicted, measured, strict=True)]
        score = regression.evaluate(program, stage, params)
        assert score.metrics["error"] == pytest.approx(math.sqrt(statistics.fmean(squares)), rel=1e-10)


@pytest.mark.parametrize("law", ["first", "second"])
def test_sealed_points_follow_the_law_and_training_points_its_noise(law: str) -> None:
    params = dict(problem_of("symbolic_regression", law=law).params)
    sealed, full = regression.points("sealed", params), regression.points("full", params)
    exact = [BY_HAND[law](*row) for row in sealed.variables.T.tolist()]
    assert sealed.measured == pytest.approx(exact, rel=1e-12, abs=1e-12)
    noise = full.measured - np.array([BY_HAND[law](*row) for row in full.variables.T.tolist()])
    assert 0.04 < noise.std() / full.measured.std() < 0.06
    assert not set(map(tuple, full.variables.T.tolist())) & set(map(tuple, sealed.variables.T.tolist()))


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("x = 1", 2),
        ("x = 1  # a comment", 2),
        ('"""Words."""\nx = -y', 3),
        ("x = 'table'", 7),
        ("x = np.exp(a + 2)", 7),
        ("x = 123456789012345678901234", 4),
        ("x = t[0]", 4),
        ("def f(a):\n    'Says.'\n    return a", 1),
    ],
)
def test_size_counts_what_is_said(text: str, size: int) -> None:
    assert regression.size({"program.py": text}) == size


def test_a_table_of_the_measurements_breaks_the_bounds() -> None:
    problem = problem_of("symbolic_regression")
    table = regression.points("full", problem.params).measured.tolist()
    text = f"import numpy as np\ndef formula(a, b, c):\n    return np.array({[round(y, 3) for y in table]})\n"
    score = regression.evaluate(written(text), "full", dict(problem.params))
    assert score.metrics["error"] < 0.01
    bounds = {constraint.metric: constraint for constraint in problem.constraints}
    assert bounds["size"].violation(score.metrics["size"]) > 0
    assert not regression.evaluate(written(text), "sealed", dict(problem.params)).valid


# ── cache replacement ─────────────────────────────────────────────────────────────────────────
def misses_by_hand(keys: list[int], capacity: int, victims: list[int]) -> int | None:
    """Return the misses of a cache that evicts ``victims``, or None if they cannot be its victims."""
    cached: list[int] = []
    left = list(victims)
    misses = 0
    for key in keys:
        if key in cached:
            continue
        misses += 1
        if len(cached) == capacity:
            if not left or left[0] not in cached:
                return None
            cached.remove(left.pop(0))
        cached.append(key)
    return None if left else misses


def evicted_at_random(rng: np.random.Generator, keys: list[int], capacity: int) -> list[int]:
    cached: list[int] = []
    victims = []
    for key in keys:
        if key not in cached:
            if len(cached) == capacity:
                victims.append(cached.pop(int(rng.integers(capacity))))
            cached.append(key)
    return victims


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.sampled_from(["none", "drop", "add", "change"]))
def test_replay_of_evictions_is_that_of_a_plain_cache(seed: int, capacity: int, fault: str) -> None:
    rng = np.random.default_rng(seed)
    keys = rng.integers(7, size=40).tolist()
    victims = evicted_at_random(rng, keys, capacity)
    place = int(rng.integers(max(1, len(victims))))
    if fault == "drop":
        del victims[place : place + 1]
    elif fault == "add":
        victims.insert(place, int(rng.integers(7)))
    elif fault == "change":
        victims[place : place + 1] = [int(rng.integers(7))]
    expected = misses_by_hand(keys, capacity, victims)
    found = cache.replay(keys, capacity, victims)
    assert (None if isinstance(found, str) else len(found.misses)) == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.integers(1, 3))
def test_fewest_misses_are_the_least_of_all_evictions(keys: list[int], capacity: int) -> None:
    reachable = {frozenset[int](): 0}  # what is cached -> fewest misses so far
    for key in keys:
        following: dict[frozenset[int], int] = {}
        for cached, misses in reachable.items():
            kept = [cached - {gone} for gone in cached] if len(cached) == capacity else [cached]
            options = [(cached, misses)] if key in cached else [(rest | {key}, misses + 1) for rest in kept]
            for after, count in options:
                following[after] = min(count, following.get(after, count))
        reachable = following
    assert cache.fewest_misses(keys, capacity) == min(reachable.values())


def test_baseline_policies_evict_as_the_rules_say(judged: Callable[[Job], Verdict]) -> None:
    problem = problem_of("cache_policy", train_accesses=2000, train_traces=1, capacity=50)
    ((keys,), capacity) = (cache.instances("full", problem.params)[1], 50)
    for files, moves_up in ((problem.seed().files, False), (problem.baselines()["lru"], True)):
        verdict = judged(Job(problem, problem.stages[0], files))
        assert verdict.metrics["miss_ratio"] == queue_misses(keys.tolist(), capacity, moves_up) / 2000, verdict


def queue_misses(keys: list[int], capacity: int, moves_up: bool) -> int:
    """Return the misses of LRU, or of FIFO where a hit moves nothing up."""
    queue: list[int] = []
    misses = 0
    for key in keys:
        hit = key in queue
        misses += not hit
        if hit and moves_up:
            queue.remove(key)
        if not hit or moves_up:
            queue.append(key)
        del queue[: max(0, len(queue) - capacity)]
    return misses


def test_who_knows_the_future_is_told_so(judged: Callable[[Job], Verdict]) -> None:
    problem = problem_of("cache_policy", train_accesses=3000, train_traces=1)
    verdict = judged(Job(problem, problem.stages[0], problem.exploits()["reads_the_future"]))
    assert verdict.outcome is Outcome.INVALID
    assert "accesses change that are still to come" in verdict.feedback


class WithoutCompiler:
    """A candidate in a sandbox in which no command is found."""

    files: Mapping[str, str] = {}

    def run(self, command: Sequence[str], stdin: bytes = b"", timeout_s: float | None = None) -> Finished:
        return Finished(127, b"", b"", 0.0)


def test_a_missing_compiler_is_named() -> None:
    with pytest.raises(RuntimeError, match=r"needs a C\+\+ compiler, and there is no g\+\+ in the sandbox"):
        cache.evaluate(WithoutCompiler(), "full", dict(problem_of("cache_policy").params))


# ── prompt ────────────────────────────────────────────────────────────────────────────────────
vocabulary = st.lists(st.sampled_from(["pay", "ship", "log", "noise", "the", "card"]), max_size=4)


@settings(max_examples=200, deadline=None)
@given(st.tuples(vocabulary, vocabulary, vocabulary, vocabulary), vocabulary)
def test_the_reader_counts_as_the_statement_says(parts: tuple[list[str], ...], message: list[str]) -> None:
    labels = ["billing", "delivery", "account", "fault"]
    text = "pay ship\n" + "".join(f"## {name}\n{' '.join(part)}\n" for name, part in zip(labels, parts, strict=True))
    sums = [
        sum(Fraction(1, sum(word in other for other in parts) ** 2) for word in set(message) if word in part)
        for part in parts
    ]
    assert prompt.read(" ".join(message), prompt.sections(text)) == labels[sums.index(max(sums))]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("## fault\n", ""), "no heading '## fault'"),
        (("## fault", "## other"), "'other' is no label"),
        (("## fault", "## billing"), "two headings"),
        (("fault\n", "fault\n" + 300 * "x"), "at most 300"),
    ],
)
def test_prompts_that_are_none_are_named(change: tuple[str, str], words: str) -> None:
    honest = "## billing\npay\n## delivery\n## account\n## fault\n"
    assert prompt.sections(honest)["billing"] == {"pay"}
    assert words in prompt.sections(honest.replace(*change))


def test_a_quarter_of_the_sentences_is_kept_for_the_end() -> None:
    params = problem_of("prompt").params
    seen, sealed = ({sentence(m.text) for m in prompt.messages(stage, params)} for stage in ("full", "sealed"))
    assert (len(seen - sealed), len(sealed), len(seen)) == (0, 32, 24)
    assert {m.label for m in prompt.messages("full", params)} == set(prompt.LABELS)


def sentence(text: str) -> str:
    """Return a message without greeting and closing, whatever thing it is about."""
    things = "|".join(prompt.THINGS)
    return re.sub(rf"\b({things})\b", "thing", re.split(r"(?<=[a-z])[,:!] ", text.split(".")[0])[-1])


# ── sorting ───────────────────────────────────────────────────────────────────────────────────
def test_comparisons_are_those_of_the_same_rule_run_here(judged: Callable[[Job], Verdict]) -> None:
    problem = problem_of("sorting", items=7, lists=12)
    drawn = [one.keys for one in sorting.instances("full", problem.params)]
    verdict = judged(Job(problem, problem.stages[0], problem.seed().files))
    counts = [inserted(keys) for keys in drawn]
    assert verdict.metrics["comparisons"] == sum(counts[2:]) / 12, verdict
    assert (verdict.metrics["on_sorted"], verdict.metrics["greatest"]) == (6, 21)
    assert (counts[0], counts[1]) == (6, 21)


def inserted(keys: list[int]) -> int:
    """Return the comparisons of insertion from the end: inversions, and one more for each item that stops early."""
    count = 0
    for place, key in enumerate(keys):
        greater = sum(other > key for other in keys[:place])
        count += greater + (greater < place)
    return count


@settings(max_examples=200, deadline=None)
@given(st.permutations(range(4)), st.permutations(range(4)))
def test_an_order_is_right_exactly_if_the_keys_rise(keys: list[int], order: list[int]) -> None:
    instance = sorting.Instance(list(keys))
    problem = instance.take("! " + " ".join(map(str, order)))
    assert (problem == "") == all(keys[a] < keys[b] for a, b in pairwise(order))


@pytest.mark.parametrize(
    "line", ["? 0", "? 0 4", "? 0 -1", "! 0 1 2", "! 0 0 1 1", "0 1", "?", "! 0 1 2 x", "! ٠ 1 2 3"]
)
def test_lines_that_are_no_question_and_no_order_are_refused(line: str) -> None:
    instance = sorting.Instance([0, 1, 2, 3])
    assert instance.take(line)
    assert not instance.answers


def test_no_program_is_asked_for_ever(judged: Callable[[Job], Verdict]) -> None:
    problem = problem_of("sorting", items=6, lists=3, most_comparisons=8)
    verdict = judged(Job(problem, problem.stages[0], problem.seed().files))
    assert verdict.outcome is Outcome.INVALID
    assert "not sorted after 8 comparisons" in verdict.feedback
