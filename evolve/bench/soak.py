"""Thousands of programs through one warm executor, a share of them hostile; the score of every one is known.

What it proves: no score is false, no honest program is blamed for what others or the machine did,
nothing is held that was not given back. With a restart of the container engine in the middle it
proves that jobs wait for it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from evolve import configuration, problem_library, wiring
from evolve.bench.holdings import Holdings, Stocktaking, growth, left_behind
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem, Stage
from evolve.errors import SandboxUnavailable
from evolve.evaluation.docker_engine import Engine
from evolve.interfaces import Executor, Job, Sandbox, Verdict
from evolve.redteam.attack import Attack, End, bundled_attacks
from evolve.redteam.canaries import Canaries
from evolve.redteam.program import Surroundings, files_of
from evolve.redteam.ruling import Reference, ends_of
from evolve.redteam.traces import Traces, descendants

RANKS = Path(__file__).resolve().parent / "ranks"
_METRIC = "right"
_MARK = "WRONG = 0"
_ATTACK_TIMEOUT_S = 2.0
_SLOW_SHARE = 0.03
"""Of the attacks beyond the first of each kind: those that may last until their time is up."""
_LOOKS = (0.1, 0.5, 1.0)
_RESTART_AT = 0.3
_AFTER_RESTART = 10
_SETTLE_S = 120.0
_SETTLE_LOOK_S = 1.0
_EXAMPLES = 5

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """Which programs, in which order: the number of wrong answers of an honest one, or an attack."""

    programs: Sequence[int | Attack]

    @classmethod
    def drawn(cls, programs: int, share: float, questions: int, rng: np.random.Generator) -> Plan:
        """Return a plan with this share of attacks: each kind at least once where the share is large enough."""
        attacks = _drawn_attacks(round(share * programs), rng)
        wrong = rng.integers(questions, size=programs - len(attacks), endpoint=True)
        mixed: list[int | Attack] = [*map(int, wrong), *attacks]
        return cls([mixed[index] for index in rng.permutation(len(mixed))])

    def attacks(self) -> int:
        """Return how many of the programs are attacks."""
        return sum(isinstance(program, Attack) for program in self.programs)


def _drawn_attacks(count: int, rng: np.random.Generator) -> list[Attack]:
    every = bundled_attacks()
    quick = [attack for attack in every if End.TIMED_OUT not in attack.expected]
    slow = [attack for attack in every if End.TIMED_OUT in attack.expected]
    chosen = [every[index] for index in rng.permutation(len(every))[:count]]
    while len(chosen) < count:
        kind = slow if rng.random() < _SLOW_SHARE else quick
        chosen.append(kind[int(rng.integers(len(kind)))])
    return chosen


@dataclass(frozen=True, slots=True)
class Proof:
    """Something that must not happen: how often it did, and the first few cases. None is good."""

    claim: str
    failures: int = 0
    examples: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether it never happened."""
        return not self.failures


@dataclass(slots=True)
class Sandboxes:
    """What became of sandboxes; the failures are those that jobs were tried again after."""

    started: int = 0
    refused: int = 0
    failed: int = 0
    open: int = 0


class WatchedSandbox:
    """A sandbox that is counted; implements :class:`evolve.interfaces.Sandbox`."""

    def __init__(self, sandbox: Sandbox, seen: Sandboxes) -> None:
        self._sandbox, self._seen = sandbox, seen
        self._open = False

    async def start(self) -> None:
        """Start; counts as started or refused."""
        try:
            await self._sandbox.start()
        except SandboxUnavailable:
            self._seen.refused += 1
            raise
        self._seen.started += 1
        self._seen.open += 1
        self._open = True

    async def judge(self, job: Job) -> Verdict:
        """Judge; counts failures."""
        try:
            return await self._sandbox.judge(job)
        except SandboxUnavailable:
            self._seen.failed += 1
            raise

    def alive(self) -> bool:
        """See Sandbox.alive."""
        return self._sandbox.alive()

    async def close(self) -> None:
        """See Sandbox.close."""
        await self._sandbox.close()
        self._seen.open -= self._open
        self._open = False

    def protects(self) -> Sequence[str]:
        """See Sandbox.protects."""
        return self._sandbox.protects()

    def does_not_protect(self) -> Sequence[str]:
        """See Sandbox.does_not_protect."""
        return self._sandbox.does_not_protect()


