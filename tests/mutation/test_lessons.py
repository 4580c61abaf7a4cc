from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.proposal import LESSONS_PER_STEP, Lesson, LessonKind
from evolve.errors import ConfigurationError
from evolve.mutation.lessons import Lessons

SEED = Scored(0, 0, (), "seed", Outcome.VALID, (0.0,))


def insight(step: int, text: str = "", **fields: object) -> Lesson:
    known: dict[str, object] = {"evidence": (1, 2), **fields}
    return Lesson(step * LESSONS_PER_STEP, LessonKind.INSIGHT, text or f"finding {step}", **known)  # type: ignore[arg-type]


def instruction(step: int, parents: tuple[int, ...] = (0,)) -> Lesson:
    return Lesson(step * LESSONS_PER_STEP, LessonKind.INSTRUCTION, f"variant {step}", parents)


def attempt(step: int, shown: tuple[int, ...], gain: float | None, operator: str = "diff") -> Scored:
    if gain is None:
        return Scored(step, 0, (), operator, Outcome.REJECTED, model="m", lessons=shown)
    return Scored(step, 0, (0,), operator, Outcome.VALID, (gain,), model="m", lessons=shown)


def run(lessons: Lessons, lift: dict[int, float], steps: int, seed: int = 0, start: int = 1) -> Counter[int]:
    """Let attempts of random success show what is chosen; ``lift`` says what each lesson is worth."""
    rng = np.random.default_rng(seed)
    shown: Counter[int] = Counter()
    for step in range(start, start + steps):
        ids = lessons.choose(np.random.default_rng((seed, step)))
        shown.update(ids or (0,))
        gain = float(rng.standard_normal()) + sum(lift.get(id, 0.0) for id in ids)
        lessons.observe(attempt(step, ids, gain if rng.random() < 0.8 else None))
    return shown


def fresh(*learned: Lesson, **settings: object) -> Lessons:
    lessons = Lessons(**settings)  # type: ignore[arg-type]
    lessons.observe(SEED)
    lessons.learn(learned)
    return lessons


def test_without_lessons_prompts_show_none() -> None:
    assert fresh().choose(np.random.default_rng(0)) == ()


def test_insights_are_shown_one_at_a_time_by_confidence_and_not_always() -> None:
    lessons = fresh(insight(1, confidence=0.9), insight(2, confidence=0.3))
    chosen = Counter(lessons.choose(np.random.default_rng(seed)) for seed in range(4000))
    assert set(chosen) == {(), (16,), (32,)}
    assert chosen[()] == pytest.approx(1200, rel=0.1)
    assert chosen[(16,)] / chosen[(32,)] == pytest.approx(3.0, rel=0.15)


def test_several_insights_in_a_prompt_are_different_ones() -> None:
    lessons = fresh(insight(1), insight(2), insight(3), max_insights=2)
    sizes = {len(set(lessons.choose(np.random.default_rng(seed)))) for seed in range(200)}
    assert sizes == {0, 2}


def test_a_helpful_insight_is_shown_more_and_a_wrong_one_fades() -> None:
    lift = {16: 1.0, 48: -1.0}
    shown: Counter[int] = Counter()
    first: Counter[int] = Counter()
    for seed in range(10):
        lessons = fresh(insight(1), insight(2), insight(3))
        run(lessons, lift, 300, seed)
        shown += run(lessons, lift, 300, seed, start=301)
        first[lessons.standings(LessonKind.INSIGHT)[0].lesson.id] += 1
    assert shown[16] > 2 * shown[32]
    assert shown[48] < shown[32] / 2
    assert first == {16: 10}


def test_insights_that_change_nothing_are_not_sorted_by_luck() -> None:
    shown: Counter[int] = Counter()
    kept = 0
    for seed in range(10):
        lessons = fresh(*(insight(step) for step in range(1, 5)))
        shown += run(lessons, {}, 400, seed)
        kept += len(lessons.standings(LessonKind.INSIGHT))
    assert max(shown[16 * step] for step in range(1, 5)) < 2 * min(shown[16 * step] for step in range(1, 5))
    assert kept >= 36


def test_an_insight_expires_after_its_number_of_attempts() -> None:
    lessons = fresh(insight(1, expires_after=5))
    for step in range(2, 6):
        lessons.observe(attempt(step, (), 0.0))
    assert lessons.standings(LessonKind.INSIGHT)
    lessons.observe(attempt(6, (), 0.0))
    assert not lessons.standings(LessonKind.INSIGHT)
    assert [lesson.id for lesson in lessons.get([16])] == [16], "an attempt in flight may still show it"


def test_an_insight_needs_evidence_and_repetitions_are_left_out() -> None:
    lessons = fresh(insight(1, "Use numpy."), insight(2, evidence=()), insight(3, "use NumPy"))
    assert [standing.lesson.id for standing in lessons.standings(LessonKind.INSIGHT)] == [16]


@pytest.mark.parametrize("seed", range(5))
def test_a_better_instruction_wins_and_a_worse_one_loses_against_the_default(seed: int) -> None:
    lessons = fresh(instruction(1), instruction(2))
    lift = {16: 0.8, 32: -0.8}
    run(lessons, lift, 150, seed)
    shown = run(lessons, lift, 150, seed, start=151)
    assert shown[16] > 75 > shown[0] > shown[32]


