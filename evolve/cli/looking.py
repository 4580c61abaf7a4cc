"""runs, show, best: reading what is on record."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.syntax import Syntax

from evolve import wiring
from evolve.account.champion import champion
from evolve.account.orders import order_rows
from evolve.cli.asking import Asked, print_rows
from evolve.cli.options import (
    agreement_data,
    as_json,
    evaluation_data,
    json_option,
    run_argument,
    say,
    spread_data,
    store_option,
)
from evolve.controller.measurements import measurements
from evolve.controller.retention import Pruned
from evolve.controller.sessions import AGENT, EVALUATED
from evolve.domain.difference import program_diff
from evolve.domain.evaluation import Outcome
from evolve.domain.proposal import Attempt, Called, Completed, Completion, Prompted, Request
from evolve.errors import NotFound, ProblemError
from evolve.evaluation.agreement import agreements
from evolve.interfaces import Prunable, RunInfo, Store
from evolve.terminal import facts_table, table_of

_View = Callable[[Mapping[str, Any]], None]


@click.command()
@store_option
@json_option
def runs(store: str, json_: bool) -> None:
    """List the runs of a store, newest first."""
    with opened_store(store) as opened:
        listed = opened.runs()
    rows = [_run_row(info) for info in listed]
    if json_:
        for row in rows:
            click.echo(as_json(row))
    else:
        for row, info in zip(rows, listed, strict=True):
            row["created"] = time.strftime("%m-%d %H:%M", time.localtime(info.created_at))
        short = [
            {**row, "judged": row["evaluated"], "usd": row["cost_usd"], "time_s": row["elapsed_s"]} for row in rows
        ]
        Console().print(table_of(short, ("run", "problem", "status", "judged", "usd", "time_s", "created")))


@click.command()
@run_argument
@click.argument("step", required=False, type=int)
@click.option("--lineage", type=int, metavar="STEP", help="A program, what it was edited from, and so on.")
@click.option("--curve", is_flag=True, help="The best so far over proposals, seconds and dollars.")
@click.option("--costs", is_flag=True, help="What attempts cost, by operator and model.")
@click.option("--operators", is_flag=True, help="How many attempts of each operator got a place in the archive.")
@click.option("--outcomes", is_flag=True, help="How attempts ended, and why.")
@click.option("--prompts", is_flag=True, help="The model calls that bred elites, the latest first.")
@store_option
@json_option
def show(run: str, step: int | None, store: str, json_: bool, **question: Any) -> None:
    """Show how RUN went, or what is on record of its attempt STEP: program, scores, and what models were asked."""
    info = wiring.find_run(store, run)
    answer = Asked(**question).answer()
    with opened_store(store) as opened:
        if answer is not None:
            print_rows(answer(opened, info), json_)
            return
        data, view = _shown_run(opened, info) if step is None else _shown_attempt(opened, info, step)
    if json_:
        click.echo(as_json(data))
    else:
        view(data)


@click.command()
@run_argument
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write its files to this folder.")
@click.option("--patch", is_flag=True, help="Print it as a diff against the seed, for `git apply`.")
@store_option
@json_option
def best(run: str, out: Path | None, patch: bool, store: str, json_: bool) -> None:
    """Print RUN's best program."""
    info = wiring.find_run(store, run)
    with opened_store(store) as opened:
        found = champion(opened, info, wiring.problem_of(info))
        step, evaluation = found.step, found.evaluation
        measured = _measured(opened, info, step)
        files = opened.program(run, step).files
        seed = opened.program(run, 0).files
    if out is not None:
        for path, text in files.items():
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            (out / path).write_bytes(text.encode("utf-8", "surrogatepass"))
    if json_:
        told = {**evaluation_data(evaluation), "measured": measured}
        click.echo(as_json({"run": run, "step": step, "files": files, **told}))
    elif patch:
        click.echo(program_diff(seed, files), nl=False)
    elif out is not None:
        click.echo(f"Wrote program {step} to {out}.")
    else:
        for path, text in files.items():
            click.echo(text if len(files) == 1 else f"==> {path} <==\n{text}")
        for line in _measured_lines(measured):
            say(line)


