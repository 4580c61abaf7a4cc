"""What a run looks like in a terminal: the live view, the closing page, tables."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from evolve.account.carried_over import shortfall
from evolve.controller.announcement import Contender
from evolve.controller.budget import Budget, InFlight, Spent
from evolve.controller.estimate import Estimate
from evolve.controller.loop import PAUSED, STOPPED, Progress
from evolve.controller.run import INTERRUPTED, Result
from evolve.domain.difference import program_diff
from evolve.domain.evaluation import Evaluation
from evolve.domain.objective import Objective
from evolve.domain.problem import Problem

_REFRESH_S = 0.25
_PLAIN_EVERY_S = 5.0
_STOPPING = (INTERRUPTED, PAUSED, STOPPED)


class Watched(Protocol):
    """A loop, or what is known of one elsewhere."""

    @property
    def progress(self) -> Progress: ...

    @property
    def away(self) -> str: ...

    def in_flight(self) -> InFlight: ...


class RunView:
    """Watches a loop: one steady screen on a terminal, a line every few seconds elsewhere.

    Args:
        console: where to print; a quiet one prints nothing.
        problem, budget, run: what is shown beside the loop's progress.
        keys: what Ctrl+C does.
    """

    def __init__(
        self, console: Console, problem: Problem, budget: Budget, run: str, keys: str = "Ctrl+C stops cleanly"
    ) -> None:
        self._console, self._keys_do = console, keys
        self._problem = problem
        self._budget = budget
        self._run = run
        self._began_at = time.monotonic()
        self._before = Spent()

    async def watch(self, loop: Watched) -> None:
        """Show the loop's progress until cancelled."""
        self._began_at, self._before = time.monotonic(), loop.progress.spent
        for line in expected(loop.progress.estimate):
            self._console.print(line, highlight=False, soft_wrap=True)
        await (self._on_screen(loop) if self._console.is_terminal else self._in_lines(loop))

    async def _on_screen(self, loop: Watched) -> None:
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while True:
                live.update(self._page(loop), refresh=True)
                await asyncio.sleep(_REFRESH_S)

    async def _in_lines(self, loop: Watched) -> None:
        while True:
            await asyncio.sleep(_PLAIN_EVERY_S)
            if loop.progress.stop_reason in _STOPPING:
                self._console.print(_keys(loop, self._keys_do), highlight=False, soft_wrap=True)
            if loop.away:
                self._console.print(f"waits for the store: {loop.away}", highlight=False, markup=False, soft_wrap=True)
            progress = loop.progress
            spent = progress.spent
            judged = f"{spent.evaluations} evaluations ({self._rate(spent):.1f}/s, {progress.repeats} again)"
            self._console.print(
                f"{spent.wall_s:.0f} s  {judged}  best {self._best_line(progress)}  {_counts(progress.outcomes)}",
                highlight=False,
                soft_wrap=True,
            )

    def _rate(self, spent: Spent) -> float:
        seconds = time.monotonic() - self._began_at
        return (spent.evaluations - self._before.evaluations) / seconds if seconds > 0 else 0.0

    def _best_line(self, progress: Progress) -> str:
        if progress.best is None:
            return "no valid program yet"
        best, seed = self._problem.scores(progress.best.gains), progress.seed
        before = self._problem.scores(seed.gains) if seed is not None and seed.gains else {}
        return ", ".join(f"{name} {value:.6g}{_change(value, before.get(name))}" for name, value in best.items())

    def _page(self, loop: Watched) -> Panel:
        progress = loop.progress
        share = self._budget.share_used(progress.spent)
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="bold")
        grid.add_column()
        grid.add_row("best", self._best_line(progress))
        grid.add_row("judged", f"{progress.spent.evaluations}  ({self._rate(progress.spent):.1f}/s)")
        if progress.repeats:
            grid.add_row("judged again", _noise_line(self._problem, progress))
        grid.add_row("outcomes", _counts(progress.outcomes))
        grid.add_row("rejected", _counts(progress.causes) or "none")
        grid.add_row("placed", _shares(progress.placed, progress.proposed))
        if progress.spent.calls:
            grid.add_row("spent", f"${progress.spent.cost_usd:.4f}, {progress.spent.tokens} tokens")
        if progress.squeezed:
            grid.add_row("prompts", _squeezed(progress))
        if loop.away:
            grid.add_row("waits for", Text(loop.away, "red"))
        grid.add_row("in flight", f"{loop.in_flight().attempts} attempts, {loop.in_flight().paying} asking a model")
        bar = Table.grid(padding=(0, 2))
        bar.add_row(ProgressBar(total=1.0, completed=share, width=50), Text(self._time_left(progress.spent, share)))
        title = f"{self._problem.name} · {self._run}"
        return Panel(Group(grid, Text(), bar), title=title, title_align="left", subtitle=_keys(loop, self._keys_do))

    def _time_left(self, spent: Spent, share: float) -> str:
        if share <= 0.02:
            return f"{share:.0%} of the budget"
        seconds = spent.wall_s / share - spent.wall_s
        return f"{share:.0%} of the budget, about {_duration(seconds)} left"