def test_the_default_competes_and_is_never_dropped() -> None:
    lessons = fresh(*(instruction(step) for step in range(1, 30)), keep_instructions=4)
    ids = [standing.lesson.id for standing in lessons.standings(LessonKind.INSTRUCTION)]
    assert 0 in ids and len(ids) == 4


def test_instructions_can_be_switched_off() -> None:
    lessons = fresh(instruction(1), instructions=False)
    assert {lessons.choose(np.random.default_rng(seed)) for seed in range(50)} == {()}
    assert not [step for step in range(2000) if lessons.due(step) is LessonKind.INSTRUCTION]


def test_a_child_inherits_what_its_parent_earned() -> None:
    lessons = fresh(instruction(1))
    for step in range(2, 60):
        shown = (16,) if step % 2 else ()
        lessons.observe(attempt(step, shown, 1.0 if shown else -1.0))
    lessons.learn([instruction(70, (16,)), instruction(71, (0,))])
    order = [standing.lesson.id for standing in lessons.standings(LessonKind.INSTRUCTION)]
    assert order.index(70 * 16) < order.index(71 * 16)


def test_credit_does_not_depend_on_the_operator_it_was_shown_with() -> None:
    """``rewrite`` fails ten times as often; a lesson shown only there is no worse for it."""
    lessons = fresh(insight(1), insight(2))
    rng = np.random.default_rng(0)
    for step in range(1, 400):
        operator, shown = ("rewrite", (16,)) if step % 2 else ("diff", (32,))
        fails = rng.random() < (0.7 if operator == "rewrite" else 0.07)
        lessons.observe(attempt(step, shown, None if fails else float(rng.standard_normal()), operator))
    percentiles = [standing.percentile for standing in lessons.standings(LessonKind.INSIGHT)]
    assert percentiles == [pytest.approx(0.5, abs=0.05)] * 2


def test_distillation_is_due_by_step_and_with_new_evidence_only() -> None:
    lessons = fresh(insight_every=20, instruction_every=40, min_evidence=5)
    assert lessons.due(20) is None
    for step in range(1, 6):
        lessons.observe(attempt(step, (), 0.0))
    assert [step for step in range(1, 81) if lessons.due(step) is LessonKind.INSIGHT] == [20, 40, 60, 80]
    assert [step for step in range(1, 81) if lessons.due(step) is LessonKind.INSTRUCTION] == [70]
    lessons.learn([insight(20)])
    assert lessons.due(40) is None
    assert lessons.due(70) is LessonKind.INSTRUCTION


def test_attempts_without_a_model_are_no_evidence_and_earn_nothing() -> None:
    lessons = fresh(insight(1), insight_every=5, min_evidence=1)
    for step in range(2, 30):
        lessons.observe(Scored(step, 0, (0,), "syntax", Outcome.VALID, (9.0,), lessons=(16,)))
    assert lessons.due(30) is None
    assert lessons.standings(LessonKind.INSIGHT)[0].shown == 0


def test_failures_of_ours_count_for_expiry_only() -> None:
    lessons = fresh(insight(1, expires_after=3))
    lessons.observe(Scored(2, 0, (0,), "diff", Outcome.INFRASTRUCTURE, model="m", lessons=(16,)))
    assert lessons.standings(LessonKind.INSIGHT)[0].shown == 0


def test_memory_is_bounded() -> None:
    lessons = fresh(keep_insights=8, keep_instructions=3)
    for step in range(1, 1500):
        lessons.learn([insight(step), instruction(step)])
        lessons.observe(attempt(step, (), 0.0))
    assert len(lessons.standings(LessonKind.INSIGHT)) == 8
    assert len(lessons.standings(LessonKind.INSTRUCTION)) == 3
    assert len(lessons.get([16 * step for step in range(1, 1500)])) <= 8 + 2 + 512


Events = st.lists(
    st.one_of(
        st.tuples(st.just("attempt"), st.floats(-3, 3), st.booleans()),
        st.tuples(st.just("insight"), st.floats(0, 1), st.booleans()),
        st.tuples(st.just("instruction"), st.floats(0, 1), st.booleans()),
    ),
    max_size=60,
)


@given(Events)
@settings(max_examples=40, deadline=None)
def test_the_state_is_a_fold(events: list[tuple[str, float, bool]]) -> None:
    live = fresh(keep_insights=3, keep_instructions=3)
    log: list[Scored | Lesson] = []
    for step, (what, number, flag) in enumerate(events, start=1):
        if what == "attempt":
            ids = live.choose(np.random.default_rng(step))
            assert len(ids) == len(set(ids)) <= 2
            assert [lesson.id for lesson in live.get(ids)] == list(ids)
            log.append(attempt(step, ids, None if flag else number))
        else:
            log.append(insight(step, confidence=number) if what == "insight" else instruction(step, (0,)))
        _tell(live, log[-1])
    again = fresh(keep_insights=3, keep_instructions=3)
    for item in log:
        _tell(again, item)
    for kind in LessonKind:
        assert live.standings(kind) == again.standings(kind)
    for seed in range(20):
        assert live.choose(np.random.default_rng(seed)) == again.choose(np.random.default_rng(seed))


def _tell(lessons: Lessons, item: Scored | Lesson) -> None:
    if isinstance(item, Lesson):
        lessons.learn([item])
    else:
        lessons.observe(item)


@pytest.mark.parametrize("settings", [{"show_insights": 2.0}, {"half_life": 0}, {"keep_insights": 1}])
def test_settings_that_make_no_sense_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(settings))):
        Lessons(**settings)  # type: ignore[arg-type]