@contextmanager
def opened_store(url: str) -> Iterator[Store]:
    """Open a store for the length of a block. Raises NotFound."""
    store = wiring.open_existing(url)
    try:
        yield store
    finally:
        store.close()


def _run_row(info: RunInfo) -> dict[str, object]:
    return {
        "run": info.id,
        "problem": info.problem,
        "status": info.status,
        "proposals": info.proposals,
        "evaluated": info.evaluated,
        "cost_usd": round(info.usage.cost_usd, 6),
        "calls": info.usage.calls,
        "tokens": info.usage.tokens,
        "elapsed_s": round(info.elapsed_s, 1),
        "created": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(info.created_at)),
    }


def _measured(store: Store, info: RunInfo, step: int) -> dict[str, Any]:
    """Return mean and interval of a program's objectives, where it was judged again."""
    try:
        problem = wiring.problem_of(info)
    except ProblemError:
        return {}  # its folder is gone, which must not keep anybody from the record
    spreads = measurements(store, info.id, step).spreads(problem)
    return {name: spread_data(spread) for name, spread in spreads.items()}


def _measured_lines(measured: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, told in measured.items():
        interval = told["interval"]
        width = f" ± {(interval[1] - interval[0]) / 2:.2g} (95 %)" if interval else ""
        lines.append(f"{name} when judged again: {told['mean']:.6g}{width}, {told['evaluations']} evaluations")
    return lines


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _run_data(store: Store, info: RunInfo) -> dict[str, object]:
    outcomes: Counter[str] = Counter()
    causes: Counter[str] = Counter()
    operators: dict[str, Counter[str]] = {}
    reused = 0
    for attempt in store.history(info.id):
        reused += attempt.evaluation is not None and attempt.evaluation.reused
        outcomes[attempt.finished.outcome] += 1
        tally = operators.setdefault(attempt.selected.operator, Counter())
        tally["proposed"] += 1
        tally["placed"] += bool(attempt.finished.placement)
        if attempt.finished.outcome is Outcome.REJECTED:
            causes["gate" if attempt.evaluation is not None else attempt.finished.cause] += 1
    problem = wiring.problem_of(info)
    found = champion(store, info, problem)
    step, evaluation = found.step, found.evaluation
    sealed = [event.data for _, event in store.events(info.id) if event.kind == "sealed"]
    return {
        **_run_row(info),
        "best": {"step": step, **evaluation_data(evaluation), "measured": _measured(store, info, step)},
        "outcomes": dict(outcomes),
        "causes": dict(causes),
        "objectives": [objective.name for objective in problem.objectives],
        "operators": {name: dict(tally) for name, tally in operators.items()},
        "sealed": sealed[-1] if sealed else None,
        "stages": [agreement_data(found) for found in agreements(store, info.id, problem)],
        "reused": reused,
        "orders": order_rows(store, info),
        "provenance": dict(info.provenance),
        "seed": info.config.get("seed"),
    }


def _shown_run(store: Store, info: RunInfo) -> tuple[dict[str, object], _View]:
    """Return a run, and what prints it."""
    return _run_data(store, info), _print_run


def _shown_attempt(store: Store, info: RunInfo, step: int) -> tuple[dict[str, object], _View]:
    """Return an attempt, and what prints it. Raises NotFound."""
    try:
        return _program_data(store, info, step), _print_program
    except NotFound:
        return _barren_data(store, info, step), _print_barren


def _program_data(store: Store, info: RunInfo, step: int) -> dict[str, object]:
    program = store.program(info.id, step)
    lineage = [step]
    ancestor = program
    while ancestor.parents and ancestor.step != 0:
        ancestor = store.program(info.id, ancestor.parents[0])
        lineage.append(ancestor.step)
    parent = store.program(info.id, program.parents[0]).files if program.parents else {}
    return {
        "run": info.id,
        "step": step,
        "parents": list(program.parents),
        "lineage": lineage,
        "detail": dict(program.detail),
        "evaluations": [
            {**evaluation_data(e), "artifacts": dict(e.artifacts)} for e in store.evaluations(info.id, step)
        ],
        "measured": _measured(store, info, step),
        "diff_to_parent": program_diff(parent, program.files),
        "files": dict(program.files),
        "calls": _calls(store, info, step),
    }


def _barren_data(store: Store, info: RunInfo, step: int) -> dict[str, object]:
    """Return an attempt that made no program. Raises NotFound."""
    found = [attempt for attempt in store.history(info.id) if attempt.selected.step == step]
    if not found:
        raise NotFound(f"Run {info.id!r} has no finished attempt {step}.")
    lessons = [{"kind": str(lesson.kind), "text": lesson.text} for lesson in found[0].lessons]
    return {"run": info.id, **attempt_row(found[0]), "lessons": lessons, "calls": _calls(store, info, step)}


def _calls(store: Store, info: RunInfo, step: int) -> list[dict[str, object]]:
    """Return what an attempt asked models, what became of each call, and what it cost."""
    calls: dict[str, dict[str, Any]] = {}
    for entry in store.entries(info.id, range(step, step + 1)):
        match entry.record:
            case Prompted(_, key, request):
                calls[key] = _asked(request)
            case Called() as told:
                state = {
                    "state": str(told.state),
                    "model": told.model,
                    "detail": told.detail,
                    "cost_usd": told.cost_usd,
                }
                calls[told.request_hash]["states"].append({"at": entry.at, **state})
            case Completed(_, key, completion):
                calls[key] |= _answered(completion)
    events = [event for _, event in store.events(info.id)] if calls else []
    pruned = Pruned.of(events)
    # A session of a coding agent is a call; what it had judged are events.
    judged = [event.data for event in events if event.kind == EVALUATED and event.data["step"] == step]
    for call in calls.values():
        if call["model"] == AGENT:
            call["evaluations"] = judged
    lost = [str(what) for what in (Prunable.PROMPTS, Prunable.ANSWERS) if pruned.has(what, step)]
    return [{**call, "pruned": lost} if lost else call for call in calls.values()]


def _asked(request: Request) -> dict[str, Any]:
    prompt = [{"role": message.role, "content": message.content} for message in request.messages]
    return {"model": request.model, "prompt": prompt, "answer": None, "cost_usd": None, "states": []}


def _answered(completion: Completion) -> dict[str, Any]:
    return {
        "answer": completion.text,
        "answered_by": completion.model,
        "fault": completion.fault,
        "finish_reason": completion.finish_reason,
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
        "cost_usd": completion.cost_usd,
        "seconds": completion.seconds,
    }


def attempt_row(attempt: Attempt) -> dict[str, object]:
    """Return a finished attempt as data, without files."""
    selected, finished, program, evaluation = attempt.selected, attempt.finished, attempt.program, attempt.evaluation
    return {
        "sequence": finished.sequence,
        "step": selected.step,
        "operator": selected.operator,
        "parent": selected.choice.parent,
        "inspirations": list(selected.choice.inspirations),
        "island": selected.choice.island,
        "outcome": str(finished.outcome),
        "cause": finished.cause,
        "detail": finished.detail,
        "placement": finished.placement.name.lower(),
        "cell": finished.cell,
        "fingerprint": attempt.fingerprint,
        "made_by": dict(program.detail) if program is not None else {},
        "metrics": dict(evaluation.metrics) if evaluation is not None else {},
        "seconds": evaluation.seconds if evaluation is not None else 0.0,
        "cost_usd": attempt.usage.cost_usd,
        "calls": attempt.usage.calls,
        "tokens": attempt.usage.tokens,
    }


def _print_run(data: Mapping[str, Any]) -> None:
    console = Console()
    facts = {name: data[name] for name in ("run", "problem", "status", "created", "seed")}
    facts["took"] = f"{data['elapsed_s']} s, {data['proposals']} proposals, {data['evaluated']} programs judged"
    if data["reused"]:
        facts["reused"] = f"{data['reused']} of them judged before, taken over from the store"
    if data["calls"]:
        facts["cost"] = f"${data['cost_usd']:.4f}, {data['calls']} model calls, {data['tokens']} tokens"
    facts["outcomes"] = "  ".join(f"{name} {count}" for name, count in data["outcomes"].items())
    facts["rejected"] = "  ".join(f"{name} {count}" for name, count in data["causes"].items()) or "none"
    facts["best"] = f"step {data['best']['step']}"
    console.print(facts_table(facts))
    console.print()
    operators = [{"operator": name, **tally} for name, tally in data["operators"].items()]
    console.print(table_of(operators, ("operator", "proposed", "placed")))
    console.print()
    metrics = [{"metric": name, "best": f"{value:.6g}"} for name, value in data["best"]["metrics"].items()]
    console.print(table_of(metrics, ("metric", "best")))
    for line in _measured_lines(data["best"]["measured"]):
        console.print(line, highlight=False)
    console.print(data["best"]["feedback"], highlight=False, markup=False, soft_wrap=True)
    console.print()
    if data["sealed"]:
        rows = [
            {"sealed": who, **{name: f"{metrics[name]:.6g}" for name in data["objectives"] if name in metrics}}
            for who, metrics in data["sealed"]["scores"].items()
        ]
        console.print(table_of(rows, ("sealed", *data["objectives"])))
        console.print()
    if data["orders"]:
        console.print(table_of([_order_row(order) for order in data["orders"]], ("order", "kind", "what", "effect")))
        console.print()
    for stage in data["stages"]:
        console.print(stage["in_words"], highlight=False, markup=False, soft_wrap=True)
    console.print(facts_table(data["provenance"]))


def _order_row(order: Mapping[str, Any]) -> dict[str, object]:
    effect = order["state"]
    if effect == "refused":
        effect = f"refused: {order['refused']}"
    elif effect == "in effect":
        at = time.strftime("%m-%d %H:%M:%S", time.localtime(order["taken_at"]))
        effect = f"after {order['told']} attempts, {at}"
    what = "  ".join(f"{name} {value}" for name, value in order["what"].items() if value not in (None, "", False))
    return {"order": order["number"], "kind": order["kind"], "what": what, "effect": effect}


def _print_program(data: Mapping[str, Any]) -> None:
    console = Console()
    facts = {"run": data["run"], "step": data["step"], "parents": data["parents"], "lineage": data["lineage"]}
    console.print(facts_table({**facts, **data["detail"]}))
    rows = [{**e, "seconds": f"{e['seconds']:.3g}", "metrics": _in_lines(e["metrics"])} for e in data["evaluations"]]
    console.print()
    console.print(table_of(rows, ("stage", "outcome", "seconds", "metrics", "feedback")))
    for line in _measured_lines(data["measured"]):
        console.print(line, highlight=False)
    console.print()
    _print_calls(console, data["calls"])
    text = data["diff_to_parent"]
    if data["parents"] and text:
        console.print("beside its parent:", Syntax(text, "diff", background_color="default"), sep="\n")
    elif not data["parents"]:
        for path, content in data["files"].items():
            console.print(f"{path}:\n{content}", highlight=False, markup=False, soft_wrap=True)


def _print_barren(data: Mapping[str, Any]) -> None:
    console = Console()
    names = ("run", "step", "operator", "parent", "outcome", "cause", "detail", "cell", "cost_usd")
    console.print(facts_table({name: data[name] for name in names}))
    if data["metrics"]:
        console.print(_in_lines(data["metrics"]), highlight=False)
    for lesson in data["lessons"]:
        console.print(f"{lesson['kind']}: {lesson['text']}", highlight=False, markup=False)
    console.print()
    _print_calls(console, data["calls"])


def _print_calls(console: Console, calls: Sequence[Mapping[str, Any]]) -> None:
    for call in calls:
        cost = "unanswered" if call["answer"] is None else f"${call['cost_usd']:.4f}"
        states = " > ".join(state["state"] for state in call["states"])
        line = f"asked {call['model']} ({cost}): {states}; `--json` prints prompt, answer and each state"
        console.print(line, highlight=False, markup=False)


def _in_lines(metrics: Mapping[str, float]) -> str:
    return "\n".join(f"{name} {value:.6g}" for name, value in metrics.items())
