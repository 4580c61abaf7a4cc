"""A run with one of everything that a record can hold."""

from __future__ import annotations

from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.objective import Direction, Objective
from evolve.domain.problem import SEALED
from evolve.domain.program import Program, fingerprint
from evolve.domain.proposal import (
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
)
from evolve.domain.steering import Hint, Inject, Pin, Veto
from evolve.interfaces import RunInfo, Store
from evolve.llm.requests import request_hash

OBJECTIVES = (Objective("score", Direction.MAXIMIZE, target=2.0), Objective("time_s", Direction.MINIMIZE))
RUN = RunInfo(
    "whole",
    "packing",
    "paused",
    {"seed": 1, "nested": {"x": [1.5, None], "é": "ž"}},
    {"python": "3.11"},
    created_at=5.0,
    objectives=OBJECTIVES,
)
ODD = "\x00 \ud800 alone\r\n\ufeff😀, \"quoted\"; 'x'\u2028"
_PARENTS = {0: (), 1: (0,), 4: (1, 0), 7: (4,)}
PLOT = b"\x89PNG\x00\xff plot"


def write_everything(store: Store, info: RunInfo = RUN) -> None:
    """Create a run that holds one of everything, under two leases, cut off in the middle of its last attempts."""
    store.create_run(info)
    first = store.acquire(info.id, "elsewhere:1:1", 60.0)
    store.append(first, [Event("started", {"seed": 1}), *_seed(), *_asked(1, "improve this", answered=True)])
    store.append(first, [*_made(1, score=0.5, time_s=2.0, sequence=1), *_refused(2, sequence=2)])
    store.order(info.id, Hint("try " + ODD, expires_after=5))
    store.release(first, 2.0, "running")
    second = store.acquire(info.id, "elsewhere:2:1", 60.0)
    store.append(second, [Event("resumed", {}), *_learning(3, sequence=3)])
    store.append(second, [*_asked(4, ODD, answered=True), *_made(4, score=1.5, time_s=3.0, sequence=4)])
    store.append(second, [Selected(5, Choice(4, (1, 0), 1), RESCORE, 5), judged(5, score=1.25), over(5, 5)])
    store.append(second, [*_asked(6, "cut off", answered=False), selected(7), applied(7, "x = 7\n")])
    for order in (Inject({"main.py": ODD}, "mine"), Pin(4), Veto(1, descendants=True)):
        store.order(info.id, order)
    store.append(second, [judged(4, SEALED, score=9.0)])
    store.release(second, 3.5, "paused")


def selected(step: int, operator: str = "diff", model: str = "") -> Selected:
    return Selected(step, Choice(max(step - 1, 0), (0,), step % 2), operator, step, model, (48,) if step > 3 else ())


def applied(step: int, text: str) -> Applied:
    files = {"main.py": text, "lib/a.py": "A", f"lib/{step}é.txt": ODD}
    return Applied(Program(step, files, _PARENTS[step], {"operator": "diff", "x": [0.1], "odd": ODD}))


def judged(step: int, stage: str = "full", score: float = 0.1, time_s: float = 1.0, repeat: int = 0) -> Evaluated:
    return Evaluated(
        step,
        Evaluation(
            stage=stage,
            outcome=Outcome.VALID,
            judge_hash="c0ffee",
            repeat=repeat,
            metrics={"score": score, "time_s": time_s, "tiny": 5e-324},
            feedback=f"{stage} {ODD}",
            artifacts={"plot.png": PLOT, "log": b"", f"own-{step}": f"of {step}".encode() * 40},
            per_instance={"i1": 0.1 + 0.2},
            seconds=0.25,
            reused=step == 5,
        ),
    )


def over(step: int, sequence: int, outcome: Outcome = Outcome.VALID, cause: str = "") -> Finished:
    placed = Placement.NEW if outcome is Outcome.VALID and step in (0, 4) else Placement.NOT_PLACED
    return Finished(step, sequence, outcome, cause, ODD if cause else "", placed, "3,4" if placed else "")


def _seed() -> list[Record]:
    return [selected(0, "seed"), applied(0, "x = 0\n"), judged(0, "quick"), judged(0, score=0.25), over(0, 0)]


def _made(step: int, score: float, time_s: float, sequence: int) -> list[Record]:
    verdicts = [judged(step, "quick"), judged(step, score=score, time_s=time_s), judged(step, score=0.0, repeat=1)]
    return [applied(step, f"x = {step}\n" * 30), *verdicts, over(step, sequence)]


def _asked(step: int, prompt: str, *, answered: bool) -> list[Record]:
    """An attempt that asks a model, with a picture of its parent in the prompt."""
    request = Request(
        "openai/x",
        (Message("system", "You are."), Message("user", prompt, (Picture("image/png", PLOT),))),
        {"temperature": 0.7, "stop": ["a"]},
    )
    key = request_hash(request)
    sent = Called(step, key, 0, CallState.SENT, "openai/x")
    answer = Completion(f"answer {step} {ODD}" * 20, "openai/x-1", "stop", 100, 20, 0.25, 1.5)
    records: list[Record] = [selected(step, model="openai/x"), Prompted(step, key, request), sent]
    if answered:
        records += [Called(step, key, 1, CallState.ANSWERED, "openai/x", ODD, 0.25), Completed(step, key, answer)]
    return records


def _refused(step: int, sequence: int) -> list[Record]:
    return [selected(step), over(step, sequence, Outcome.REJECTED, "search_not_found")]


def _learning(step: int, sequence: int) -> list[Record]:
    first = step * LESSONS_PER_STEP
    lessons = (
        Lesson(first, LessonKind.INSIGHT, "smaller " + ODD, (), (1, 2), 0.75, 100),
        Lesson(first + 1, LessonKind.INSTRUCTION, "be brief", (first,), (), 0.5),
    )
    return [selected(step, "distill"), Learned(step, lessons), over(step, sequence, Outcome.REJECTED, "lesson")]


def files_mark(step: int) -> str:
    """Return the fingerprint of the program that ``_made`` gives a step."""
    return fingerprint(applied(step, f"x = {step}\n" * 30).program.files)
