"""What every store promises, whichever keeps the run."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from evolve.conformance.clock import Clock
from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.problem import SEALED
from evolve.domain.program import Program
from evolve.domain.proposal import (
    AUDIT,
    LESSONS_PER_STEP,
    RESCORE,
    Applied,
    Called,
    CallState,
    Choice,
    Completed,
    Completion,
    Evaluated,
    Event,
    Finished,
    Learned,
    Lesson,
    LessonKind,
    Message,
    Picture,
    Placement,
    Prompted,
    Record,
    Request,
    Selected,
    Usage,
)
from evolve.domain.steering import Hint, Inject, Order, Pause, Pin, RemoveHint, Stop, Unpin, Veto, Weigh
from evolve.errors import EvolveError, LeaseLost, NotFound, StoreError, StoreLocked
from evolve.interfaces import Lease, RunInfo, Store
from evolve.store.holder import this_holder

MakeStore = Callable[[str, Clock], Store]
"""Makes an empty store by a name; its leases go by the clock."""
Make = Callable[[Clock], Store]
LONGEST_NAME = 200  # characters that judges may give a metric's name
RUN = RunInfo(
    "packing-1", "packing", "running", {"seed": 1, "nested": {"x": [1.5]}}, {"python": "3.11"}, created_at=5.0
)
ODD_TEXTS = [
    "",
    "\x00",
    "a\x00b",
    "line\r\nline\rline\n",
    "\ufeffbom",
    "\ud800 alone, \udc80 escaped",
    "\ud83d" + "\ude00",
    "😀 žluťoučký",
    "x = 1\n" * 50_000,
    "(\u00b5/ý",
]


def selected(step: int) -> Selected:
    return Selected(step, Choice(step - 1, (step - 1, 0), island=step % 3), "diff", finished_before=step)


def applied(step: int, text: str = "x = 1\n") -> Applied:
    return Applied(Program(step, {"main.py": text, "lib/a.py": "A"}, (step - 1, 0), {"operator": "diff", "x": [0.1]}))


def judged(step: int, stage: str = "full", repeat: int = 0, score: float = 0.1) -> Evaluated:
    return Evaluated(
        step,
        Evaluation(
            stage=stage,
            outcome=Outcome.VALID,
            judge_hash="c0ffee",
            repeat=repeat,
            metrics={"score": score, "another": 1e-300},
            feedback=f"{stage} {repeat}",
            artifacts={"plot.png": b"\x89PNG\x00", "log": b""},
            per_instance={"i1": 0.1 + 0.2},
            seconds=0.25,
        ),
    )


def finished(step: int, sequence: int) -> Finished:
    return Finished(step, sequence, Outcome.VALID, "", "well done", Placement.IMPROVED, "3,4")


def prompted(step: int, call: int = 0, content: str = "improve this") -> Prompted:
    messages = (Message("system", "You are."), Message("user", content))
    return Prompted(step, f"hash-{call}", Request("openai/x", messages, {"temperature": 0.7, "stop": ["a"]}, call))


def called(step: int, number: int, state: CallState = CallState.SENT, call: int = 0, cost_usd: float = 0.0) -> Called:
    return Called(step, f"hash-{call}", number, state, "openai/x", f"{state} {number}", cost_usd)


def learned(step: int, *texts: str) -> Learned:
    first = step * LESSONS_PER_STEP
    grounds = ((3, 4), (1, 2), 0.75, 100)
    return Learned(
        step, tuple(Lesson(first + index, LessonKind.INSIGHT, text, *grounds) for index, text in enumerate(texts))
    )


def answer(text: str = "done", cost_usd: float = 0.25) -> Completion:
    return Completion(text, "openai/x-1", "stop", 100, 20, cost_usd, 1.5)


def whole(step: int, sequence: int) -> list[Record]:
    return [selected(step), applied(step), judged(step), finished(step, sequence)]


# ── what is known already ─────────────────────────────────────────────────────────────────────
OTHER_RUN = replace(RUN, id="packing-2")


def known(store: Store, step: int = 0, judge_hash: str = "c0ffee", stage: str = "full") -> Evaluation | None:
    """Ask for what is known of the files that ``applied`` gives a step."""
    return store.known_evaluation(judge_hash, stage, applied(step).program.fingerprint)


def judged_as(outcome: Outcome, **changed: object) -> Evaluated:
    numbers = {"score": 0.1} if outcome in (Outcome.VALID, Outcome.REJECTED) else {}
    verdict = replace(judged(0).evaluation, outcome=outcome, metrics=numbers)
    return Evaluated(0, replace(verdict, **changed))  # type: ignore[arg-type]


PNG = Picture("image/png", b"\x89PNG\x00")


# ── writing ───────────────────────────────────────────────────────────────────────────────────
def everything() -> list[Record]:
    first = [called(1, 0), called(1, 1, CallState.ANSWERED, cost_usd=0.25)]
    calls: list[Record] = [prompted(1), *first, Completed(1, "hash-0", answer()), prompted(1, 1), called(1, 0, call=1)]
    return [
        *whole(0, 0),
        selected(1),
        *calls,
        learned(1, "a", "b"),
        applied(1),
        judged(1, "quick"),
        Event("started", {"n": 1}),
        finished(1, 1),
    ]


def contents(store: Store, run: str = RUN.id) -> list[object]:
    """Return all that a store says of a run; failures by their type."""
    steps = range(6)
    return [
        store.run(run),
        list(store.history(run)),
        store.unfinished(run),
        store.events(run),
        [_or_error(store.program, run, step) for step in steps],
        [_or_error(store.evaluations, run, step) for step in steps],
        [_or_error(store.requests, run, step) for step in steps],
        [_or_error(store.calls, run, step) for step in steps],
    ]


def _or_error(question: Callable[[str, int], object], run: str, step: int) -> object:
    try:
        return question(run, step)
    except EvolveError as error:
        return type(error)


# ── orders ────────────────────────────────────────────────────────────────────────────────────
ORDERS: list[Order] = [
    Inject({"a/b.py": "x = 1\n", "c.py": ODD_TEXTS[5]}, "mine"),
    Hint("try triangles", 7),
    Hint(ODD_TEXTS[7]),
    RemoveHint(2),
    RemoveHint(),
    Pin(0),
    Unpin(0),
    Veto(3, descendants=True),
    Weigh({"score": 0.1 + 0.2, "another": 0}),
    Weigh(None),
    Pause(),
    Stop(),
]


class StoreSuite:
    """What every Store promises of single calls. A class of yours says how one is made."""

    @pytest.fixture
    def make_store(self) -> MakeStore:
        """Return what makes an empty store by a name and a clock."""
        raise NotImplementedError("Override the fixture make_store in your class.")

    @pytest.fixture
    def make(self, make_store: MakeStore) -> Make:
        return lambda clock: make_store("store", clock)

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def store(self, make: Make, clock: Clock) -> Iterator[Store]:
        store = make(clock)
        store.create_run(RUN)
        yield store
        store.close()

    @pytest.fixture
    def lease(self, store: Store) -> Lease:
        return store.acquire(RUN.id, "elsewhere:1:1", 60.0)

    # ── runs ──────────────────────────────────────────────────────────────────────────────────────
    def test_a_run_comes_back_as_it_was_created(self, store: Store) -> None:
        assert store.run(RUN.id) == RUN

    def test_runs_are_listed_newest_first(self, store: Store) -> None:
        for id, created_at in (("older", 4.0), ("newest", 6.0), ("same-age", 5.0)):
            store.create_run(replace(RUN, id=id, created_at=created_at))
        assert [run.id for run in store.runs()] == ["newest", "same-age", RUN.id, "older"]

    def test_an_id_is_given_once(self, store: Store) -> None:
        with pytest.raises(StoreError, match=RUN.id):
            store.create_run(RUN)
        assert store.runs() == [RUN]

    def test_totals_count_attempts_and_money(self, store: Store, lease: Lease) -> None:
        calls: list[Record] = [
            prompted(1),
            Completed(1, "hash-0", answer()),
            prompted(1, 1),
            Completed(1, "hash-1", answer(cost_usd=0.5)),
        ]
        store.append(lease, [*whole(0, 0), selected(1), *calls, applied(1), judged(1, "quick"), judged(1, "full")])
        store.append(lease, [selected(2), prompted(2)])
        info = store.run(RUN.id)
        assert (info.proposals, info.evaluated, info.usage) == (3, 2, Usage(calls=3, tokens=240, cost_usd=0.75))
        assert info.evaluation_s == pytest.approx(sum(judged(1, stage).evaluation.seconds for stage in ("a", "b", "c")))
        assert store.runs() == [info]

    def test_totals_include_what_was_paid_for_a_call_that_has_no_answer_yet(self, store: Store, lease: Lease) -> None:
        thrown_away = [called(1, 0), called(1, 1, CallState.ANSWERED, cost_usd=0.25), called(1, 2, CallState.REASKED)]
        store.append(lease, [*whole(0, 0), selected(1), prompted(1), *thrown_away])
        assert store.run(RUN.id).usage == Usage(calls=1, tokens=0, cost_usd=0.25)
        store.append(lease, [Completed(1, "hash-0", answer(cost_usd=0.75))])
        assert store.run(RUN.id).usage == Usage(calls=1, tokens=120, cost_usd=0.75)

    def test_the_time_of_the_sealed_stage_is_not_counted(self, store: Store, lease: Lease) -> None:
        store.append(lease, [selected(0), applied(0), judged(0, "full"), judged(0, SEALED), finished(0, 0)])
        seconds = judged(0, "full").evaluation.seconds
        assert seconds > 0
        assert store.run(RUN.id).evaluation_s == pytest.approx(seconds)
        assert [attempt.evaluation_s for attempt in store.history(RUN.id)] == [pytest.approx(seconds)]

    @pytest.mark.parametrize(
        "question",
        [
            lambda store: store.run("no"),
            lambda store: store.acquire("no", "me", 1.0),
            lambda store: store.append(Lease("no", "me", 1), []),
            lambda store: list(store.history("no")),
            lambda store: store.unfinished("no"),
            lambda store: store.events("no"),
            lambda store: store.holder("no"),
            lambda store: store.order("no", Pause()),
            lambda store: store.orders("no", 0),
            lambda store: store.program("no", 0),
            lambda store: store.program(RUN.id, 0),
            lambda store: store.evaluations(RUN.id, 0),
            lambda store: store.completion(RUN.id, 0, "hash-0"),
            lambda store: store.requests(RUN.id, 0),
            lambda store: store.calls("no", 0),
            lambda store: store.calls(RUN.id, 0),
            lambda store: store.scores("no", "full", "score"),
        ],
    )
    def test_what_is_unknown_is_not_found(self, store: Store, question: Callable[[Store], object]) -> None:
        with pytest.raises(NotFound):
            question(store)

    def test_a_step_without_a_program_has_none(self, store: Store, lease: Lease) -> None:
        store.append(lease, [selected(0)])
        with pytest.raises(NotFound, match="0"):
            store.program(RUN.id, 0)
        assert store.evaluations(RUN.id, 0) == []

    # ── attempts ──────────────────────────────────────────────────────────────────────────────────
    def test_history_follows_the_order_in_which_the_search_was_told(self, store: Store, lease: Lease) -> None:
        store.append(
            lease, [record for step, sequence in ((0, 0), (1, 3), (2, 1), (3, 2)) for record in whole(step, sequence)]
        )
        assert [attempt.finished.step for attempt in store.history(RUN.id)] == [0, 2, 3, 1]

    def test_an_attempt_carries_its_last_evaluation_and_its_cost(self, store: Store, lease: Lease) -> None:
        calls: list[Record] = [prompted(1), Completed(1, "hash-0", answer()), prompted(1, 1)]
        verdicts = [judged(1, "quick"), judged(1, "full"), judged(1, "full", 1, score=0.7)]
        store.append(lease, [*whole(0, 0), selected(1), *calls, applied(1), *verdicts, finished(1, 1)])
        attempt = list(store.history(RUN.id))[1]
        assert attempt.selected == selected(1)
        assert attempt.program == replace(applied(1).program, files={})
        assert attempt.evaluation == replace(verdicts[2].evaluation, artifacts={})
        assert attempt.finished == finished(1, 1)
        assert attempt.usage == Usage(calls=2, tokens=120, cost_usd=0.25)
        assert attempt.evaluation_s == pytest.approx(math.fsum(verdict.evaluation.seconds for verdict in verdicts))

    def test_a_rejected_attempt_has_no_program_and_no_evaluation(self, store: Store, lease: Lease) -> None:
        end = Finished(0, 0, Outcome.REJECTED, "search_not_found", "The text\x00 \ud800 is not there")
        store.append(lease, [selected(0), end])
        (attempt,) = store.history(RUN.id)
        assert (attempt.program, attempt.evaluation, attempt.finished) == (None, None, end)

    def test_history_is_complete_beyond_one_chunk_and_may_be_written_to_meanwhile(
        self, store: Store, lease: Lease
    ) -> None:
        store.append(lease, [record for step in range(1203) for record in (selected(step), finished(step, step))])
        seen = []
        for attempt in store.history(RUN.id):
            seen.append(attempt.finished.sequence)
            if attempt.finished.sequence == 700:
                store.append(lease, [Event("seen", {})])
        assert seen == list(range(1203))

    def test_unfinished_attempts_keep_what_they_reached(self, store: Store, lease: Lease) -> None:
        store.append(lease, [*whole(0, 0), selected(2), selected(1), applied(1), judged(1, "quick"), judged(1, "full")])
        first, second = store.unfinished(RUN.id)
        assert (first.selected, first.program) == (selected(1), applied(1).program)
        assert first.evaluations == (judged(1, "quick").evaluation, judged(1, "full").evaluation)
        assert (second.selected, second.program, second.evaluations) == (selected(2), None, ())
        store.append(lease, [finished(1, 1), finished(2, 2)])
        assert store.unfinished(RUN.id) == []

    @pytest.mark.parametrize("stage", ["full", SEALED])
    def test_an_attempt_without_a_program_may_have_a_verdict(self, store: Store, lease: Lease, stage: str) -> None:
        again = Selected(1, Choice(0, (), 0), RESCORE if stage == "full" else AUDIT, 1)
        store.append(lease, [*whole(0, 0), again, judged(1, stage, score=0.7)])
        (cut_off,) = store.unfinished(RUN.id)
        assert (cut_off.program, cut_off.evaluations) == (None, (judged(1, stage, score=0.7).evaluation,))
        store.append(lease, [finished(1, 1)])
        attempt = list(store.history(RUN.id))[1]
        assert (attempt.selected, attempt.program, attempt.fingerprint) == (again, None, "")
        assert attempt.evaluation is not None and attempt.evaluation.stage == stage
        assert attempt.evaluation.metrics["score"] == 0.7
        assert len(store.evaluations(RUN.id, 1)) == 1
        assert store.run(RUN.id).evaluated == 2

    def test_evaluations_come_in_the_order_written_with_artifacts(self, store: Store, lease: Lease) -> None:
        verdicts = [judged(0, "z"), judged(0, "a", 1), judged(0, "a", 0)]
        store.append(lease, [selected(0), applied(0), *verdicts])
        assert store.evaluations(RUN.id, 0) == [verdict.evaluation for verdict in verdicts]

    def test_metrics_keep_their_order_and_every_bit(self, store: Store, lease: Lease) -> None:
        numbers = {"z": 0.1, "a": 1 / 3, "m": 5e-324, "b": 1.7976931348623157e308, "c": -2.5e-7, "whole": 3.0}
        store.append(lease, [selected(0), applied(0), Evaluated(0, replace(judged(0).evaluation, metrics=numbers))])
        found = store.evaluations(RUN.id, 0)[0].metrics
        assert json.dumps(found) == json.dumps(numbers)

    def test_an_evaluation_is_known_by_judge_stage_and_files_in_every_run(self, store: Store, lease: Lease) -> None:
        assert known(store) is None
        store.append(lease, [selected(0), applied(0), judged(0, "quick"), judged(0, "full", score=0.7)])
        store.create_run(OTHER_RUN)
        assert known(store) == judged(0, "full", score=0.7).evaluation
        assert known(store, stage="quick") == judged(0, "quick").evaluation
        assert known(store, judge_hash="another") is None
        assert known(store, stage="sealed") is None
        text = applied(0, "x = 2\n").program.fingerprint
        assert store.known_evaluation("c0ffee", "full", text) is None

    def test_the_first_of_equal_evaluations_is_given(self, store: Store, lease: Lease) -> None:
        store.append(lease, [selected(0), applied(0), judged(0)])
        store.create_run(OTHER_RUN)
        second = store.acquire(OTHER_RUN.id, "elsewhere:2:1", 60.0)
        later = replace(judged(0).evaluation, feedback="later", seconds=9.0)
        store.append(second, [selected(0), applied(0), Evaluated(0, later)])
        assert known(store) == judged(0).evaluation

    def test_scores_that_differ_are_not_known(self, store: Store, lease: Lease) -> None:
        store.append(lease, [selected(0), applied(0), judged(0, score=0.1), judged(0, repeat=1, score=0.2)])
        assert known(store) is None

    def test_outcomes_that_differ_are_not_known(self, store: Store, lease: Lease) -> None:
        store.append(lease, [selected(0), applied(0), judged_as(Outcome.VALID), judged_as(Outcome.CRASHED, repeat=1)])
        assert known(store) is None

    @pytest.mark.parametrize("outcome", list(Outcome))
    def test_what_is_not_of_the_program_alone_is_not_known(self, store: Store, lease: Lease, outcome: Outcome) -> None:
        store.append(lease, [selected(0), applied(0), judged_as(outcome)])
        by_itself = outcome in (Outcome.VALID, Outcome.INVALID, Outcome.CRASHED)
        assert known(store) == (judged_as(outcome).evaluation if by_itself else None)

    def test_what_was_taken_over_says_so_and_is_not_taken_over_again(self, store: Store, lease: Lease) -> None:
        taken = judged_as(Outcome.VALID, reused=True, seconds=0.0)
        store.append(lease, [selected(0), applied(0), taken])
        assert store.evaluations(RUN.id, 0) == [taken.evaluation]
        assert known(store) is None

    def test_scores_are_those_of_first_valid_evaluations(self, store: Store, lease: Lease) -> None:
        store.append(lease, [*whole(0, 0), judged(0, "full", 1, score=0.9), selected(2), applied(2)])
        store.append(lease, [judged(2, "quick", score=0.3), judged(2, "full", score=0.4), selected(1), applied(1)])
        store.append(lease, [replace(judged_as(Outcome.REJECTED), step=1)])
        assert list(store.scores(RUN.id, "full", "score").items()) == [(0, 0.1), (2, 0.4)]
        assert store.scores(RUN.id, "full", "score", Outcome.REJECTED) == {1: 0.1}
        assert store.scores(RUN.id, "quick", "score") == {2: 0.3}
        assert store.scores(RUN.id, "full", "no such metric") == {}

    # ── model calls ───────────────────────────────────────────────────────────────────────────────
    def test_calls_come_in_the_order_sent(self, store: Store, lease: Lease) -> None:
        store.append(lease, [selected(0), prompted(0), Completed(0, "hash-0", answer("one")), prompted(0, 1)])
        assert store.requests(RUN.id, 0) == [(prompted(0).request, answer("one")), (prompted(0, 1).request, None)]

    def test_an_answer_is_found_by_its_request(self, store: Store, lease: Lease) -> None:
        store.append(lease, [selected(0), prompted(0)])
        assert store.completion(RUN.id, 0, "hash-0") is None
        store.append(lease, [Completed(0, "hash-0", answer())])
        assert store.completion(RUN.id, 0, "hash-0") == answer()
        assert store.completion(RUN.id, 0, "another") is None

    def test_pictures_come_back_with_their_message(self, store: Store, lease: Lease) -> None:
        other = Picture("image/jpeg", bytes(range(256)))
        messages = (
            Message("user", "look", (PNG, other, PNG)),
            Message("user", "and", (PNG,)),
            Message("user", "no picture"),
        )
        request = Request("openai/x", messages, {})
        store.append(lease, [selected(0), Prompted(0, "hash-0", request), selected(1), Prompted(1, "hash-0", request)])
        assert store.requests(RUN.id, 0) == store.requests(RUN.id, 1) == [(request, None)]

    def test_transitions_come_call_by_call_with_the_time(self, store: Store, lease: Lease, clock: Clock) -> None:
        first = [
            called(0, 0),
            called(0, 1, CallState.BACKOFF),
            called(0, 2),
            called(0, 3, CallState.ANSWERED, cost_usd=0.5),
        ]
        second = [called(0, 0, call=1), called(0, 1, CallState.FAILED, call=1)]
        store.append(lease, [selected(0), prompted(0, 1), prompted(0, 0), *first[:2]])
        clock.advance(1.0)
        store.append(lease, [*second, *first[2:]])
        expected = [(1001.0, one) for one in second] + [(1000.0 + index // 2, one) for index, one in enumerate(first)]
        assert store.calls(RUN.id, 0) == expected
        store.append(lease, [selected(1)])
        assert store.calls(RUN.id, 1) == []

    def test_a_call_that_is_sent_again_by_the_next_holder_keeps_both_stories(self, store: Store, lease: Lease) -> None:
        story = [called(0, 0), called(0, 1, CallState.ANSWERED)]
        store.append(lease, [selected(0), prompted(0), *story])
        store.release(lease, 0.0, "paused")
        later = store.acquire(RUN.id, "someone", 60.0)
        for _ in range(2):
            store.append(later, story)
        assert [one for _, one in store.calls(RUN.id, 0)] == [*story, *story]

    # ── who was asked, and what was learned ───────────────────────────────────────────────────────
    def test_an_attempt_names_its_model_and_the_lessons_it_was_shown(self, store: Store, lease: Lease) -> None:
        chosen = replace(selected(0), model="strong-1", lessons=(16, 3))
        store.append(lease, [chosen, selected(1)])
        assert [item.selected for item in store.unfinished(RUN.id)] == [chosen, selected(1)]
        store.append(lease, [finished(0, 0)])
        assert next(store.history(RUN.id)).selected == chosen

    def test_an_attempt_carries_what_it_learned(self, store: Store, lease: Lease) -> None:
        new = learned(1, "first", "second\x00\ud800")
        forever = Learned(2, (Lesson(2 * LESSONS_PER_STEP, LessonKind.INSTRUCTION, ""),))
        end = Finished(1, 1, Outcome.REJECTED, "lesson")
        store.append(lease, [*whole(0, 0), selected(1), new, end, selected(2), Learned(2, ()), forever, finished(2, 2)])
        assert [attempt.lessons for attempt in store.history(RUN.id)] == [(), new.lessons, forever.lessons]

    def test_an_id_of_a_lesson_is_given_once(self, store: Store, lease: Lease) -> None:
        store.append(lease, [selected(0), selected(1), learned(0, "a")])
        before = contents(store)
        with pytest.raises(StoreError, match="lesson"):
            store.append(lease, [replace(learned(0, "b"), step=1)])
        assert contents(store) == before

    # ── texts ─────────────────────────────────────────────────────────────────────────────────────
    @pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
    def test_any_text_comes_back_exactly(self, store: Store, lease: Lease, text: str) -> None:
        name = text[:LONGEST_NAME]
        verdict = replace(
            judged(0).evaluation,
            judge_hash=name,
            feedback=text,
            metrics={name: 1.0},
            per_instance={text: 2.0},
            artifacts={text: text.encode("utf-8", "surrogatepass")},
        )
        program = Program(0, {text: text, "other.py": text}, (), {text: text})
        end = replace(finished(0, 0), detail=text)
        told = replace(called(0, 0), detail=text)
        call: list[Record] = [prompted(0, content=text), told, Completed(0, "hash-0", answer(text))]
        store.append(
            lease, [selected(0), *call, Applied(program), Evaluated(0, verdict), end, Event("note", {"text": text})]
        )
        assert store.program(RUN.id, 0) == program
        assert store.evaluations(RUN.id, 0) == [verdict]
        assert store.requests(RUN.id, 0) == [(prompted(0, content=text).request, answer(text))]
        assert store.calls(RUN.id, 0) == [(1000.0, told)]
        assert next(store.history(RUN.id)).finished == end
        assert store.events(RUN.id)[0][1].data == {"text": text}

    def test_what_is_kept_does_not_follow_later_changes(self, store: Store, lease: Lease) -> None:
        files, detail, data = {"a.py": "1"}, {"x": [1]}, {"x": [1]}
        store.append(lease, [selected(0), Applied(Program(0, files, (), detail)), Event("note", data)])
        files["a.py"] = "2"
        detail["x"].append(2)
        data["x"].append(2)
        assert store.program(RUN.id, 0) == Program(0, {"a.py": "1"}, (), {"x": [1]})
        assert store.events(RUN.id)[0][1].data == {"x": [1]}

    def test_writing_the_same_again_changes_nothing(self, store: Store, lease: Lease, clock: Clock) -> None:
        store.append(lease, everything())
        before = contents(store)
        clock.advance(1.0)
        store.append(lease, everything())
        for record in everything():
            store.append(lease, [record])
        assert contents(store) == before

    @pytest.mark.parametrize("known", range(len(everything())))
    def test_a_batch_may_begin_with_what_is_there(self, store: Store, lease: Lease, make: Make, known: int) -> None:
        store.append(lease, everything()[:known])
        store.append(lease, everything())
        once = list(store.history(RUN.id)), store.unfinished(RUN.id), store.events(RUN.id), store.requests(RUN.id, 1)
        assert [attempt.finished.step for attempt in once[0]] == [0, 1]
        assert (len(once[1]), len(once[2]), len(once[3])) == (0, 1, 2)
        assert len(store.calls(RUN.id, 1)) == 3

    def test_a_record_twice_in_one_batch_is_written_once(self, store: Store, lease: Lease) -> None:
        store.append(lease, [*whole(0, 0), *whole(0, 0)])
        assert len(list(store.history(RUN.id))) == 1

    def test_the_first_word_stands(self, store: Store, lease: Lease) -> None:
        store.append(lease, everything())
        before = contents(store)
        other_end = Finished(1, 7, Outcome.CRASHED, "x", "other", Placement.NEW, "9")
        other_verdict = replace(
            judged(1, "quick").evaluation, metrics={"a": 1.0, "b": 2.0, "c": 3.0}, artifacts={"new": b"1"}
        )
        store.append(lease, [other_end])
        store.append(lease, [Evaluated(1, other_verdict)])
        store.append(lease, [applied(1, "other text")])
        store.append(lease, [replace(selected(1), operator="other")])
        store.append(lease, [Completed(1, "hash-0", answer("other", 9.0))])
        store.append(lease, [called(1, 1, CallState.FAILED)])
        store.append(lease, [learned(1, "c")])
        assert contents(store) == before

    @pytest.mark.parametrize(
        "record",
        [
            applied(3),
            judged(3),
            finished(3, 9),
            prompted(3),
            Completed(3, "hash-0", answer()),
            Completed(1, "none", answer()),
            called(3, 0),
            Called(1, "none", 0, CallState.SENT, "m"),
            learned(3, "x"),
        ],
        ids=lambda record: type(record).__name__,
    )
    def test_nothing_of_a_batch_is_written_if_one_record_has_no_place(
        self, store: Store, lease: Lease, record: Record
    ) -> None:
        store.append(lease, everything())
        before = contents(store)
        with pytest.raises(NotFound):
            store.append(lease, [selected(2), applied(2), Event("lost", {}), record])
        assert contents(store) == before
        store.append(lease, [selected(2), applied(2), Event("kept", {})])
        assert store.program(RUN.id, 2) == applied(2).program

    def test_a_sequence_is_given_once(self, store: Store, lease: Lease) -> None:
        store.append(lease, [*whole(0, 0), selected(1), judged(1)])
        before = contents(store)
        with pytest.raises(StoreError, match="sequence"):
            store.append(lease, [finished(1, 0)])
        assert contents(store) == before

    def test_events_are_kept_in_order_with_the_time(self, store: Store, lease: Lease, clock: Clock) -> None:
        told = [Event("paused", {}), Event("resumed", {}), Event("paused", {})]
        for event in told:
            store.append(lease, [event])
            clock.advance(1.0)
        assert store.events(RUN.id) == [(1000.0, told[0]), (1001.0, told[1]), (1002.0, told[2])]

    def test_an_event_sent_again_with_more_is_written_once(self, store: Store, lease: Lease) -> None:
        first, second, third = Event("a", {"x": 1}), Event("b", {}), Event("a", {"x": 2})
        store.append(lease, [first, second])
        store.append(lease, [first, second, third])
        store.append(lease, [third, first])
        assert [event for _, event in store.events(RUN.id)] == [first, second, third, first]

    def test_the_next_holder_may_say_the_same_again(self, store: Store, lease: Lease) -> None:
        store.append(lease, [Event("resumed", {})])
        store.release(lease, 0.0, "paused")
        store.append(store.acquire(RUN.id, "someone", 60.0), [Event("resumed", {})])
        assert len(store.events(RUN.id)) == 2

    def test_runs_do_not_mix(self, store: Store, lease: Lease) -> None:
        store.create_run(replace(RUN, id="other"))
        other = store.acquire("other", "me", 60.0)
        store.append(lease, everything())
        store.append(other, [selected(0), applied(0, "other"), Event("other", {})])
        assert store.program("other", 0).files["main.py"] == "other"
        assert len(store.unfinished("other")) == 1
        assert store.unfinished(RUN.id) == []
        assert (store.run("other").proposals, store.run(RUN.id).proposals) == (1, 2)

    # ── the lease ─────────────────────────────────────────────────────────────────────────────────
    def test_a_live_lease_keeps_others_off(self, store: Store, lease: Lease, clock: Clock) -> None:
        clock.advance(30.0)
        with pytest.raises(StoreLocked, match="elsewhere:1:1"):
            store.acquire(RUN.id, "me", 60.0)
        store.append(lease, whole(0, 0))

    def test_an_expired_lease_can_be_taken_and_its_holder_must_stop(
        self, store: Store, lease: Lease, clock: Clock
    ) -> None:
        store.append(lease, whole(0, 0))
        clock.advance(60.0)
        taken = store.acquire(RUN.id, "me", 60.0)
        assert taken.fence > lease.fence
        before = contents(store)
        with pytest.raises(LeaseLost):
            store.append(lease, whole(1, 1))
        with pytest.raises(LeaseLost):
            store.append(lease, [])
        with pytest.raises(LeaseLost):
            store.renew(lease, 60.0, 9.0, "running")
        with pytest.raises(LeaseLost):
            store.release(lease, 9.0, "finished")
        assert contents(store) == before
        store.append(taken, whole(1, 1))

    def test_a_late_holder_may_go_on_if_nobody_came(self, store: Store, lease: Lease, clock: Clock) -> None:
        clock.advance(1000.0)
        store.append(lease, whole(0, 0))
        store.renew(lease, 60.0, 1.0, "running")
        with pytest.raises(StoreLocked):
            store.acquire(RUN.id, "me", 60.0)

    def test_a_renewed_lease_lasts_and_notes_progress(self, store: Store, lease: Lease, clock: Clock) -> None:
        clock.advance(50.0)
        store.renew(lease, 60.0, 12.5, "paused")
        clock.advance(50.0)
        with pytest.raises(StoreLocked):
            store.acquire(RUN.id, "me", 60.0)
        info = store.run(RUN.id)
        assert (info.elapsed_s, info.status) == (12.5, "paused")

    def test_a_released_lease_is_free_and_void(self, store: Store, lease: Lease) -> None:
        store.release(lease, 20.0, "finished")
        with pytest.raises(LeaseLost):
            store.append(lease, whole(0, 0))
        with pytest.raises(LeaseLost):
            store.release(lease, 20.0, "finished")
        assert store.acquire(RUN.id, "me", 60.0).fence > lease.fence
        assert (store.run(RUN.id).elapsed_s, store.run(RUN.id).status) == (20.0, "finished")

    def test_a_holder_may_take_its_own_lease_again(self, store: Store) -> None:
        first = store.acquire(RUN.id, this_holder(), 60.0)
        second = store.acquire(RUN.id, this_holder(), 60.0)
        assert second.fence > first.fence
        with pytest.raises(LeaseLost):
            store.append(first, [])

    def test_a_dead_holder_of_this_machine_does_not_count(self, store: Store) -> None:
        host, pid, started = this_holder().rsplit(":", 2)
        old = store.acquire(RUN.id, f"{host}:{pid}:{int(started) - 1}", 1e9)
        assert store.acquire(RUN.id, this_holder(), 60.0).fence > old.fence

    def test_a_living_holder_of_this_machine_counts(self, store: Store) -> None:
        store.acquire(RUN.id, this_holder(), 60.0)
        with pytest.raises(StoreLocked):
            store.acquire(RUN.id, "me", 60.0)

    def test_orders_come_back_as_they_were_given_and_in_their_order(self, store: Store, clock: Clock) -> None:
        numbers = []
        for order in ORDERS:
            numbers.append(store.order(RUN.id, order))
            clock.advance(1.0)
        assert numbers == sorted(set(numbers))
        found = store.orders(RUN.id, 0)
        assert [(number, order) for number, _, order in found] == list(zip(numbers, ORDERS, strict=True))
        assert [at for _, at, _ in found] == [1000.0 + index for index in range(len(ORDERS))]
        assert store.orders(RUN.id, numbers[-3]) == found[-2:]
        assert store.orders(RUN.id, numbers[-1]) == []

    def test_an_order_needs_no_lease_and_belongs_to_its_run(self, store: Store, lease: Lease) -> None:
        store.create_run(replace(RUN, id="other"))
        first, second = store.order(RUN.id, Pin(1)), store.order("other", Pin(2))
        assert first < second
        assert [order for _, _, order in store.orders(RUN.id, 0)] == [Pin(1)]
        assert [order for _, _, order in store.orders("other", first)] == [Pin(2)]
        store.append(lease, [selected(0)])
        assert store.events(RUN.id) == []

    def test_an_order_keeps_nothing_that_its_giver_may_change(self, store: Store) -> None:
        files = {"a.py": "1"}
        store.order(RUN.id, Inject(files))
        files["a.py"] = "2"
        assert store.orders(RUN.id, 0)[0][2] == Inject({"a.py": "1"})

    def test_who_holds_a_run_is_known_while_the_lease_lasts(self, store: Store, clock: Clock) -> None:
        assert store.holder(RUN.id) is None
        lease = store.acquire(RUN.id, "elsewhere:1:1", 60.0)
        assert store.holder(RUN.id) == "elsewhere:1:1"
        clock.advance(61.0)
        assert store.holder(RUN.id) is None
        store.renew(lease, 60.0, 1.0, "running")
        assert store.holder(RUN.id) == "elsewhere:1:1"
        store.release(lease, 1.0, "paused")
        assert store.holder(RUN.id) is None

    def test_a_holder_whose_process_is_gone_holds_nothing(self, store: Store) -> None:
        host, pid, _ = this_holder().rsplit(":", 2)
        store.acquire(RUN.id, f"{host}:{pid}:1", 60.0)
        assert store.holder(RUN.id) is None