class Findings:
    """Collects what verdicts show, by claim."""

    FALSE = "no honest program has a score that is not its own"
    FORGED = "no attack has a score that is not the seed's"
    BREACH = "no attack reports that it got through"
    BLAMED = "no honest program is said to have failed"
    OURS = "no program ends as a failure of ours"
    HOST = "nothing on this machine was touched"
    CLAIMS = (FALSE, FORGED, BREACH, BLAMED, OURS, HOST)

    def __init__(self, questions: int, reference: Reference) -> None:
        self._questions, self._reference = questions, reference
        self.outcomes: Counter[str] = Counter()
        self._found: dict[str, list[str]] = {claim: [] for claim in self.CLAIMS}

    def honest(self, wrong: int, verdict: Verdict) -> None:
        """Take the verdict on an honest program."""
        self.outcomes[f"honest {verdict.outcome}"] += 1
        shown = f"with {wrong} wrong answers: {_shown(verdict)}"
        if verdict.outcome is Outcome.INFRASTRUCTURE:
            self.add(self.OURS, shown)
        elif verdict.outcome is not Outcome.VALID:
            self.add(self.BLAMED, shown)
        elif dict(verdict.metrics) != {_METRIC: float(self._questions - wrong)}:
            self.add(self.FALSE, shown)

    def attack(self, attack: Attack, verdict: Verdict, files: Mapping[str, str]) -> None:
        """Take the verdict on an attack. One that may score worse than the seed by its own words may do so."""
        self.outcomes[f"attack {verdict.outcome}"] += 1
        shown = f"{attack.name}: {_shown(verdict)}"
        allowed = {End.AS_SEED} | (attack.expected & {End.WORSE, End.NO_BETTER})
        if verdict.outcome is Outcome.INFRASTRUCTURE and End.REPLACED not in attack.expected:
            self.add(self.OURS, shown)
        if verdict.outcome is Outcome.VALID and not ends_of(verdict, self._reference, files) & allowed:
            self.add(self.FORGED, shown)
        for line in verdict.log.splitlines():
            if line.startswith("BREACH: "):
                self.add(self.BREACH, f"{attack.name}: {line}")

    def add(self, claim: str, case: str) -> None:
        """Note a case against a claim."""
        self._found[claim].append(case)

    def proofs(self) -> Iterator[Proof]:
        """Yield every claim with what speaks against it."""
        for claim, cases in self._found.items():
            yield Proof(claim, len(cases), tuple(cases[:_EXAMPLES]))


def _shown(verdict: Verdict) -> str:
    return f"{verdict.outcome} {dict(verdict.metrics)} {verdict.feedback[:300]}".rstrip()


@dataclass(frozen=True, slots=True)
class Report:
    """What a soak showed.

    Args:
        programs, attacks: how many were judged; attacks are among the programs.
        seconds: of judging, without looking at what is held.
        longest_wait_s: from one verdict to the next.
        outcomes: counts, by kind and outcome.
        sandboxes: what became of them.
        held: by moment, what was held while no program ran.
    """

    programs: int
    attacks: int
    seconds: float
    longest_wait_s: float
    outcomes: Mapping[str, int]
    sandboxes: Sandboxes
    held: Mapping[str, Holdings]
    proofs: Sequence[Proof]

    @property
    def holds(self) -> bool:
        """Whether all was proved."""
        return all(proof.holds for proof in self.proofs)