def expected(estimate: Estimate | None) -> list[str]:
    """Say what attempts with a model will cost."""
    if estimate is None:
        return []
    size = f"about {estimate.prompt_tokens} tokens of prompt and {estimate.answer_tokens} of answer"
    lasts = f"; budget.{estimate.limit} lasts for about {estimate.lasts} of them" if estimate.limit else ""
    return [f"An attempt with a model: {size}, ${estimate.cost_usd:.4g}{lasts}."]


def _squeezed(progress: Progress) -> str:
    """Say what prompts leave out because a model reads no more at once."""
    return f"too long for the model: {', '.join(sorted(progress.squeezed))} shortened"


def closing_page(
    console: Console, problem: Problem, budget: Budget, result: Result, files: Mapping[str, str], address: str
) -> None:
    """Print what a run found: the winning diff, the scores, where it is stored, what to type next.

    ``address``: the run and its store as commands are told of them.
    """
    console.print(Text(f"\n{problem.name}: ", "bold").append(result.reason, "not bold"), soft_wrap=True)
    diff = program_diff(problem.seed().files, files)
    if diff:
        console.print(f"\nThe best program (step {result.best_step}) beside the seed:")
        console.print(Syntax(diff, "diff", background_color="default", word_wrap=True))
    else:
        console.print("\nNothing better than the seed was found.")
    for line in _achieved(problem, result):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(score_table(problem, result))
    for found in (stage for stage in result.stages if stage.rho is not None):
        console.print(found.in_words(), highlight=False, markup=False, soft_wrap=True)
    for line in confidence_lines(problem, result):
        console.print(line, highlight=False, soft_wrap=True)
    for known in problem.known_best:
        if known.applies(problem.params):
            console.print(
                f"Known best {known.objective}: {known.value} ({known.source})", highlight=False, soft_wrap=True
            )
    _next_steps(console, result, budget, address)


def _achieved(problem: Problem, result: Result) -> list[str]:
    """Say in lines how much better the best program is, and what it took."""
    lines = []
    for objective in problem.objectives:
        value, seed = result.best.metrics[objective.name], result.seed.metrics[objective.name]
        lines.append(f"{objective.name} ({objective.direction}): {value:.6g}{_change(value, seed)}")
    spent, progress = result.progress.spent, result.progress
    money = f", ${spent.cost_usd:.4f} for {spent.calls} model calls of {spent.tokens} tokens" if spent.calls else ""
    rate = spent.evaluations / spent.wall_s if spent.wall_s else 0.0
    again = f", {progress.repeats} of them again" if progress.repeats else ""
    judged = f"{spent.evaluations} judged{again} ({rate:.1f}/s){money}"
    took = f"{spent.proposals} attempts in {_duration(spent.wall_s)}, {judged}: "
    causes = f"  (rejected: {_counts(progress.causes)})" if progress.causes else ""
    lines.append(took + _counts(progress.outcomes) + causes)
    return [*lines, f"Prompts were {_squeezed(progress)}."] if progress.squeezed else lines


def confidence_lines(problem: Problem, result: Result) -> list[str]:
    """Say how far the announced values are to be trusted: intervals, and the gap to the scores of the search."""
    lines = []
    for objective in problem.objectives:
        for contender in (*result.sealed, *result.confirmed):
            spread = contender.spread(objective.name)
            if spread is not None and spread.count > 1:
                where = "sealed" if result.sealed else "judged again"
                lines.append(
                    f"{contender.name}: {objective.name} ({where}) {spread.mean:.6g} ± {spread.half_width:.2g} "
                    f"(95 %, {spread.count} evaluations)"
                )
        gaps = {c.name: gap for c in result.sealed if (gap := c.gap(objective.name)) is not None}
        if gaps:
            shown = ", ".join(f"{name} {gap:+.4g}" for name, gap in gaps.items())
            lines.append(f"{objective.name}, sealed less search: {shown}")
    return [*lines, *filter(None, [_shortfall(problem, {one.name: one for one in result.sealed})])]


