"""All that only a GPU can show of the kernel harness, in one go: ``evolve bench kernels --out FOLDER``.

(a) its times beside those of CUDA graphs and ``do_bench`` on honest kernels, (b) hostile kernels, each refused, (c)
keyless searches and what they gain, (d) what it costs a call that the judge is outside. What could not be measured says
so and why.
"""

from __future__ import annotations

import asyncio
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from evolve import configuration, wiring
from evolve.controller.run import start_run
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem, complete_program
from evolve.errors import EvolveError
from evolve.evaluation import gpus
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.interfaces import Job, Verdict

Row = dict[str, object]
TIMING = "timing"
NOT_MEASURED = "not measured"
PAGE = "kernels.md"
SEARCHED = ("kernels/vector_add", "kernels/softmax")
"""Problems whose seeds have constants that a search without a model can tune."""
_EXPECTED = "# expect: "
_NO_FASTER = "no faster than "
_REFERENCE_S = 180.0
_SMALLER = ("params.lengths=[16777216]", "params.types=[f32]", "params.calls=6")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is looked at.

    Args:
        honest: problem whose baseline's times are compared with a framework's; its attacks are tried too.
        attacks: folder of hostile programs, below the problem's.
        attacked: parameters for them: a small case is enough.
        timed: parameters for the comparison of times: long requests.
        searched: problems that a keyless search works on for ``wall_s`` seconds each, with what to override.
        budget_s: seconds for everything; parts that do not fit are left out and say so.
        namespaces: whether programs get a file system of their own; ``check`` finds out what works with the driver.
    """

    honest: Path
    attacks: str
    attacked: Mapping[str, object]
    timed: Mapping[str, object]
    searched: tuple[Path, ...]
    overrides: tuple[str, ...]
    wall_s: float
    budget_s: float
    namespaces: bool = True


def planned(
    problem: Problem, attacks: str, searched: Sequence[Path], *, wall_s: float, budget_s: float, dry_run: bool
) -> Plan:
    """Return a plan whose parameters fit what is measured: long requests for times, small cases for attacks."""
    device = {"device": "simulated"} if dry_run else {}
    known = {"lengths", "types", "calls"} <= problem.params.keys() and not dry_run
    small = {"lengths": [1 << 22], "types": ["f32"], "calls": 24} if known else {}
    long = {"lengths": [1 << 24], "calls": 24} if known else {}
    simulated = ("params.device=simulated",) if dry_run else ()
    return Plan(
        honest=problem.folder,
        attacks=attacks,
        attacked={**device, **small, "blocks": 2, "windows": 3},
        timed={**device, **long, "blocks": 6, "windows": 1},
        searched=tuple(searched),
        overrides=(*simulated, "params.blocks=2", "params.windows=3"),
        wall_s=wall_s,
        budget_s=budget_s,
    )


@dataclass(slots=True)
class Report:
    """What came of it, part by part."""

    facts: Row
    agreement: list[Row] = field(default_factory=list)
    attacks: list[Row] = field(default_factory=list)
    searches: list[Row] = field(default_factory=list)

    @property
    def refused(self) -> bool:
        """Whether every attack was tried and none gained anything."""
        return bool(self.attacks) and all(row.get("held") is True for row in self.attacks)


def check(plan: Plan, folder: Path, say: Callable[[str], None]) -> Report:
    """Do all parts and write ``kernels.json`` and ``kernels.md`` into a folder after each."""
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + plan.budget_s
    report = Report(facts())
    say(f"{report.facts['device']}, {report.facts['date']}")
    plan = _with_walls_that_work(plan, report)
    say(f"walls: {report.facts['walls']}")
    parts: tuple[tuple[list[Row], Callable[[], list[Row]]], ...] = (
        (report.agreement, lambda: _agreement(plan)),
        (report.attacks, lambda: _attacks(plan, deadline, say)),
        *((report.searches, lambda problem=problem: _search(plan, problem, folder)) for problem in plan.searched),
    )
    for rows, part in parts:
        if time.monotonic() > deadline:
            rows.append({"what": NOT_MEASURED, "why": f"the {plan.budget_s:g} s were used up"})
        else:
            rows += _tried(part)
        say("; ".join(map(_short, rows[-3:])))
        _write(report, folder)
    return report


def facts() -> Row:
    """Return what the figures were measured on, and when."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "device": gpus.driver_words() or "no GPU",
        "python": platform.python_version(),
        "packages": ", ".join(words for found, words in gpus.kernel_parts()[2:] if found),
    }


