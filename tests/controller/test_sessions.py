"""Sessions of coding agents in a run: their budget, what is on record of them, and doing it again."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest

from evolve.controller.budget import Budget, InFlight, Spent
from evolve.controller.exhibits import Exhibits
from evolve.controller.ledger import Ledger
from evolve.controller.replay import Difference, Replay
from evolve.controller.run import Parts, resume_run, start_run
from evolve.controller.sessions import AGENT, BEGUN_ANEW, EVALUATED
from evolve.domain.problem import Problem
from evolve.domain.proposal import Completed, Message, Prompted, Usage
from evolve.errors import SandboxUnavailable
from evolve.interfaces import Commission, Desk, LanguageModel, Session, SessionEnd
from evolve.llm.scripted import ScriptedModel
from evolve.mutation.agent import Agent
from evolve.mutation.prompt import PromptBuilder
from tests.controller.controller_support import NO_LIMIT, SEED, make_parts, no_view, run_info
from tests.controller.test_loop_and_run import KeptStore

Script = Callable[[Commission, Desk], Awaitable[Mapping[str, str]]]


def valued(value: float) -> dict[str, str]:
    return {"program.py": SEED.replace("value = 1.0", f"value = {value}")}


@dataclass
class ScriptedWorkshop:
    """Runs Python functions as agents, here and now."""

    script: Script
    sessions: int = 0
    allowances: list[float] = field(default_factory=list)

    async def work(self, commission: Commission, desk: Desk) -> Session:
        self.sessions += 1
        self.allowances.append(commission.allowance.wall_s)
        files = await self.script(commission, desk)
        return Session(end=SessionEnd.EXITED, exit_code=0, files=files, output="set it\n", seconds=0.5)


def make_agent(**limits: float) -> Agent:
    settings = {"evaluations": 4, "wall_s": 60.0, "calls": 3, "cost_usd": 1.0, **limits}
    return Agent(PromptBuilder(), command=("my-agent",), **settings)  # type: ignore[arg-type]


def agent_parts(
    problem: Problem,
    store: KeptStore,
    script: Script,
    *,
    model: LanguageModel | None = None,
    agent: Agent | None = None,
    **limits: object,
) -> tuple[Parts, ScriptedWorkshop]:
    workshop = ScriptedWorkshop(script)
    wanted = {"evaluations": None, "proposals": 4, "ordered": True, **limits}
    parts = make_parts(problem, store, [agent or make_agent()], model=model, **wanted)  # type: ignore[arg-type]
    return replace(parts, workshop=workshop), workshop


async def replayed(parts: Parts, store: KeptStore) -> Difference | None:
    return await Replay(
        store=store,
        run="r",
        decisions=parts.decisions(Exhibits(store, "r", parts.problem)),
        model=parts.model,
        novelty=parts.novelty,
    ).first_difference()


def events(store: KeptStore, kind: str) -> list[Mapping[str, object]]:
    return [event.data for _, event in store.events("r") if event.kind == kind]


async def climb(commission: Commission, desk: Desk) -> Mapping[str, str]:
    """Try one larger value and leave a still larger one."""
    value = float(commission.files["program.py"].split("value = ")[1].split()[0])
    await desk.evaluate(valued(value + 0.5))
    return valued(value + 1)


async def test_what_an_agent_leaves_is_the_proposal_and_all_it_did_is_on_record(problem: Problem) -> None:
    store = KeptStore()
    parts, workshop = agent_parts(problem, store, climb)
    result = await start_run(parts, run_info(problem), no_view)
    assert workshop.sessions == 3
    assert result.best.metrics["value"] >= 3.0
    told = events(store, EVALUATED)
    assert [(data["step"], data["number"], data["outcome"]) for data in told] == [(n, 1, "valid") for n in (1, 2, 3)]
    assert told[0]["metrics"]["value"] == 1.5 and "+value = 1.5" in str(told[0]["diff"])  # type: ignore[index]
    judged = sum(attempt.evaluation is not None for attempt in store.history("r"))
    assert result.progress.spent.evaluations == judged + 3
    assert store.program("r", 1).detail["summary"] == "set it"
    assert await replayed(parts, store) is None
    assert workshop.sessions == 3  # none of them was run again


async def test_no_haste_gets_more_evaluations_than_granted(problem: Problem) -> None:
    async def greedy(commission: Commission, desk: Desk) -> Mapping[str, str]:
        answers = await asyncio.gather(*(desk.evaluate(valued(2 + n / 10)) for n in range(12)))
        assert sum("outcome" in answer for answer in answers) == 4
        assert all("error" in answer for answer in answers if "outcome" not in answer)
        assert desk.left()["evaluations"] == 0
        return valued(2)

    store = KeptStore()
    parts, workshop = agent_parts(problem, store, greedy, proposals=2)
    await start_run(parts, run_info(problem), no_view)
    assert (workshop.sessions, len(events(store, EVALUATED))) == (1, 4)


async def test_sessions_keep_to_the_run_s_budget_together(problem: Problem) -> None:
    async def greedy(commission: Commission, desk: Desk) -> Mapping[str, str]:
        value = float(next(numbers))
        await asyncio.gather(*(desk.evaluate(valued(value + n / 100)) for n in range(40)))
        return valued(value)

    store, numbers = KeptStore(), itertools.count(2)
    agent = make_agent(evaluations=40)
    parts, _ = agent_parts(problem, store, greedy, agent=agent, evaluations=25, proposals=None, ordered=False)
    result = await start_run(parts, run_info(problem), no_view)
    judged = sum(attempt.evaluation is not None for attempt in store.history("r"))
    assert judged + len(events(store, EVALUATED)) == result.progress.spent.evaluations <= 25
    assert result.reason == "budget of 25 evaluations used"


async def test_files_that_could_be_no_proposal_are_not_judged_and_not_counted(problem: Problem) -> None:
    answers: list[Mapping[str, object]] = []

    async def careless(commission: Commission, desk: Desk) -> Mapping[str, str]:
        tries: tuple[dict[str, str], ...] = (
            {},
            {"program.py": "value = 9\n"},
            valued(2) | {"more.py": ""},
            {"program.py": "\0"},
        )
        answers.extend([await desk.evaluate(files) for files in tries])
        return {"program.py": "value = 99\n"}

    store = KeptStore()
    parts, _ = agent_parts(problem, store, careless, proposals=2)
    result = await start_run(parts, run_info(problem), no_view)
    assert [answer["cause"] for answer in answers] == ["unknown_file", "markers_changed", "unknown_file", "not_text"]
    assert events(store, EVALUATED) == []
    assert dict(result.progress.causes) == {"markers_changed": 1}


async def test_agents_never_see_the_sealed_stage(problem: Problem) -> None:
    store = KeptStore()
    stages: list[object] = []

    async def curious(commission: Commission, desk: Desk) -> Mapping[str, str]:
        stages.append((await desk.evaluate(valued(2)))["stage"])
        return valued(3)

    parts, _ = agent_parts(problem, store, curious, proposals=2)
    await start_run(parts, run_info(problem), no_view)
    assert stages == ["full"]
    assert {data["stage"] for data in events(store, EVALUATED)} == {"full"}


# ── the model ─────────────────────────────────────────────────────────────────────────────────
async def ask_five_times(commission: Commission, desk: Desk) -> Mapping[str, str]:
    answers = await asyncio.gather(*(desk.ask([Message("user", f"question {n}")]) for n in range(5)))
    return valued(2.0 + sum("text" in answer for answer in answers) / 10)


@pytest.mark.parametrize(
    ("limits", "run_limits", "answered"),
    [
        ({}, {}, 3),
        ({"calls": 0}, {}, 0),
        ({"calls": 9, "cost_usd": 0.25}, {}, 2),
        ({"calls": 9}, {"cost_usd": 0.35}, 3),
        ({"calls": 9}, {"calls": 2}, 2),
    ],
)
async def test_no_haste_spends_more_than_granted(
    problem: Problem, limits: dict[str, float], run_limits: dict[str, float], answered: int
) -> None:
    store = KeptStore()
    model = ScriptedModel(["an answer"], cost_usd=0.1)
    parts, _ = agent_parts(
        problem, store, ask_five_times, model=model, agent=make_agent(**limits), proposals=2, **run_limits
    )
    result = await start_run(parts, run_info(problem), no_view)
    spent = result.progress.spent
    assert result.best.metrics["value"] == pytest.approx(2.0 + answered / 10)
    assert spent.calls == answered + 1  # the session is on record as one
    assert spent.cost_usd == pytest.approx(0.1 * answered)
    assert store.run("r").usage.cost_usd == pytest.approx(spent.cost_usd)
    assert store.run("r").usage.calls == spent.calls
    assert await replayed(parts, store) is None


# ── what goes wrong ───────────────────────────────────────────────────────────────────────────
async def test_a_session_that_was_cut_off_is_begun_anew_and_what_it_used_stays_used(problem: Problem) -> None:
    store = KeptStore()
    waits = asyncio.Event()
    asked: list[str] = []

    def answer(request: object) -> str:
        asked.append(str(request))
        return "an answer"

    async def slow(commission: Commission, desk: Desk) -> Mapping[str, str]:
        await desk.evaluate(valued(2))
        await desk.ask([Message("user", "first")])
        waits.set()
        await asyncio.Event().wait()
        raise AssertionError

    parts, _ = agent_parts(problem, store, slow, model=ScriptedModel(answer, cost_usd=0.1), proposals=2)
    running = asyncio.create_task(start_run(parts, run_info(problem), no_view))
    await asyncio.wait_for(waits.wait(), 20)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    async def again(commission: Commission, desk: Desk) -> Mapping[str, str]:
        assert desk.left()["evaluations"] == 3
        assert "text" in await desk.ask([Message("user", "first")])
        assert "text" in await desk.ask([Message("user", "second")])
        await desk.evaluate(valued(3))
        return valued(4)

    parts, workshop = agent_parts(problem, store, again, model=ScriptedModel(answer, cost_usd=0.1), proposals=2)
    result = await resume_run(parts, "r", no_view)
    assert workshop.sessions == 1
    assert len(asked) == 2  # the first was paid for once
    assert [data["step"] for data in events(store, BEGUN_ANEW)] == [1]
    assert result.progress.spent.evaluations == 4  # seed, one before, one after, the proposal
    assert result.progress.spent.cost_usd == pytest.approx(0.2)
    assert await replayed(parts, store) is None


async def test_a_session_is_on_record_before_it_begins(problem: Problem) -> None:
    store = KeptStore()
    parts, _ = agent_parts(problem, store, climb, proposals=2)
    await start_run(parts, run_info(problem), no_view)
    records = [entry.record for entry in store.entries("r", range(1, 2))]
    prompted = next(record for record in records if isinstance(record, Prompted))
    assert prompted.request.model == AGENT
    assert records.index(prompted) < next(i for i, record in enumerate(records) if isinstance(record, Completed))


async def test_a_sandbox_that_fails_is_nobody_s_proposal(problem: Problem) -> None:
    async def broken(commission: Commission, desk: Desk) -> Mapping[str, str]:
        raise SandboxUnavailable("no engine")

    store = KeptStore()
    parts, _ = agent_parts(problem, store, broken, proposals=3)
    result = await start_run(parts, run_info(problem), no_view)
    assert dict(result.progress.causes) == {"model_error": 2}
    assert await replayed(parts, store) is None


async def test_a_session_gets_no_more_time_than_its_run_has(problem: Problem) -> None:
    store = KeptStore()
    parts, workshop = agent_parts(problem, store, climb, proposals=2)
    parts = replace(parts, budget=replace(parts.budget, wall_s=30.0))
    await start_run(parts, run_info(problem), no_view)
    assert 0 < workshop.allowances[0] <= 30


# ── the ledger alone ──────────────────────────────────────────────────────────────────────────
def make_ledger(budget: Budget, spent: Spent, counted: list[float], attempts: int = 0, stopping: str = "") -> Ledger:
    ledger: Ledger
    ledger = Ledger(
        budget,
        spent=lambda: replace(spent, evaluations=spent.evaluations + len(counted)),
        in_flight=lambda: InFlight(attempts, 0, ledger.evaluating),
        elapsed_s=lambda: 10.0,
        stopping=lambda: stopping,
        count=counted.append,
    )
    return ledger


def test_a_ledger_grants_as_much_as_is_left_and_holds_back_what_attempts_need() -> None:
    counted: list[float] = []
    ledger = make_ledger(replace(NO_LIMIT, evaluations=10), Spent(evaluations=5), counted, attempts=2)
    assert [bool(ledger.begin_evaluation()) for _ in range(5)] == [False, False, False, True, True]
    ledger.end_evaluation(0.5)
    assert (counted, ledger.evaluating) == ([0.5], 2)
    assert "10 evaluations" in ledger.begin_evaluation()


@pytest.mark.parametrize(
    ("budget", "stopping", "words"),
    [
        (replace(NO_LIMIT, wall_s=10.0), "", "10 seconds"),
        (replace(NO_LIMIT, gpu_s=3.0), "", "3 GPU-seconds"),
        (NO_LIMIT, "stopped on request", "stopped on request"),
    ],
)
def test_a_ledger_says_why_it_grants_nothing(budget: Budget, stopping: str, words: str) -> None:
    assert words in make_ledger(budget, Spent(gpu_s=3.0), [], stopping=stopping).begin_evaluation()


def test_a_ledger_adds_what_open_sessions_have_used() -> None:
    ledger = make_ledger(replace(NO_LIMIT, cost_usd=1.0), Spent(cost_usd=0.5), [])
    assert ledger.refuses_call(1, Usage(1, 10, 0.3)) == ""
    assert "dollars" in ledger.refuses_call(2, Usage(1, 10, 0.3))
    ledger.forget(1)
    assert ledger.refuses_call(2, Usage(1, 10, 0.3)) == ""