def _shortfall(problem: Problem, sealed: Mapping[str, Contender]) -> str:
    """Say that the champion is worse than the seed on sealed instances, by more than chance may make it."""
    if not {"best", "seed"} <= sealed.keys():
        return ""
    best, seed = sealed["best"], sealed["seed"]
    doubt = {
        o.name: sum(spread.half_width for spread in (best.spread(o.name), seed.spread(o.name)) if spread is not None)
        for o in problem.objectives
        if len(best.repeats) > 1 and len(seed.repeats) > 1
    }
    return shortfall(problem.objectives, best.evaluation.metrics, seed.evaluation.metrics, doubt)


def _noise_line(problem: Problem, progress: Progress) -> str:
    if not progress.noise_sd:
        return f"{progress.repeats}; no noise found"
    return f"{progress.repeats}; one score of {problem.objectives[0].name} is good to ± {progress.noise_sd:.2g} (1 sd)"


def _next_steps(console: Console, result: Result, budget: Budget, address: str) -> None:
    resume, stored = f"evolve resume {address}", f"Stored as run {result.run}."
    if result.status == "paused":
        console.print(f"\n{stored} Nothing finished is lost. Go on with:  {resume}", highlight=False, soft_wrap=True)
        return
    go_on = (f"{resume} {budget.doubled(result.progress.spent)}", "search on with a larger budget")
    if result.status == "failed":
        go_on = (resume, "go on when the cause is mended")
    console.print(f"\n{stored} Next:", highlight=False)
    for command, what in (
        (f"evolve best {address} --out DIR", "write the best program to a folder"),
        (f"evolve report {address}", "how it was found, as a page to read or to send to somebody"),
        go_on,
    ):
        console.print(f"  {command}\n      {what}", highlight=False, soft_wrap=True)


def score_table(problem: Problem, result: Result) -> Table:
    """Return the scores of champion, seed and baselines, sealed ones where the problem has them."""
    table = Table(title="scores", title_justify="left")
    table.add_column("program")
    for objective in problem.objectives:
        table.add_column(f"{objective.name} (search)" if result.sealed else objective.name, justify="right")
        if result.sealed:
            table.add_column(f"{objective.name} (sealed)", justify="right")
    search = {"best": result.best, "seed": result.seed}
    rows = list(result.sealed) or [Contender("best", result.best), Contender("seed", result.seed)]
    for row in rows:
        cells = []
        for objective in problem.objectives:
            cells.append(_cell(search.get(row.name), objective))
            if result.sealed:
                cells.append(_cell(row.evaluation, objective))
        table.add_row(row.name, *cells)
    return table


def table_of(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> Table:
    """Return a table of plain values; what is too long for its column goes on in the next line."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in columns:
        numbers = all(isinstance(row.get(column), int | float) for row in rows)
        table.add_column(column, overflow="fold", justify="right" if numbers else "left")
    for row in rows:
        table.add_row(*(Text(str(row.get(column, ""))) for column in columns))
    return table


def facts_table(facts: Mapping[str, object]) -> Table:
    """Return names beside values."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")
    for name, value in facts.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        grid.add_row(name, Text(shown))
    return grid


def _cell(evaluation: Evaluation | None, objective: Objective) -> str:
    if evaluation is None:
        return ""
    value = evaluation.metrics.get(objective.name)
    return f"{value:.6g}" if value is not None else str(evaluation.outcome)


def _change(value: float, seed: float | None) -> str:
    """Say how a value differs from the seed's."""
    if seed is None or value == seed:
        return ""
    share = f", {(value - seed) / abs(seed):+.1%}" if seed else ""
    return f" (seed {seed:.6g}{share})"


def _keys(loop: Watched, keys_do: str) -> str:
    reason = loop.progress.stop_reason
    if reason not in _STOPPING:
        return keys_do
    again = "again " if reason == INTERRUPTED else "twice "
    return f"Stopping: {loop.in_flight().attempts} in flight are finished; Ctrl+C {again}drops them"


def _counts(counter: Mapping[str, int]) -> str:
    return "  ".join(f"{name} {count}" for name, count in sorted(counter.items(), key=lambda item: -item[1]))


def _shares(placed: Mapping[str, int], proposed: Mapping[str, int]) -> str:
    names = [name for name in sorted(proposed) if name != "seed"]
    return "  ".join(f"{name} {placed.get(name, 0)}/{proposed[name]}" for name in names)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