def _with_walls_that_work(plan: Plan, report: Report) -> Plan:
    """Judge an honest program behind namespaces, and without if that fails; say which it was, and why."""
    problem = Problem.load(plan.honest, plan.attacked)
    files = complete_program(problem, problem.folder / "baseline.py")
    words = []
    for namespaces in (True, False):
        try:
            verdict = asyncio.run(_judged(problem, files, namespaces))
        except EvolveError as error:
            words.append(str(error)[-300:])
            continue
        if verdict.outcome is Outcome.VALID:
            report.facts["walls"] = "; ".join(["namespaces" if namespaces else "no namespaces", *words])
            return replace(plan, namespaces=namespaces)
        words.append(f"{verdict.outcome}: {verdict.feedback[-300:]}")
    report.facts["walls"] = "; ".join(["no honest program could be judged", *words])
    return plan


def _tried(part: Callable[[], list[Row]]) -> list[Row]:
    try:
        return part()
    except (EvolveError, subprocess.SubprocessError, ValueError) as error:
        return [{"what": NOT_MEASURED, "why": str(error)[-600:]}]


def _short(row: Row) -> str:
    return ", ".join(f"{name} {value}" for name, value in row.items() if name != "feedback")


# ── (a) and (d) ───────────────────────────────────────────────────────────────────────────────
def _agreement(plan: Plan) -> list[Row]:
    problem = Problem.load(plan.honest, plan.timed)
    path = problem.folder / "baseline.py"
    verdict = asyncio.run(_judged(problem, complete_program(problem, path), plan.namespaces))
    if verdict.outcome is not Outcome.VALID:
        raise EvolveError(f"the honest program ended {verdict.outcome}: {verdict.feedback}")
    command = [sys.executable, "-m", "evolve.bench.kernel_reference", str(problem.folder), str(path)]
    done = subprocess.run(
        [*command, json.dumps(dict(problem.params))], capture_output=True, text=True, timeout=_REFERENCE_S, check=False
    )
    if done.returncode:
        raise EvolveError(f"the frameworks' own timing failed: {done.stderr[-500:]}")
    reference = json.loads(done.stdout.splitlines()[-1])
    return [_compared(name, times, verdict.metrics) for name, times in reference.items()]


def _compared(name: str, reference: Mapping[str, float], metrics: Mapping[str, float]) -> Row:
    ours = metrics[f"us_{name}"]
    return {
        "case": name,
        "harness_us": round(ours, 2),
        "graph_us": round(reference["graph_us"], 2),
        "do_bench_us": round(reference["do_bench_us"], 2),
        "beside_graph": f"{ours / reference['graph_us'] - 1:+.1%}",
        "round_trip_us": round(metrics["round_trip_us"], 1),
    }


# ── (b) ───────────────────────────────────────────────────────────────────────────────────────
def _attacks(plan: Plan, deadline: float, say: Callable[[str], None]) -> list[Row]:
    problem = Problem.load(plan.honest, plan.attacked)
    return attacked(problem, problem.folder / plan.attacks, deadline, say, namespaces=plan.namespaces)


def attacked(
    problem: Problem, folder: Path, deadline: float, say: Callable[[str], None], *, namespaces: bool = True
) -> list[Row]:
    """Try every program of a folder on a problem; return of each whether the judge held."""
    rows: list[Row] = []
    for path in sorted(folder.glob("*.py")):
        if time.monotonic() > deadline:
            rows.append({"attack": path.stem, "held": NOT_MEASURED, "ended": "no time left"})
            continue
        verdict = asyncio.run(_judged(problem, complete_program(problem, path), namespaces))
        rows.append(_ruled(path, verdict))
        say(_short(rows[-1]))
    return rows


