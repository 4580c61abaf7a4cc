"""Attempts that judge a program again: recorded, counted, resumed, replayed and forked like others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evolve.controller.exhibits import Exhibits
from evolve.controller.fork import fork
from evolve.controller.loop import Loop
from evolve.controller.replay import Replay
from evolve.controller.run import Parts, resume_run, start_run
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.domain.proposal import AUDIT, REPEATS, RESCORE
from evolve.interfaces import Job, Search, Verdict
from evolve.search.controls import Greedy
from evolve.search.trials import Trials
from evolve.store.memory import MemoryStore
from tests.controller.controller_support import InProcessExecutor, Nudge, make_parts, no_view, run_info
from tests.controller.test_loop_and_run import KeptStore


def trials(problem: Problem, *, surprise: float = 0.0, known: float | None = None) -> Search:
    return Trials(
        Greedy(features=problem.features),
        first_repeats=1,
        watch_share=0.02,
        share=0.5,
        elites=True,
        held=8,
        most=12,
        margin=0.5,
        worth=1.0,
        false_share=0.05,
        surprise=surprise,
        sealed=True,
        known=known,
    )


def noisy(problem: Problem, store: KeptStore, evaluations: int = 120, *, ordered: bool = False) -> Parts:
    executor = InProcessExecutor(width=4, delay_s=lambda text: (len(text) * 7 % 11) * 1e-4)
    executor.noise = np.random.default_rng(5)
    nudge = Nudge(digits=3)
    return make_parts(
        problem, store, [nudge], executor=executor, evaluations=evaluations, search=trials(problem), ordered=ordered
    )


async def difference(problem: Problem, store: KeptStore, run: str, parts: Parts) -> object:
    decisions = parts.decisions(Exhibits(store, run, problem))
    return await Replay(store=store, run=run, decisions=decisions, model=None, novelty=parts.novelty).first_difference()


def repeats(store: MemoryStore, run: str = "r") -> list[int]:
    """Return which programs were judged again, in the order in which the search learned of it."""
    return [a.selected.choice.parent for a in store.history(run) if a.selected.operator in REPEATS]


async def test_a_repeat_has_a_verdict_of_its_own_and_no_program(problem: Problem) -> None:
    store, loops = KeptStore(), list[Loop]()
    nudge = Nudge(digits=3)
    parts = replace(noisy(problem, store), operators=make_parts(problem, store, [nudge]).operators)
    result = await start_run(parts, run_info(problem), loops.append)
    again = [a for a in store.history("r") if a.selected.operator == RESCORE]
    assert len(again) > 10 and {a.program for a in again} == {None}
    assert {a.evaluation.stage for a in again if a.evaluation} == {"full"}
    assert store.run("r").evaluated == result.progress.spent.evaluations == 120
    assert result.progress.repeats == len(again)
    assert 0.2 < result.progress.noise_sd < 1.2
    assert not {a.selected.step for a in again} & set(nudge.seen), "an operator was told of a repeat"
    assert parts.new_search().status()["repeats"] == len(again)


async def test_a_noisy_run_of_several_workers_replays_identically(problem: Problem) -> None:
    store = KeptStore()
    await start_run(noisy(problem, store), run_info(problem), no_view)
    assert len(repeats(store)) > 10
    assert await difference(problem, store, "r", noisy(problem, store)) is None


@pytest.mark.parametrize("evaluations", [9, 23, 41])
async def test_a_run_goes_on_in_the_middle_of_a_trial(problem: Problem, evaluations: int) -> None:
    whole = KeptStore()
    await start_run(noisy(problem, whole, evaluations, ordered=True), run_info(problem), no_view)
    before = list(whole.history("r"))
    parts = noisy(problem, whole, 90, ordered=True)
    await resume_run(parts, "r", no_view)
    assert list(whole.history("r"))[: len(before)] == before
    assert await difference(problem, whole, "r", noisy(problem, whole)) is None


async def test_a_repeat_that_was_cut_off_is_done_again_unless_its_verdict_is_on_record(problem: Problem) -> None:
    class Dying(InProcessExecutor):
        """Fails for good while a repeat is judged."""

        async def judge(self, job: Job) -> Verdict:
            text = next(iter(job.files.values()))
            if len(self.judged) >= 3 and (text, job.stage.name) in self.judged:
                raise RuntimeError("killed")
            return await super().judge(job)

    store = KeptStore()
    dying = replace(noisy(problem, store), executor=Dying(noise=np.random.default_rng(1)))
    with pytest.raises(RuntimeError):
        await start_run(dying, run_info(problem), no_view)
    cut_off = [item.selected for item in store.unfinished("r") if item.selected.operator in REPEATS]
    assert cut_off
    await resume_run(noisy(problem, store), "r", no_view)
    assert {s.step for s in cut_off} <= {a.selected.step for a in store.history("r")}
    assert await difference(problem, store, "r", noisy(problem, store)) is None


async def test_a_fork_takes_repeats_over(problem: Problem) -> None:
    store = KeptStore()
    await start_run(noisy(problem, store), run_info(problem), no_view)
    parts = noisy(problem, store)
    info = run_info(problem, "f")
    fork(store, "r", 60, info, parts.decisions(Exhibits(store, "r", problem)), parts.holder)
    assert repeats(store, "f") == repeats(store)[: len(repeats(store, "f"))] != []
    await resume_run(noisy(problem, store), "f", no_view)
    assert await difference(problem, store, "f", noisy(problem, store)) is None


async def test_a_deterministic_run_pays_for_a_repeat_or_two(problem: Problem) -> None:
    store = KeptStore()
    parts = make_parts(problem, store, [Nudge()], evaluations=100, search=trials(problem), ordered=True)
    await start_run(parts, run_info(problem), no_view)
    assert 1 <= len(repeats(store)) <= 4


async def test_what_beats_the_known_best_is_audited_on_the_sealed_stage(problem: Problem) -> None:
    store = KeptStore()
    search = trials(problem, surprise=4.0, known=1.5)
    parts = make_parts(problem, store, [Nudge()], evaluations=60, search=search, ordered=True)
    result = await start_run(parts, run_info(problem), no_view)
    audits = [a for a in store.history("r") if a.selected.operator == AUDIT]
    assert audits and all(a.evaluation is not None and a.evaluation.stage == "sealed" for a in audits)
    assert result.best.metrics["value"] > 1.5
    again = replace(parts, new_search=lambda: trials(problem, surprise=4.0, known=1.5))
    assert await difference(problem, store, "r", again) is None


async def test_a_program_that_the_sealed_stage_contradicts_is_quarantined(problem: Problem) -> None:
    class Fooled(InProcessExecutor):
        """Its sealed instances do not reward what the others do."""

        async def judge(self, job: Job) -> Verdict:
            verdict = await super().judge(job)
            return replace(verdict, metrics={"value": 0.0}) if job.stage.name == "sealed" else verdict

    store = KeptStore()
    search = trials(problem, surprise=4.0, known=1.5)
    parts = make_parts(problem, store, [Nudge()], executor=Fooled(), evaluations=60, search=search)
    result = await start_run(parts, run_info(problem), no_view)
    assert result.best.metrics["value"] <= 1.5
    caught = [a for a in store.history("r") if "quarantined" in a.finished.cell]
    assert caught and all(a.finished.outcome is Outcome.VALID and not a.finished.placement for a in caught)
    assert search.status()["quarantined"] > 0
    assert not {a.selected.choice.parent for a in store.history("r") if a.selected.operator == "nudge"} & {
        int(a.finished.cell.split()[0]) for a in caught if a.finished.cell[0].isdigit()
    }
