"""The tools: what an assistant may ask for, by what it was allowed.

Their docstrings are what the assistant reads.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from evolve.domain.problem import Problem
from evolve.errors import ConfigurationError
from evolve.mcp.answers import answer, text_of
from evolve.mcp.commands import Commands, name_of, path_of, settings_of
from evolve.problem_library import load_problem, problem_names

Tool = Callable[..., Awaitable[dict[str, Any]]]

_LONGEST_WATCH_S: Final = 300.0
_LOOK_EVERY_S: Final = 1.0
_JUDGING_S: Final = 1800.0
_README_CHARACTERS: Final = 4000


class Grant(StrEnum):
    """What else than looking an assistant may be allowed."""

    NEW = "new"
    """Write new folders."""
    CHECK = "check"
    """Run a problem's judge and programs."""
    START = "start"
    """Begin runs and go on with them: spends time, and money if a model is set."""
    STEER = "steer"
    """Order something of runs."""


class Tools:
    """All tools. ``granted`` returns those of the grants given.

    Args:
        commands: what they run.
    """

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def granted(self, grants: frozenset[Grant]) -> list[tuple[Tool, bool]]:
        """Return the tools that these grants allow, each with whether it only looks."""
        by_grant: Mapping[Grant, tuple[Tool, ...]] = {
            Grant.NEW: (self.new_problem, self.import_problem),
            Grant.CHECK: (self.check_problem, self.evaluate_program, self.estimate_run),
            Grant.START: (self.start_run, self.resume_run),
            Grant.STEER: (self.pause_run, self.stop_run, self.hint, self.pin, self.veto),
        }
        looking: tuple[Tool, ...] = (
            self.list_problems, self.describe_problem, self.list_runs, self.show_run, self.explain_run,
            self.watch_run, self.show_attempt, self.show_diff, self.show_lineage, self.best_program, self.read_report,
        )  # fmt: skip
        allowed = [tool for grant in Grant if grant in grants for tool in by_grant[grant]]
        return [*((tool, True) for tool in looking), *((tool, False) for tool in allowed)]

    # ── looking ───────────────────────────────────────────────────────────────────────────────
    async def list_problems(self) -> dict[str, Any]:
        """List the bundled problems. Any folder with a problem.yaml is one as well: give its path."""
        return answer({"problems": problem_names()})

    async def describe_problem(self, problem: str) -> dict[str, Any]:
        """Say what a problem asks, its objectives, parameters, stages and limits. `problem` is a name or a path."""
        return answer(_described(load_problem(path_of(problem))))

    async def list_runs(self) -> dict[str, Any]:
        """List the runs of the store, newest first, with status, proposals, evaluations and cost."""
        return answer({"runs": await self._commands.runs()})

    async def show_run(self, run: str) -> dict[str, Any]:
        """Show how a run stands: best program and its metrics, how attempts ended, what it cost."""
        return answer((await self._commands.rows("show", name_of(run)))[0])

    async def explain_run(self, run: str) -> dict[str, Any]:
        """Explain a run: when records fell, which operators got programs into the archive, why attempts were
        rejected, what they cost."""
        name = name_of(run)
        questions = ("curve", "operators", "outcomes", "costs")
        rows = await asyncio.gather(*(self._commands.rows("show", name, f"--{question}") for question in questions))
        return answer({"run": await self._commands.run(name), **dict(zip(questions, rows, strict=True))})

    async def watch_run(self, run: str, seconds: float = 30.0) -> dict[str, Any]:
        """Wait until a run is not running any more, at most `seconds` (up to 300), then say how it stands."""
        until = time.monotonic() + min(max(0.0, seconds), _LONGEST_WATCH_S)
        row = await self._commands.run(run)
        while row["status"] == "running" and time.monotonic() < until:
            await asyncio.sleep(_LOOK_EVERY_S)
            row = await self._commands.run(run)
        return answer(row)

    async def show_attempt(self, run: str, step: int) -> dict[str, Any]:
        """Show what is on record of one attempt: program, evaluations, feedback, what models were asked."""
        return answer(await self._attempt(run, step))

    async def show_diff(self, run: str, step: int) -> dict[str, Any]:
        """Show what an attempt changed beside its parent."""
        told = await self._attempt(run, step)
        return answer({name: told.get(name) for name in ("run", "step", "parents", "diff_to_parent")})

    async def show_lineage(self, run: str, step: int) -> dict[str, Any]:
        """Show how a program came about: it, what it was edited from, and so on, down to the seed."""
        return answer({"lineage": await self._commands.rows("show", name_of(run), "--lineage", str(int(step)))})

    async def best_program(self, run: str) -> dict[str, Any]:
        """Show a run's best program, its files and metrics."""
        return answer((await self._commands.rows("best", name_of(run)))[0])

    async def read_report(self, run: str) -> dict[str, Any]:
        """Read a run's report: question, result, lineage, costs, and what was not checked."""
        with tempfile.TemporaryDirectory(prefix="evolve-report-") as folder:
            path = Path(folder) / "report.html"
            await self._commands.text("report", name_of(run), "--out", str(path))
            return answer({"run": run, "report": text_of(path.read_text("utf-8"))})

    # ── problem folders ───────────────────────────────────────────────────────────────────────
    async def new_problem(self, name: str, folder: str = ".") -> dict[str, Any]:
        """Write a small working problem folder `name` in `folder`: its files explain every field. Edit them, then
        check_problem."""
        said = await self._commands.text("new", name_of(name), "--dir", path_of(folder), of_store=False)
        return answer({"said": said, "folder": str(Path(folder, name).resolve())})

    async def import_problem(self, path: str, out: str) -> dict[str, Any]:
        """Make a problem folder `out` of an OpenEvolve or ShinkaEvolve task at `path`."""
        return answer(
            {"said": await self._commands.text("import", path_of(path), "--out", path_of(out), of_store=False)}
        )

    async def check_problem(self, problem: str) -> dict[str, Any]:
        """Try a problem out: score the seed, measure its noise, score baselines, try exploits. `findings` is empty when
        all is in order."""
        told = await self._commands.text(
            "check", path_of(problem), "--json", of_store=False, timeout_s=_JUDGING_S, fails=True
        )
        return answer({"check": told})

    async def evaluate_program(self, problem: str, program: str, stage: str = "") -> dict[str, Any]:
        """Judge a program, a file or a folder, on a problem; on its last stage unless another is named."""
        chosen = ("--stage", name_of(stage)) if stage else ()
        arguments = (path_of(problem), path_of(program), *chosen, "--json")
        return answer(
            {
                "evaluation": await self._commands.text(
                    "eval", *arguments, of_store=False, timeout_s=_JUDGING_S, fails=True
                )
            }
        )

    async def estimate_run(self, problem: str, settings: list[str]) -> dict[str, Any]:
        """Say what attempts will cost with a model, and how long the budget lasts; asks no model.
        `settings` are key=value, such as llm=openai/gpt-5-mini."""
        wanted = (*self._of_run(problem, settings), "--estimate")
        return answer((await self._commands.rows("run", *wanted, of_store=False, timeout_s=_JUDGING_S))[0])

    # ── runs ──────────────────────────────────────────────────────────────────────────────────
    async def start_run(self, problem: str, settings: list[str]) -> dict[str, Any]:
        """Start a run and return when it is on record; it goes on by itself. Give it a budget: `settings` are
        key=value, such as budget.wall_s=120, budget.evaluations=300, budget.cost_usd=1, llm=openai/gpt-5-mini."""
        run = f"{Path(problem).name}-{secrets.token_hex(3)}"
        chosen = [*self._of_run(problem, settings), f"run={name_of(run)}", f"store.url={self._commands.store}"]
        return answer(await self._commands.begin(run, "run", *chosen, "--quiet"))

    async def resume_run(self, run: str, settings: list[str]) -> dict[str, Any]:
        """Go on with a run that was paused, cut off or is finished; with a larger budget, if need be."""
        name = (await self._commands.run(run))["run"]
        chosen = [*settings_of(settings), *self._commands.settings, "--store", self._commands.store, "--quiet"]
        return answer(await self._commands.begin(name, "resume", name, *chosen))

    async def pause_run(self, run: str) -> dict[str, Any]:
        """Have a run finish what is in flight and wait; resume_run goes on."""
        return await self._ordered("pause", name_of(run))

    async def stop_run(self, run: str) -> dict[str, Any]:
        """Have a run finish what is in flight and end."""
        return await self._ordered("stop", name_of(run))

    async def hint(self, run: str, text: str) -> dict[str, Any]:
        """Show a piece of advice in every prompt of a run from now on; needs a run with a model."""
        if text.startswith("-"):
            raise ConfigurationError("A hint must not begin with '-'.")
        return await self._ordered("steer", name_of(run), "hint", text)

    async def pin(self, run: str, step: int) -> dict[str, Any]:
        """Have half of a run's proposals start from the program of a step."""
        return await self._ordered("steer", name_of(run), "pin", str(int(step)))

    async def veto(self, run: str, step: int, descendants: bool = False) -> dict[str, Any]:
        """Have a program be parent, elite or champion never again; with its descendants if asked."""
        extra = ("--descendants",) if descendants else ()
        return await self._ordered("steer", name_of(run), "veto", str(int(step)), *extra)

    async def _ordered(self, *arguments: str) -> dict[str, Any]:
        return answer({"order": await self._commands.rows(*arguments)})

    async def _attempt(self, run: str, step: int) -> dict[str, Any]:
        told: dict[str, Any] = (await self._commands.rows("show", name_of(run), str(int(step))))[0]
        return told

    def _of_run(self, problem: str, settings: list[str]) -> list[str]:
        return [f"problem={path_of(problem)}", *settings_of(settings), *self._commands.settings]


def _described(problem: Problem) -> dict[str, object]:
    readme = problem.folder / "README.md"
    return {
        "name": problem.name,
        "folder": str(problem.folder),
        "statement": problem.statement,
        "language": problem.language,
        "objectives": [{"name": o.name, "direction": str(o.direction)} for o in problem.objectives],
        "params": dict(problem.params),
        "stages": [{"name": stage.name, "timeout_s": stage.timeout_s} for stage in problem.stages],
        "sealed": problem.sealed is not None,
        "editable": list(problem.editable),
        "entry": problem.entry,
        "known_best": [{"objective": k.objective, "value": k.value, "source": k.source} for k in problem.known_best],
        "isolation": str(problem.isolation),
        "readme": readme.read_text("utf-8", "replace")[:_README_CHARACTERS] if readme.is_file() else "",
    }
