"""A run with two objectives that is cut off in the middle: what is left of its front."""

from __future__ import annotations

import runpy
from dataclasses import dataclass, replace

import pytest

from evolve import configuration, wiring
from evolve.bench.search_race import LANDSCAPES, located
from evolve.controller.exhibits import Exhibits
from evolve.controller.replay import Replay
from evolve.controller.run import Parts, resume_run, start_run
from evolve.domain.evaluation import Outcome
from evolve.interfaces import Job, Search, Verdict
from tests.controller.controller_support import no_view, run_info
from tests.controller.test_loop_and_run import KeptStore

GOALS = runpy.run_path(str(LANDSCAPES / "two_goals" / "evaluate.py"))["goals"]
EVALUATIONS = 90


@dataclass
class Judge:
    """Judges designs where it stands; the power goes off in evaluation ``cut_at``."""

    cut_at: int = 0
    width: int = 1
    judged: int = 0

    async def start(self) -> None:
        """Nothing to start."""

    async def judge(self, job: Job) -> Verdict:
        self.judged += 1
        if self.judged == self.cut_at:
            raise KeyError("power cut")
        names: dict[str, object] = {}
        try:
            exec(next(iter(job.files.values())), names)
            cost, error = GOALS([float(number) for number in names["design"]()])  # type: ignore[operator]
        except (ArithmeticError, AttributeError, LookupError, NameError, TypeError, ValueError) as failure:
            return Verdict(Outcome.CRASHED, feedback=repr(failure))
        return Verdict(Outcome.VALID, metrics={"cost": cost, "error": error})

    async def close(self) -> None:
        """Nothing to close."""


class Run:
    """One record, and the sessions that work on it."""

    def __init__(self, search: str) -> None:
        self.store = KeptStore()
        overrides = [f"search={search}", "executor.width=1", "sealed=false", f"budget.evaluations={EVALUATIONS}"]
        self._config = configuration.configure(
            [f"problem={located('two_goals')}", *overrides, "controller.ordered=true"]
        )
        self.searches: list[Search] = []

    def parts(self, cut_at: int = 0) -> Parts:
        parts = wiring.build(self._config)

        def new_search() -> Search:
            self.searches.append(parts.new_search())
            return self.searches[-1]

        return replace(parts, executor=Judge(cut_at), open_store=lambda: self.store, new_search=new_search)

    def front(self) -> list[tuple[int, tuple[float, ...]]]:
        """Return steps and gains of the front of the session that worked last."""
        return [(member.step, member.gains) for member in self.searches[-1].front()]


@pytest.mark.parametrize("search", ["portfolio", "nsga2"])
async def test_a_run_that_was_cut_off_ends_with_the_same_front_and_replays(search: str) -> None:
    whole, cut = Run(search), Run(search)
    await start_run(whole.parts(), run_info(whole.parts().problem), no_view)
    with pytest.raises(KeyError, match="power cut"):
        await start_run(cut.parts(cut_at=EVALUATIONS // 2), run_info(cut.parts().problem), no_view)
    before = cut.front()
    assert cut.store.unfinished("r")
    await resume_run(cut.parts(), "r", no_view)

    assert len(before) >= 3 and cut.front() != before
    assert cut.front() == whole.front()
    again = cut.parts()
    replay = Replay(
        store=cut.store,
        run="r",
        decisions=again.decisions(Exhibits(cut.store, "r", again.problem)),
        model=again.model,
        novelty=again.novelty,
    )
    assert await replay.first_difference() is None
    assert cut.front() == whole.front()  # of the replay's own search
