"""Orders to a run: what each does, when it is taken up, and that a record with orders replays, resumes and forks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from evolve.controller.exhibits import Exhibits
from evolve.controller.fork import fork
from evolve.controller.replay import Difference, Replay
from evolve.controller.run import Parts, Result, resume_run, start_run
from evolve.controller.steering import NOBODY_AT_WORK, Taken, taken_orders
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.domain.proposal import Attempt, Event, Message, Record
from evolve.domain.rules import Rules
from evolve.domain.steering import Hint, Inject, Order, Pause, Pin, RemoveHint, Stop, Unpin, Veto, Weigh
from evolve.errors import ConfigurationError, ProposalRejected, StoreError
from evolve.interfaces import Context, Draft, Job, Lease, Operator, Search, Store, Verdict
from evolve.llm.scripted import ScriptedModel
from evolve.search.allocation import EvenAllocation
from evolve.search.controls import Greedy
from evolve.search.grid import GridArchive
from evolve.search.inspirations import Inspired
from evolve.search.islands import IslandSearch
from evolve.search.parents import RankedParents
from evolve.search.topology import Migration
from evolve.store.sql import SqlStore
from tests.controller.controller_support import SEED, AskAndAdd, InProcessExecutor, Nudge, make_parts, no_view, run_info
from tests.controller.test_loop_and_run import KeptStore
from tests.controller.test_replay import answer

TWO = """
statement: Make value large and waste small.
objectives: [{name: value, direction: maximize}, {name: waste, direction: minimize}]
stages: [{name: full, timeout_s: 5}]
"""


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    folder = tmp_path / "two"
    (folder / "seed").mkdir(parents=True)
    (folder / "seed" / "program.py").write_text(SEED)
    (folder / "evaluate.py").write_text("def evaluate(candidate, stage, params): ...\n")
    (folder / "problem.yaml").write_text(TWO)
    return Problem.load(folder)


def program(value: float) -> dict[str, str]:
    return {"program.py": SEED.replace("value = 1.0", f"value = {value}")}


def waste_of(value: float) -> float:
    return value * value


@dataclass
class Ordering(InProcessExecutor):
    """Gives orders when so many programs were judged, and waits until each is taken up.

    ``dies_at`` is the number of verdicts after which judging fails as a bug of ours would.
    """

    store: Store = field(default_factory=KeptStore)
    orders: Mapping[int, Sequence[Order]] = field(default_factory=dict)
    run: str = "r"
    dies_at: int | None = None
    giving: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def judge(self, job: Job) -> Verdict:
        verdict = await super().judge(job)
        count = len(self.judged)
        if self.dies_at is not None and count >= self.dies_at:
            raise KeyError("power cut")
        async with self.giving:
            for order in self.orders.get(count, ()):
                number = self.store.order(self.run, order)
                while number not in [item.number for item in taken(self.store, self.run)]:
                    await asyncio.sleep(0.001)
        value = verdict.metrics.get("value")
        return verdict if value is None else replace(verdict, metrics={"value": value, "waste": waste_of(value)})


def taken(store: Store, run: str = "r") -> list[Taken]:
    return taken_orders(event for _, event in store.events(run))


class AskWithReasons(AskAndAdd):
    """Asks for a number too; its prompt says why each other program is shown, and what was hinted."""

    async def propose(self, context: Context) -> Draft:
        assert context.model is not None
        shown = [(other.program.step, other.why) for other in context.inspirations]
        hints = [lesson.text for lesson in context.lessons]
        text = context.parent.program.files["program.py"]
        prompt = Message("user", f"step {context.step}\n{text}\n{shown}\n{hints}")
        answer = await context.model.complete(context.model.request([prompt]))
        await asyncio.sleep(0.005)  # so that there are attempts in flight when orders come
        value = float(text.split("value = ")[1].splitlines()[0])
        try:
            return Draft({"program.py": text.replace(f"value = {value}", f"value = {value + float(answer.text)}")})
        except ValueError as error:
            raise ProposalRejected("no_number", answer.text) from error


def islands(problem: Problem) -> Search:
    return IslandSearch(
        features=problem.features,
        archive=GridArchive,
        parents=RankedParents(exploit=0.5, top=5.0),
        showing=Inspired(count=2, top=1),
        islands=2,
        allocation=EvenAllocation(),
        migration=Migration(topology="ring", interval=10, migrants=1),
        renewal=[],
        relief=[],
    )


def fresh(
    problem: Problem,
    store: Store,
    orders: Mapping[int, Sequence[Order]] | None = None,
    *,
    evaluations: int = 60,
    new_search: Callable[[Problem], Search] = islands,
    run: str = "r",
    dies_at: int | None = None,
    keyless: bool = False,
) -> Parts:
    operators: list[Operator] = [Nudge(digits=2)] if keyless else [Nudge(digits=2), AskWithReasons()]
    executor = Ordering(
        width=4, delay_s=lambda text: (len(text) * 7 % 11) * 1e-4, store=store, orders=orders or {}, run=run,
        dies_at=dies_at,
    )  # fmt: skip
    model = None if keyless else ScriptedModel(answer, cost_usd=0.001)
    parts = make_parts(problem, store, operators, executor=executor, model=model, evaluations=evaluations)
    return replace(parts, new_search=lambda: new_search(problem), sealed=False)


async def started(parts: Parts) -> Result:
    return await start_run(parts, run_info(parts.problem), no_view)


async def replayed(parts: Parts, store: Store, run: str = "r") -> Difference | None:
    decisions = parts.decisions(Exhibits(store, run, parts.problem))
    return await Replay(
        store=store, run=run, decisions=decisions, model=parts.model, novelty=parts.novelty
    ).first_difference()


def history(store: Store, run: str = "r") -> list[Attempt]:
    return list(store.history(run))


def after(store: Store, order: Order, run: str = "r") -> list[Attempt]:
    """Return the attempts chosen after an order was taken up."""
    step = next(item.step for item in taken(store, run) if item.order == order)
    return [attempt for attempt in history(store, run) if attempt.selected.step >= step]


EVERYTHING: Mapping[int, Sequence[Order]] = {
    6: [Hint("think big"), Pin(0)],
    10: [Inject(program(3.25), "by hand")],
    14: [Weigh({"waste": 1.0, "value": 0.1})],
    20: [Unpin(0), Veto(2), Hint("think small", expires_after=5)],
    26: [Weigh(None)],
    32: [Veto(1, descendants=True), RemoveHint()],
    38: [Weigh({"value": 1.0}), Inject(program(-7.5))],
    44: [Veto(10_000), Pin(10_000), Unpin(3)],
}


# ── what each order does ──────────────────────────────────────────────────────────────────────
async def test_an_injected_program_is_an_attempt_like_any_other_and_becomes_a_parent(problem: Problem) -> None:
    store, order = KeptStore(), Inject(program(50.0), "a large one")
    await started(fresh(problem, store, {8: [order]}, new_search=lambda p: Greedy(features=p.features)))
    (mine,) = [attempt for attempt in history(store) if attempt.selected.operator == "inject"]
    assert mine.finished.outcome is Outcome.VALID and mine.selected.step == taken(store)[0].step
    assert mine.program is not None and mine.program.detail["summary"] == "a large one"
    assert store.program("r", mine.selected.step).files == program(50.0)
    later = [attempt for attempt in history(store) if attempt.selected.finished_before > mine.finished.sequence]
    assert later and all(attempt.selected.choice.parent >= mine.selected.step for attempt in later)


async def test_an_injected_program_that_is_known_is_a_duplicate(problem: Problem) -> None:
    store = KeptStore()
    await started(fresh(problem, store, {8: [Inject(program(1.0))]}))
    (mine,) = [attempt for attempt in history(store) if attempt.selected.operator == "inject"]
    assert mine.finished.cause == "duplicate"


async def test_a_program_that_does_not_fit_is_refused_on_record(problem: Problem) -> None:
    store = KeptStore()
    result = await started(fresh(problem, store, {8: [Inject({"program.py": "import os\n"})]}))
    assert result.status == "finished"
    assert "outside the blocks" in taken(store)[0].refused
    assert "inject" not in {attempt.selected.operator for attempt in history(store)}


async def test_a_hint_is_shown_in_every_prompt_while_it_lasts(problem: Problem) -> None:
    shown: dict[int, list[str]] = {}

    class Noting(AskAndAdd):
        async def propose(self, context: Context) -> Draft:
            shown[context.step] = [lesson.text for lesson in context.lessons]
            return await super().propose(context)

    store = KeptStore()
    orders: Mapping[int, Sequence[Order]] = {8: [Hint("one"), Hint("two", expires_after=6)], 40: [RemoveHint()]}
    executor = Ordering(width=2, store=store, orders=orders)
    model = ScriptedModel(answer)
    parts = make_parts(problem, store, [Noting(), Nudge()], executor=executor, model=model, evaluations=60)
    await started(replace(parts, sealed=False))
    one, two, gone = taken(store)
    for attempt in history(store):
        if attempt.selected.operator != "ask":
            assert attempt.selected.lessons == ()
            continue
        told, step = attempt.selected.finished_before, attempt.selected.step
        expected = ["two"] if step >= two.step and told < two.told + 6 else []
        expected += ["one"] if one.step <= step < gone.step else []
        assert shown[step] == expected
    assert any(shown.values())


async def test_a_hint_needs_somebody_to_read_it(problem: Problem) -> None:
    store = KeptStore()
    await started(fresh(problem, store, {8: [Hint("hello")]}, keyless=True))
    assert taken(store)[0].refused == "No operator of this run asks a model."


async def test_a_pinned_program_is_the_parent_of_half_of_the_proposals_until_it_is_unpinned(problem: Problem) -> None:
    store = KeptStore()
    orders: Mapping[int, Sequence[Order]] = {8: [Pin(0)], 150: [Unpin(0)]}
    greedy = fresh(problem, store, orders, evaluations=200, new_search=lambda p: Greedy(features=p.features))
    await started(greedy)
    pin, unpin = taken(store)
    parents = {attempt.selected.step: attempt.selected.choice.parent for attempt in history(store)}
    pinned = [parent == 0 for step, parent in parents.items() if pin.step <= step < unpin.step]
    assert 0.3 < sum(pinned) / len(pinned) < 0.7
    assert not any(parent == 0 for step, parent in parents.items() if step >= unpin.step)


async def test_a_vetoed_program_is_used_for_nothing_any_more(problem: Problem) -> None:
    store, order = KeptStore(), Veto(0, descendants=False)
    await started(fresh(problem, store, {3: [Inject(program(9.0))], 20: [order]}))
    assert taken(store)[1].refused == ""
    for attempt in after(store, order):
        assert 0 not in (attempt.selected.choice.parent, *attempt.selected.choice.inspirations)


async def test_the_champion_is_not_vetoed(problem: Problem) -> None:
    store = KeptStore()
    result = await started(fresh(problem, store, {3: [Inject(program(500.0))]}, evaluations=30))
    (mine,) = [attempt for attempt in history(store) if attempt.selected.operator == "inject"]
    store.order("r", Veto(mine.selected.step, descendants=True))
    again = await resume_run(fresh(problem, store, evaluations=30), "r", no_view)
    line = {mine.selected.step}
    for attempt in history(store):
        if attempt.program is not None and attempt.program.parents and attempt.program.parents[0] in line:
            line.add(attempt.selected.step)
    assert result.best_step in line and again.best_step not in line
    assert again.best.metrics["value"] < 400.0


async def test_a_veto_that_leaves_nothing_is_refused(problem: Problem) -> None:
    store = KeptStore()
    result = await started(fresh(problem, store, {4: [Veto(0, descendants=True)]}))
    assert result.status == "finished" and "no valid program" in taken(store)[0].refused


async def test_under_weights_the_best_is_that_of_the_weighted_sum(problem: Problem) -> None:
    store = KeptStore()
    result = await started(fresh(problem, store, {5: [Weigh({"value": 1.0, "waste": 1.0})]}, evaluations=150))
    sums = {
        attempt.selected.step: attempt.evaluation.metrics["value"] - attempt.evaluation.metrics["waste"]
        for attempt in history(store)
        if attempt.evaluation is not None and attempt.finished.outcome is Outcome.VALID
    }
    assert sums[result.best_step] == max(sums.values())
    assert result.progress.best is not None and len(result.progress.best.gains) == 2


async def test_a_run_may_begin_with_weights(problem: Problem) -> None:
    parts = replace(fresh(problem, KeptStore(), evaluations=100), rules=Rules(weights=(0.0, 1.0)))
    result = await started(parts)
    assert result.best.metrics["waste"] < 0.5


@pytest.mark.parametrize(("order", "status"), [(Pause(), "paused"), (Stop(), "finished")])
async def test_pause_and_stop_finish_what_is_in_flight(problem: Problem, order: Order, status: str) -> None:
    store = KeptStore()
    result = await started(fresh(problem, store, {20: [order]}, evaluations=10_000))
    assert (result.status, store.run("r").status) == (status, status)
    assert "on request" in result.reason and store.unfinished("r") == []
    resumed = await resume_run(fresh(problem, store, evaluations=60), "r", no_view)
    assert "60 evaluations" in resumed.reason
    assert [item.refused for item in taken(store)] == [""]


async def test_what_is_ordered_after_a_pause_waits_for_the_resume(problem: Problem) -> None:
    store = KeptStore()
    await started(fresh(problem, store, {20: [Pause()]}, evaluations=10_000))
    store.order("r", Pin(0))
    store.order("r", Stop())
    assert len(taken(store)) == 1
    result = await resume_run(fresh(problem, store, evaluations=60), "r", no_view)
    assert [(item.order, item.refused) for item in taken(store)[1:]] == [(Pin(0), ""), (Stop(), NOBODY_AT_WORK)]
    assert "60 evaluations" in result.reason


async def test_a_finished_run_is_resumed_for_an_injected_program(problem: Problem) -> None:
    store = KeptStore()
    await started(fresh(problem, store, evaluations=20))
    with pytest.raises(ConfigurationError, match="larger budget"):
        await resume_run(fresh(problem, store, evaluations=20), "r", no_view)
    store.order("r", Inject(program(99.0)))
    result = await resume_run(fresh(problem, store, evaluations=20), "r", no_view)
    assert result.best.metrics["value"] == 99.0
    assert sum(attempt.evaluation is not None for attempt in history(store)) == 21


# ── the record ────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("new_search", [islands, lambda p: Greedy(features=p.features)], ids=["islands", "greedy"])
async def test_a_run_with_every_order_replays_identically(
    problem: Problem, new_search: Callable[[Problem], Search]
) -> None:
    store = KeptStore()
    await started(fresh(problem, store, EVERYTHING, new_search=new_search))
    given = [order for count in sorted(EVERYTHING) for order in EVERYTHING[count]]
    assert [item.order for item in taken(store)] == given
    assert [item.order for item in taken(store) if item.refused] == given[-3:]
    assert [attempt.finished.outcome for attempt in history(store)].count(Outcome.VALID) > 40
    assert await replayed(fresh(problem, store, new_search=new_search), store) is None


async def test_orders_in_a_database_replay_identically(problem: Problem, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/e.db"
    mine = SqlStore(url)
    try:
        parts = replace(fresh(problem, mine, EVERYTHING), open_store=lambda: SqlStore(url))
        await started(parts)
        assert [item.refused for item in taken(mine)].count("") == 12
        assert any(id < 0 for attempt in history(mine) for id in attempt.selected.lessons)
        assert await replayed(fresh(problem, mine), mine) is None
    finally:
        mine.close()


async def test_a_record_without_its_orders_does_not_replay(problem: Problem) -> None:
    store = KeptStore()
    await started(fresh(problem, store, {10: [Weigh({"waste": 1.0})]}))
    assert await replayed(fresh(problem, store), store) is None
    store._runs["r"].events.clear()
    assert await replayed(fresh(problem, store), store) is not None


@pytest.mark.parametrize("dies_at", [9, 12, 16, 23, 34, 41])
async def test_a_run_that_was_cut_off_goes_on_with_its_orders(problem: Problem, dies_at: int) -> None:
    store = KeptStore()
    with pytest.raises(KeyError, match="power cut"):
        await started(fresh(problem, store, EVERYTHING, dies_at=dies_at))
    before = taken(store)
    rest = {count: orders for count, orders in EVERYTHING.items() if count > dies_at}
    await resume_run(fresh(problem, store, {count - dies_at: orders for count, orders in rest.items()}), "r", no_view)
    assert taken(store)[: len(before)] == before
    numbers = [item.number for item in taken(store)]
    assert len(numbers) == len(set(numbers))
    assert store.unfinished("r") == [] and store.orders("r", max(numbers)) == []
    steps = [attempt.selected.step for attempt in history(store)]
    injected = [item.step for item in taken(store) if isinstance(item.order, Inject)]
    assert sorted(steps) == list(range(len(steps))) and set(injected) <= set(steps)
    assert await replayed(fresh(problem, store), store) is None


class Cut(KeptStore):
    """Loses the batch in which an order is taken up."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = True

    def append(self, lease: Lease, records: Sequence[Record]) -> None:
        if self.fails and any(isinstance(record, Event) and record.kind == "steered" for record in records):
            raise StoreError("power cut")
        super().append(lease, records)