@dataclass(slots=True)
class _Pace:
    """Measures judging, and the longest time without a verdict."""

    seconds: float = 0.0
    longest_s: float = 0.0
    _last_s: float = field(default=0.0)

    def begin(self) -> None:
        self._last_s = time.monotonic()

    def verdict(self) -> None:
        now_s = time.monotonic()
        waited_s, self._last_s = now_s - self._last_s, now_s
        self.seconds += waited_s
        self.longest_s = max(self.longest_s, waited_s)


class Soak:
    """Judges a plan on one executor, in three parts; looks at what is held after each.

    Args:
        canaries: on whose copy of the problem; entered.
        executor: of that problem; not started.
        sandboxes: the counts of the executor's sandboxes.
        restart: shell command that is run once, while programs are judged.
        say: gets a line of progress now and then.
    """

    def __init__(
        self,
        canaries: Canaries,
        executor: Executor,
        sandboxes: Sandboxes,
        *,
        restart: str | None,
        say: Say,
        engine: Engine | None,
    ) -> None:
        self._problem = canaries.problem
        self._canaries, self._executor, self._sandboxes = canaries, executor, sandboxes
        self._restart, self._say = restart, say
        token = f"soak{np.random.default_rng().integers(10**9):09d}"
        self._surroundings = Surroundings(token, canaries.addresses())
        self._traces = Traces(token, [self._problem.folder])
        self._stock = Stocktaking(self._traces, engine)
        self._pace = _Pace()
        self._restarting: asyncio.Task[str] | None = None

    async def run(self, plan: Plan) -> Report:
        """Judge every program of the plan. Raises SandboxUnavailable when no sandbox starts at all."""
        before = await asyncio.to_thread(self._stock.holdings)
        held: dict[str, Holdings] = {"before": before}
        await self._executor.start()
        try:
            findings = await self._findings()
            begun, trouble = 0, ""
            for share in _LOOKS:
                end = round(share * len(plan.programs))
                await self._judge_all(plan.programs[begun:end], begun, len(plan.programs), findings)
                begun = end
                if self._restarting is not None:
                    await self._judge_until(self._restarting, findings)
                    trouble = await self._restarting
                await self._settled()
                held[f"at {share:.0%}"] = await asyncio.to_thread(self._stock.holdings)
        finally:
            await self._executor.close()
        held["after"] = await asyncio.to_thread(self._stock.holdings)
        for case in [*self._canaries.disturbed(), *self._traces.found()]:
            findings.add(Findings.HOST, case)
        return Report(
            programs=findings.outcomes.total(),
            attacks=plan.attacks(),
            seconds=self._pace.seconds,
            longest_wait_s=self._pace.longest_s,
            outcomes=dict(sorted(findings.outcomes.items())),
            sandboxes=self._sandboxes,
            held=held,
            proofs=[*findings.proofs(), *_proofs_of_holdings(held), *self._proof_of_restart(trouble)],
        )

    async def _findings(self) -> Findings:
        seed = self._problem.seed().files
        verdict = await self._executor.judge(Job(self._problem, self._problem.stages[0], seed))
        if verdict.outcome is not Outcome.VALID:
            raise SandboxUnavailable(f"The seed of the soak ended {_shown(verdict)}.")
        return Findings(questions_of(self._problem), Reference(self._problem, seed, [verdict]))

    async def _judge_all(self, programs: Sequence[int | Attack], begun: int, total: int, findings: Findings) -> None:
        numbered = iter(enumerate(programs, begun))
        self._pace.begin()

        async def work() -> None:
            for number, program in numbered:
                if number == round(_RESTART_AT * total) and self._restart:
                    self._restarting = asyncio.create_task(self._run_restart(self._restart))
                await self._judge(program, findings)
                self._pace.verdict()
                if number % max(total // 20, 1) == 0:
                    self._say(f"{number} of {total} programs, {self._sandboxes.failed} failures of sandboxes")

        async with asyncio.TaskGroup() as group:
            for _ in range(2 * self._executor.width):
                group.create_task(work())

    async def _judge_until(self, restarting: asyncio.Task[str], findings: Findings) -> None:
        """Judge honest programs beyond the plan while the restart lasts, and a few after it."""

        async def work(number: int) -> None:
            while not restarting.done():
                await self._judge(number, findings)
                self._pace.verdict()
            for more in range(_AFTER_RESTART):
                await self._judge(number + more, findings)
                self._pace.verdict()

        if not restarting.done():
            self._pace.begin()
            async with asyncio.TaskGroup() as group:
                for number in range(2 * self._executor.width):
                    group.create_task(work(number))

    async def _judge(self, program: int | Attack, findings: Findings) -> None:
        stage = self._problem.stages[0]
        if isinstance(program, Attack):
            files = files_of(self._problem, self._surroundings, program)
            brief = replace(stage, timeout_s=_ATTACK_TIMEOUT_S)
            findings.attack(program, await self._executor.judge(Job(self._problem, brief, files)), files)
        else:
            findings.honest(program, await self._executor.judge(honest_job(self._problem, stage, program)))

    async def _run_restart(self, command: str) -> str:
        """Run the command; return what is wrong with how it ended, or ''."""
        self._say(f"running: {command}")
        process = await asyncio.create_subprocess_shell(
            command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True
        )
        output, _ = await process.communicate()
        self._say("the restart is done")
        return f"exit code {process.returncode}: {output.decode()[-300:]}" if process.returncode else ""

    async def _settled(self) -> None:
        """Wait until no sandbox starts or ends any more."""
        deadline = time.monotonic() + _SETTLE_S
        last: tuple[int, frozenset[int]] = (-1, frozenset())
        while time.monotonic() < deadline:
            now = (self._sandboxes.started, descendants())
            if now == last and self._sandboxes.open >= self._executor.width:
                return
            last = now
            await asyncio.sleep(_SETTLE_LOOK_S)

    def _proof_of_restart(self, trouble: str) -> Iterator[Proof]:
        if self._restart:
            yield Proof("the restart command succeeds", int(bool(trouble)), (trouble,) if trouble else ())


def _proofs_of_holdings(held: Mapping[str, Holdings]) -> Iterator[Proof]:
    # Until the middle a process may grow to the largest answer that it meets; that is no leak.
    early, late = held[f"at {_LOOKS[1]:.0%}"], held[f"at {_LOOKS[-1]:.0%}"]
    for claim, cases in (
        ("nothing grows from the middle to the end", growth(early, late)),
        ("nothing is left when all is closed", left_behind(held["before"], held["after"])),
    ):
        yield Proof(claim, len(cases), tuple(cases))


def questions_of(problem: Problem) -> int:
    """Return the best score."""
    return int(str(problem.params["questions"]))


def honest_job(problem: Problem, stage: Stage, wrong: int) -> Job:
    """Return the job of a program that gives this many wrong answers."""
    seed = problem.seed().files
    text = seed[problem.entry].replace(_MARK, f"WRONG = {wrong}")
    return Job(problem, stage, {**seed, problem.entry: text})


async def soak(
    overrides: Iterable[str], plan_of: Callable[[int], Plan], *, restart: str | None, say: Say, docker: bool
) -> Report:
    """Judge a plan on the executor and the sandboxes of a configuration.

    ``plan_of`` gets the best score. Raises ConfigurationError, SandboxUnavailable.
    """
    config = configuration.configure([f"problem={RANKS}", *overrides])
    sandboxes = Sandboxes()
    engine = Engine() if docker else None
    with Canaries(problem_library.load_problem(str(RANKS))) as canaries:
        problem = canaries.problem

        def make() -> Sandbox:
            return WatchedSandbox(wiring.build_sandbox(config, problem), sandboxes)

        executor = wiring.build_executor(config, problem, make)
        try:
            work = Soak(canaries, executor, sandboxes, restart=restart, say=say, engine=engine)
            return await work.run(plan_of(questions_of(problem)))
        finally:
            if engine is not None:
                engine.close()
