"""What every store promises of a run as a whole: giving it away, taking it in, counting it, pruning it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from evolve.conformance.clock import Clock
from evolve.conformance.store import MakeStore
from evolve.conformance.synthetic import fill
from evolve.conformance.whole_run import (
    OBJECTIVES,
    ODD,
    RUN,
    files_mark,
    over,
    selected,
    write_everything,
)
from evolve.domain.evaluation import Outcome
from evolve.domain.objective import Direction, Objective
from evolve.domain.proposal import (
    Applied,
    Called,
    Choice,
    Completed,
    Evaluated,
    Event,
    Finished,
    Placement,
    Prompted,
    Record,
    Selected,
)
from evolve.domain.questions import Page, summed
from evolve.domain.steering import Hint, Posted
from evolve.errors import ConfigurationError, LeaseLost, NotFound, StoreError
from evolve.interfaces import PRUNED, Entry, Lease, Prunable, Questions, Store
from evolve.store.memory import MemoryStore
from evolve.store.plain_questions import PlainQuestions
from evolve.store.sql import SqlStore

STEPS = 8
TICK_S = 0.25
Make = Callable[[str], Store]


def kinds_of(entries: Sequence[Entry]) -> list[str]:
    return [type(entry.record).__name__ for entry in entries]


def records_of(entries: Sequence[Entry], kind: type) -> list[Record | Posted]:
    return [entry.record for entry in entries if isinstance(entry.record, kind)]


# ── questions ─────────────────────────────────────────────────────────────────────────────────
def assert_same_answers(store: Store, run: str) -> None:
    """Compare every answer with the one that reading the whole record gives."""
    copy = MemoryStore()
    copy.take_in(store.run(run), store.entries(run))
    asked, plain = store.questions(), PlainQuestions(copy)
    assert asked.status(run) == pytest_approx(plain.status(run))
    assert [pytest_approx(tally) for tally in asked.tallies(run)] == list(plain.tallies(run))
    for objective in store.run(run).objectives:
        for points in (1, 7, 1000):
            told = asked.curve(run, objective.name, points)
            assert [pytest_approx(best) for best in told] == list(plain.curve(run, objective.name, points))
            assert len(told) <= points
    for by in ("", *(objective.name for objective in store.run(run).objectives)):
        for reverse in (False, True):
            for skip, limit in ((2, 5), (0, 1000)):
                page = Page(by, skip, limit, reverse)
                assert asked.page(run, page) == plain.page(run, page)
                if not by:
                    assert asked.bred(run, page) == plain.bred(run, page)
    for points in (5, 1000):
        assert asked.sample(run, points) == plain.sample(run, points)
    last = max(attempt.selected.step for attempt in store.history(run))
    _assert_same_family(asked, plain, run, last)
    _assert_same_choices(asked, plain, run)
    for limit in (3, 1000):
        assert asked.cells(run, limit) == plain.cells(run, limit)
    steps = [last, last + 1, 0]
    assert asked.attempts(run, steps) == plain.attempts(run, steps)
    assert (pytest_approx(asked.run(run).usage), asked.run(run).proposals) == (
        plain.run(run).usage,
        plain.run(run).proposals,
    )
    assert [info.evaluated for info in asked.runs() if info.id == run] == [plain.run(run).evaluated]
    assert asked.run(run).evaluation_s == pytest.approx(plain.run(run).evaluation_s)


def _assert_same_family(asked: Questions, plain: Questions, run: str, last: int) -> None:
    assert asked.lineage(run, last) == plain.lineage(run, last)
    for step in (0, last - 1):
        for limit in (2, 1000):
            assert asked.children(run, step, limit) == plain.children(run, step, limit)


def _assert_same_choices(asked: Questions, plain: Questions, run: str) -> None:
    lead = plain.run(run).objectives[0].name
    for by in ("", lead):
        for page in (
            Page(by, placed=True),
            Page(by, outcome=Outcome.VALID, limit=7),
            Page(by, operator="diff", reverse=True),
            Page(by, placed=True, outcome=Outcome.VALID, operator="seed"),
        ):
            assert asked.page(run, page) == plain.page(run, page)


def pytest_approx(value: object) -> object:
    """Return a dataclass that equals another whose floats are nearly the same."""
    return _Nearly(value)


class _Nearly:
    def __init__(self, value: object) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        mine, theirs = (_fields(self._value), _fields(other))
        return type(self._value) is type(other) and mine == pytest.approx(theirs)

    def __repr__(self) -> str:
        return repr(self._value)


def _fields(value: object) -> dict[str, object]:
    return {name: getattr(value, name) for name in type(value).__slots__}  # type: ignore[attr-defined]


# ── pruning ───────────────────────────────────────────────────────────────────────────────────
def pruned(store: Store, what: Collection[Prunable], steps: Collection[int], run: str = RUN.id) -> Lease:
    lease = store.acquire(run, "elsewhere:9:1", 60.0)
    store.prune(lease, what, steps)
    store.release(lease, 3.5, "paused")
    return lease


def without(entry: Entry, what: Collection[Prunable]) -> Entry:
    """Return an entry as it is after pruning."""
    match entry.record:
        case Prompted() as prompted if Prunable.PROMPTS in what:
            return replace(entry, record=replace(prompted, request=replace(prompted.request, messages=())))
        case Completed() as answer if Prunable.ANSWERS in what:
            return replace(entry, record=replace(answer, completion=replace(answer.completion, text="")))
        case Evaluated() as verdict if Prunable.ARTIFACTS in what:
            return replace(entry, record=replace(verdict, evaluation=replace(verdict.evaluation, artifacts={})))
        case _:
            return entry


def _step(entry: Entry) -> int | None:
    record = entry.record
    if isinstance(record, Event | Posted):
        return None
    return record.program.step if isinstance(record, Applied) else record.step


class RecordSuite:
    """What every Store promises of a run as a whole. A class of yours says how one is made."""

    @pytest.fixture
    def make_store(self) -> MakeStore:
        """Return what makes an empty store by a name and a clock; those of other names live beside it."""
        raise NotImplementedError("Override the fixture make_store in your class.")

    @pytest.fixture
    def make(self, make_store: MakeStore) -> Make:
        return lambda name: make_store(name, Clock(TICK_S))

    @pytest.fixture
    def store(self, make: Make) -> Iterator[Store]:
        store = make("whole")
        write_everything(store)
        yield store
        store.close()

    # ── entries ───────────────────────────────────────────────────────────────────────────────────
    def test_entries_tell_each_attempt_as_it_came_about(self, store: Store) -> None:
        told = kinds_of(list(store.entries(RUN.id, range(1, 2))))
        calls = ["Prompted", "Called", "Called", "Completed"]
        assert told == ["Selected", *calls, "Applied", "Evaluated", "Evaluated", "Evaluated", "Finished"]
        assert kinds_of(list(store.entries(RUN.id, range(3, 4)))) == ["Selected", "Learned", "Finished"]
        assert kinds_of(list(store.entries(RUN.id, range(6, 8)))) == [
            "Selected", "Prompted", "Called", "Selected", "Applied",
        ]  # fmt: skip

    def test_entries_end_with_events_and_orders(self, store: Store) -> None:
        entries = list(store.entries(RUN.id))
        assert kinds_of(entries)[-6:] == ["Event", "Event", *["Posted"] * 4]
        assert [entry.fence for entry in entries if isinstance(entry.record, Event)] == [1, 2]
        assert [entry.record.number for entry in entries if isinstance(entry.record, Posted)] == [1, 2, 3, 4]

    def test_entries_keep_their_times_in_order(self, store: Store) -> None:
        timed = [
            entry
            for entry in store.entries(RUN.id)
            if isinstance(entry.record, Selected | Prompted | Called | Finished)
        ]
        assert all(entry.at is not None and entry.at > 1000.0 for entry in timed)
        assert all(entry.fence is not None for entry in timed if isinstance(entry.record, Called))

    def test_entries_of_an_unknown_run_are_not_found(self, store: Store) -> None:
        with pytest.raises(NotFound):
            list(store.entries("no"))

    @pytest.mark.parametrize("target", ["memory", "sqlite"])
    def test_a_run_that_is_taken_in_is_the_same_run(self, store: Store, tmp_path: Path, target: str) -> None:
        other: Store = MemoryStore() if target == "memory" else SqlStore(f"sqlite:///{tmp_path}/other.db")
        entries = list(store.entries(RUN.id))
        other.take_in(store.run(RUN.id), entries)
        assert list(other.entries(RUN.id)) == entries
        assert other.run(RUN.id) == store.run(RUN.id)
        assert list(other.history(RUN.id)) == list(store.history(RUN.id))
        assert other.unfinished(RUN.id) == store.unfinished(RUN.id)
        assert other.events(RUN.id) == store.events(RUN.id)
        assert other.orders(RUN.id, 1) == store.orders(RUN.id, 1)
        for step in range(STEPS):
            assert other.requests(RUN.id, step) == store.requests(RUN.id, step)
            assert other.calls(RUN.id, step) == store.calls(RUN.id, step)
            assert other.evaluations(RUN.id, step) == store.evaluations(RUN.id, step)
        other.close()

    def test_a_run_that_was_taken_in_goes_on(self, store: Store, make: Make) -> None:
        other = make("other")
        other.take_in(store.run(RUN.id), store.entries(RUN.id))
        lease = other.acquire(RUN.id, "elsewhere:3:1", 60.0)
        assert lease.fence == 3
        other.append(lease, [over(7, 6), Event("resumed", {})])
        assert [attempt.selected.step for attempt in other.history(RUN.id)][-1] == 7
        assert other.questions().status(RUN.id).finished == 7
        other.close()

    def test_orders_go_on_from_the_largest_number_of_a_run_that_was_taken_in(self, store: Store, make: Make) -> None:
        other = make("other")
        other.take_in(store.run(RUN.id), store.entries(RUN.id))
        other.create_run(replace(RUN, id="newer"))
        assert other.run("newer").last_order == 4
        assert other.order("newer", Hint("go on")) == 5
        third = make("third")
        third.take_in(other.run("newer"), [])
        assert third.order("newer", Hint("go on")) == 5
        other.close()
        third.close()

    def test_runs_with_the_same_numbers_of_orders_live_in_one_store(self, store: Store) -> None:
        store.take_in(replace(store.run(RUN.id), id="copy"), list(store.entries(RUN.id)))
        assert store.orders("copy", 0) == store.orders(RUN.id, 0)
        assert store.order(RUN.id, Hint("more")) == 5

    def test_a_run_is_taken_in_once(self, store: Store) -> None:
        with pytest.raises(StoreError, match=RUN.id):
            store.take_in(store.run(RUN.id), store.entries(RUN.id))

    @pytest.mark.parametrize("twice", [Selected, Applied, Evaluated, Finished, Prompted, Completed])
    def test_a_record_that_says_something_twice_is_not_taken_in(self, store: Store, make: Make, twice: type) -> None:
        entries = list(store.entries(RUN.id))
        again = next(entry for entry in entries if isinstance(entry.record, twice))
        other = make("other")
        with pytest.raises(StoreError):
            other.take_in(store.run(RUN.id), [*entries, again])
        assert other.runs() == []
        other.take_in(store.run(RUN.id), entries)
        assert list(other.entries(RUN.id)) == entries
        other.close()

    def test_what_fails_on_the_way_leaves_nothing(self, store: Store, make: Make) -> None:
        def broken() -> Iterator[Entry]:
            yield from store.entries(RUN.id, range(2))
            raise ConfigurationError("the file ends here")

        other = make("other")
        with pytest.raises(ConfigurationError):
            other.take_in(store.run(RUN.id), broken())
        assert other.runs() == []
        other.close()

    # ── objectives ────────────────────────────────────────────────────────────────────────────────
    def test_objectives_are_declared_once_and_rank_what_there_is(self, make: Make) -> None:
        store = make("old")
        write_everything(store, replace(RUN, objectives=()))
        with pytest.raises(NotFound, match="score"):
            store.questions().curve(RUN.id, "score", 10)
        store.declare(RUN.id, OBJECTIVES)
        store.declare(RUN.id, (Objective("other", Direction.MINIMIZE),))
        assert store.run(RUN.id).objectives == OBJECTIVES
        assert_same_answers(store, RUN.id)
        assert [best.step for best in store.questions().curve(RUN.id, "score", 10)] == [0, 1, 4]
        with pytest.raises(NotFound):
            store.declare("no", OBJECTIVES)
        store.close()

    def test_every_answer_equals_what_the_whole_record_says(self, store: Store) -> None:
        assert_same_answers(store, RUN.id)

    def test_every_answer_about_a_longer_run_equals_what_the_whole_record_says(self, make: Make) -> None:
        store = make("long")
        store.create_run(RUN)
        fill(store, store.acquire(RUN.id, "elsewhere:1:1", 60.0), 603)
        assert_same_answers(store, RUN.id)
        store.close()

    def test_status_counts_finished_attempts_and_those_in_flight(self, store: Store) -> None:
        status = store.questions().status(RUN.id)
        assert (status.proposals, status.finished, status.in_flight) == (8, 6, 2)
        assert (status.programs, status.judged, status.valid, status.placed) == (3, 4, 4, 2)
        assert (status.calls, status.tokens) == (2, 240)
        assert status.cost_usd == pytest.approx(0.5)

    def test_tallies_add_up_by_operator(self, store: Store) -> None:
        by_operator = {sums.name: sums for sums in summed(store.questions().tallies(RUN.id), lambda t: t.operator)}
        assert {name: sums.attempts for name, sums in by_operator.items()} == {
            "diff": 3, "seed": 1, "distill": 1, "rescore": 1,
        }  # fmt: skip
        assert (by_operator["diff"].programs, by_operator["diff"].placed) == (2, 1)

    def test_the_curve_of_what_is_minimised_falls(self, store: Store) -> None:
        curve = store.questions().curve(RUN.id, "time_s", 10)
        assert [(best.step, best.value) for best in curve] == [(0, 1.0)]
        rising = store.questions().curve(RUN.id, "score", 10)
        assert [(best.step, best.value, best.proposals) for best in rising] == [(0, 0.25, 1), (1, 0.5, 2), (4, 1.5, 5)]
        assert rising[-1].cost_usd == pytest.approx(0.5)

    def test_a_page_shows_the_best_as_first_scored_in_its_last_stage(self, store: Store) -> None:
        best, second = store.questions().page(RUN.id, Page("score", limit=2))
        assert (best.step, best.values) == (4, {"score": 1.5, "time_s": 3.0})
        assert (second.step, second.values["score"]) == (1, 0.5)
        assert [row.step for row in store.questions().page(RUN.id, Page(limit=2))] == [5, 4]

    def test_a_lineage_ends_with_the_seed(self, store: Store) -> None:
        assert [row.step for row in store.questions().lineage(RUN.id, 4)] == [4, 3, 2, 1, 0]
        assert [row.step for row in store.questions().lineage(RUN.id, 0)] == [0]

    def test_children_are_what_was_made_of_it(self, store: Store) -> None:
        asked = store.questions()
        assert [row.step for row in asked.children(RUN.id, 0, 10)] == [1]
        assert asked.children(RUN.id, 99, 10) == []
        with pytest.raises(ConfigurationError, match="limit"):
            asked.children(RUN.id, 0, 0)

    def test_a_cell_is_held_by_the_program_that_was_placed_in_it_last(self, make: Make) -> None:
        store = make("cells")
        store.create_run(RUN)
        lease = store.acquire(RUN.id, "elsewhere:1:1", 60.0)
        for step, cell in enumerate(("i0:1,2", "i0:1,3", "i0:1,2", "i0:4,4 (1)")):
            placed = Finished(step, step, Outcome.VALID, "", "", Placement.IMPROVED, cell)
            store.append(lease, [Selected(step, Choice(0, (), 0), "diff", step), placed])
        held = [(held.cell, held.attempt.step) for held in store.questions().cells(RUN.id, 10)]
        assert held == [("i0:4,4", 1), ("i0:1,2", 2), ("i0:1,3", 1)]
        store.close()

    def test_bred_names_the_calls_of_what_got_a_place(self, store: Store) -> None:
        (call,) = store.questions().bred(RUN.id, Page())
        assert (call.attempt.step, call.answered_by, call.cost_usd, call.lessons) == (4, "openai/x-1", 0.25, (48,))

    @pytest.mark.parametrize("page", [{"limit": 0}, {"limit": 1001}, {"skip": -1}])
    def test_a_page_that_makes_no_sense_is_refused(self, page: dict[str, int]) -> None:
        with pytest.raises(ConfigurationError):
            Page(**page)  # type: ignore[arg-type]

    def test_questions_about_what_there_is_not_are_refused(self, store: Store) -> None:
        asked = store.questions()
        for step in (7, 99):
            with pytest.raises(NotFound, match=str(step)):
                asked.lineage(RUN.id, step)
        with pytest.raises(NotFound, match="'score'"):
            asked.page(RUN.id, Page("scores"))
        with pytest.raises(NotFound):
            asked.status("no")
        with pytest.raises(ConfigurationError, match="points"):
            asked.curve(RUN.id, "score", 0)
        with pytest.raises(ConfigurationError, match="by"):
            asked.bred(RUN.id, Page("score"))

    def test_a_run_without_attempts_has_empty_answers(self, make: Make) -> None:
        store = make("new")
        store.create_run(RUN)
        asked = store.questions()
        assert (asked.status(RUN.id).proposals, asked.tallies(RUN.id), asked.sample(RUN.id, 5)) == (0, [], [])
        assert (asked.page(RUN.id, Page()), asked.curve(RUN.id, "score", 5)) == ([], [])
        store.close()

    def test_a_write_that_is_repeated_is_counted_once(self, make: Make) -> None:
        store = make("again")
        store.create_run(RUN)
        lease = store.acquire(RUN.id, "elsewhere:1:1", 60.0)
        for _ in range(2):
            store.append(lease, [selected(0), over(0, 0, Outcome.REJECTED, "unchanged")])
        store.append(lease, [over(0, 0, Outcome.REJECTED, "unchanged"), selected(1), over(1, 1, Outcome.REJECTED)])
        assert_same_answers(store, RUN.id)
        assert store.questions().status(RUN.id).finished == 2
        store.close()

    @pytest.mark.parametrize(
        "what",
        [{Prunable.PROMPTS}, {Prunable.ANSWERS}, {Prunable.ARTIFACTS}, set(Prunable)],
        ids=lambda what: "+".join(sorted(what)),
    )
    @pytest.mark.parametrize("steps", [range(STEPS), (4, 6)], ids=str)
    def test_pruning_takes_what_it_is_told_and_notes_it(
        self, store: Store, what: Collection[Prunable], steps: Collection[int]
    ) -> None:
        store.take_in(replace(store.run(RUN.id), id="copy"), list(store.entries(RUN.id)))
        before = list(store.entries(RUN.id))
        over = [step for step in steps if step < 6]
        pruned(store, what, steps)
        of_pruned = {id(entry) for step in over for entry in before if _step(entry) == step}
        expected = [without(entry, what) if id(entry) in of_pruned else entry for entry in before]
        after = [e for e in store.entries(RUN.id) if not (isinstance(e.record, Event) and e.record.kind == PRUNED)]
        assert after == expected
        (note,) = [event for _, event in store.events(RUN.id) if event.kind == PRUNED]
        assert note.data["what"] == sorted(what)
        assert [step for first, last in note.data["steps"] for step in range(first, last + 1)] == over  # type: ignore[attr-defined]
        assert list(store.entries("copy")) == before, "another run shares every content"
        assert_same_answers(store, RUN.id)

    def test_pruned_artifacts_that_prompts_show_stay_in_them(self, store: Store) -> None:
        pruned(store, {Prunable.ARTIFACTS}, range(STEPS))
        ((request, _),) = store.requests(RUN.id, 1)
        assert request.messages[1].pictures[0].data.startswith(b"\x89PNG")

    def test_an_answer_of_a_pruned_prompt_is_still_found_by_its_hash(self, store: Store) -> None:
        ((request, answer),) = store.requests(RUN.id, 1)
        key = next(e.record.request_hash for e in store.entries(RUN.id, range(1, 2)) if isinstance(e.record, Prompted))
        pruned(store, {Prunable.PROMPTS}, range(STEPS))
        assert store.completion(RUN.id, 1, key) == answer
        ((bare, kept),) = store.requests(RUN.id, 1)
        assert (bare, kept) == (replace(request, messages=()), answer)

    def test_pruning_nothing_notes_nothing(self, store: Store) -> None:
        pruned(store, set(), range(STEPS))
        pruned(store, set(Prunable), (6, 7, 99))
        assert [event.kind for _, event in store.events(RUN.id)] == ["started", "resumed"]

    def test_pruning_needs_the_lease(self, store: Store) -> None:
        lease = pruned(store, set(), ())
        with pytest.raises(LeaseLost):
            store.prune(lease, set(Prunable), range(STEPS))

    def test_programs_keep_their_files_whatever_is_pruned(self, store: Store) -> None:
        files = {step: store.program(RUN.id, step).files for step in (0, 1, 4, 7)}
        pruned(store, set(Prunable), range(STEPS))
        assert {step: store.program(RUN.id, step).files for step in files} == files
        assert store.known_evaluation("c0ffee", "quick", files_mark(1)) is not None

    # ── sizes ─────────────────────────────────────────────────────────────────────────────────────
    def test_the_size_of_a_run_falls_when_it_is_pruned(self, store: Store) -> None:
        before = store.size(RUN.id)
        assert set(before.bytes) == {"files", "prompts", "answers", "artifacts", "rows", "indices"}
        assert before.counts["programs"] == 4
        assert all(before.bytes[kind] > 0 for kind in ("files", "prompts", "answers", "artifacts"))
        pruned(store, set(Prunable), range(STEPS))
        after = store.size(RUN.id)
        assert after.bytes["files"] == before.bytes["files"]
        assert all(after.bytes[kind] < before.bytes[kind] for kind in ("prompts", "answers", "artifacts"))
        assert store.reclaim() >= 0
        assert store.program(RUN.id, 4).files["main.py"].startswith("x = 4")
        assert ODD in store.evaluations(RUN.id, 0)[0].feedback
        with pytest.raises(NotFound):
            store.size("no")