async def test_an_order_whose_event_was_lost_is_taken_up_once(problem: Problem) -> None:
    store = Cut()
    parts = fresh(problem, store, evaluations=2000)
    run = asyncio.create_task(started(parts))
    while not store.runs() or store.run("r").proposals < 5:
        await asyncio.sleep(0.002)
    store.order("r", Inject(program(77.0)))
    with pytest.raises(StoreError, match="power cut"):
        await run
    assert taken(store) == []
    assert "inject" not in {item.selected.operator for item in store.unfinished("r")}
    store.fails = False
    await resume_run(fresh(problem, store, evaluations=100), "r", no_view)
    assert [attempt.selected.operator for attempt in history(store)].count("inject") == 1
    assert await replayed(fresh(problem, store), store) is None


@pytest.mark.parametrize("count", [8, 15, 25, 40, 50])
async def test_a_fork_takes_over_the_orders_until_then(problem: Problem, count: int) -> None:
    store = KeptStore()
    await started(fresh(problem, store, EVERYTHING))
    parts = fresh(problem, store)
    fork(store, "r", count, run_info(problem, "f"), parts.decisions(Exhibits(store, "r", problem)), parts.holder)
    known = [item for item in taken(store) if item.told <= count and not item.refused]
    waiting = [order for _, _, order in store.orders("f", 0)]
    assert [item.order for item in taken(store, "f")] + waiting == sorted(
        [item.order for item in known], key=lambda order: order in waiting
    )
    assert all(isinstance(order, Inject) for order in waiting)
    await resume_run(fresh(problem, store, evaluations=80), "f", no_view)
    assert len(taken(store, "f")) == len(known)
    assert await replayed(fresh(problem, store), store, "f") is None