def _ruled(path: Path, verdict: Verdict) -> Row:
    """Return whether an attack was refused, or, where it says so, gained no more than it may."""
    expected = path.read_text("utf-8").splitlines()[0].removeprefix(_EXPECTED)
    if expected.startswith(_NO_FASTER):
        limit = float(expected.removeprefix(_NO_FASTER).split()[0])
        held = verdict.outcome is not Outcome.VALID or verdict.metrics["speedup"] <= limit
    else:
        held = verdict.outcome is not Outcome.VALID and "The judge raised" not in verdict.feedback
    gained = f", {verdict.metrics['speedup']:.3f} times as fast" if verdict.outcome is Outcome.VALID else ""
    return {
        "attack": path.stem,
        "held": held,
        "ended": f"{verdict.outcome}{gained}",
        "feedback": verdict.feedback[:300],
    }


async def _judged(problem: Problem, files: Mapping[str, str], namespaces: bool) -> Verdict:
    """Judge a program at the stage that times, in a sandbox of its own."""
    sandbox = ProcessSandbox(problem, namespaces=namespaces, pin=False)
    await sandbox.start()
    try:
        return await sandbox.judge(Job(problem, problem.stage(TIMING), dict(files)))
    finally:
        await sandbox.close()


# ── (c) ───────────────────────────────────────────────────────────────────────────────────────
def _search(plan: Plan, folder: Path, out: Path) -> list[Row]:
    """Search without a model; compare what it found with seed and baseline."""
    store = f"store.url=sqlite:///{out.resolve() / 'kernels.db'}"
    alone = ("executor.width=1", "executor.spares=0", f"budget.wall_s={plan.wall_s:g}")
    walls = ("sandbox=process", "sandbox.pin=false", *(() if plan.namespaces else ("+sandbox.namespaces=false",)))
    small = _SMALLER if "lengths" in Problem.load(folder).params and gpus.visible_gpus() else ()
    problem = f"problem={configuration.quoted(str(folder))}"
    config = configuration.configure([problem, store, *alone, *walls, *small, *plan.overrides])
    parts = wiring.build(config)
    info = wiring.new_run(config, parts)
    result = asyncio.run(start_run(parts, info, lambda loop: None))
    seed, best = result.seed.metrics, result.best.metrics
    return [
        {
            "problem": parts.problem.name,
            "seed": round(seed["speedup"], 3),
            "baseline": 1.0,
            "best": round(best["speedup"], 3),
            "worst_case": round(best["worst_speedup"], 3),
            "of_roofline": f"{best['of_roofline']:.0%}" if "of_roofline" in best else NOT_MEASURED,
            "gain": f"{best['speedup'] / seed['speedup']:.2f} times the seed",
            "run": result.run,
        }
    ]


# ── what is written ───────────────────────────────────────────────────────────────────────────
def _write(report: Report, folder: Path) -> None:
    parts = {"agreement": report.agreement, "attacks": report.attacks, "searches": report.searches}
    (folder / "kernels.json").write_text(json.dumps({"facts": report.facts, **parts}, indent=1))
    headings = {
        "agreement": "Times of the harness beside CUDA graphs and do_bench; the judge's round trip",
        "attacks": "Hostile kernels",
        "searches": "Keyless searches: times as fast as the baseline",
    }
    lines = ["# GPU kernels", "", *(f"- {name}: {value}" for name, value in report.facts.items())]
    for name, rows in parts.items():
        lines += ["", f"## {headings[name]}", "", *_markdown(rows)]
    (folder / PAGE).write_text("\n".join(lines) + "\n")


def _markdown(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return [f"{NOT_MEASURED}."]
    columns = list(dict.fromkeys(name for row in rows for name in row if name != "feedback"))
    cells = [[str(row.get(name, "")).replace("|", "/").replace("\n", " ") for name in columns] for row in rows]
    return [f"| {' | '.join(line)} |" for line in (columns, ["---"] * len(columns), *cells)]
