"""Runs attacks, one after the other, on one warm sandbox."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem, Stage
from evolve.errors import SandboxUnavailable, SeedNotValid
from evolve.interfaces import Job, Sandbox, Verdict
from evolve.redteam.attack import BAD_ENDS, Attack, End, Family, expected_in, probe
from evolve.redteam.canaries import Canaries
from evolve.redteam.program import Surroundings, compose, files_of, takes_attacks
from evolve.redteam.ruling import Reference, Result, ends_of, rule
from evolve.redteam.traces import Traces, descendants

MakeSandbox = Callable[[Problem], Sandbox]

_SEED_RUNS: Final = 3
_SHORTEST_STAGE_S: Final = 2.0
_STAGE_FACTOR: Final = 20.0
_MORE_THAN_SEED_S: Final = 5.0
_STAGE_FACTOR_OF_SLOW_SEEDS: Final = 3.0
_OVERTIME_S: Final = 10.0
_HEARD: Final = "DID: looked for leftovers"
_WRONG: Final = "wrap(lambda function: lambda *arguments, **names: None)"


async def run_suite(
    problem: Problem, make_sandbox: MakeSandbox, attacks: Sequence[Attack]
) -> AsyncGenerator[Result, None]:
    """Yield the result of each attack on a copy of ``problem``.

    Raises SandboxUnavailable when no sandbox starts, SeedNotValid when there is nothing to compare with.
    """
    with Canaries(problem) as canaries:
        arena = _Arena(canaries, make_sandbox)
        try:
            await arena.start()
            suite = _Suite(canaries, arena)
            await suite.prepare(attacks)
            for attack in attacks:
                yield await suite.result(attack)
        finally:
            await arena.close()


def exploits_of(problem: Problem) -> list[Attack]:
    """Return the problem's own exploits. Raises NotAnAttack for one that expects an unknown end."""
    found = []
    for name, files in problem.exploits().items():
        code = files[problem.entry]
        expected = expected_in(code) or BAD_ENDS
        found.append(Attack(f"exploits/{name}", Family.EXPLOITS, "an exploit of the problem's own", expected, code))
    return found


@dataclass(frozen=True, slots=True)
class _Judged:
    verdict: Verdict
    seconds: float
    replaced: str = ""
    """Why the sandbox is another one now, if it is."""


class _Arena:
    """One sandbox, replaced when it breaks; notices when it replaces itself."""

    def __init__(self, canaries: Canaries, make_sandbox: MakeSandbox) -> None:
        self._canaries, self._problem, self._make = canaries, canaries.problem, make_sandbox
        self._sandbox = make_sandbox(self._problem)
        self._idle: frozenset[int] = frozenset()

    async def start(self) -> None:
        """Start a sandbox. Raises SandboxUnavailable."""
        await self._sandbox.start()
        self._idle = self._living()

    async def judge(self, files: Mapping[str, str], stage: Stage) -> _Judged:
        """Judge a program; a sandbox that fails over it is replaced, and the verdict is INFRASTRUCTURE."""
        started = time.monotonic()
        try:
            verdict = await self._sandbox.judge(Job(self._problem, stage, files))
        except SandboxUnavailable as error:
            seconds = time.monotonic() - started
            await self._sandbox.close()
            self._sandbox = self._make(self._problem)
            await self.start()
            return _Judged(Verdict(Outcome.INFRASTRUCTURE, feedback=str(error)), seconds, str(error))
        seconds = time.monotonic() - started
        return _Judged(verdict, seconds, await self._changed())

    async def _changed(self) -> str:
        if self._sandbox.alive() and not self._idle - self._living():
            return ""
        await self._sandbox.close()
        await self.start()
        return "the sandbox found itself not clean, and was replaced"

    def strangers(self) -> list[str]:
        """Return sentences about processes below this one that do not belong to an idle sandbox."""
        more = self._living() - self._idle
        return [f"process {pid} was left in the sandbox" for pid in sorted(more)]

    def _living(self) -> frozenset[int]:
        return descendants() - {self._canaries.process}

    async def close(self) -> None:
        """End the sandbox."""
        await self._sandbox.close()


class _Suite:
    """Judges attacks against what the seed scores."""

    def __init__(self, canaries: Canaries, arena: _Arena) -> None:
        self._canaries, self._arena = canaries, arena
        self._problem = canaries.problem
        self._token = f"rt{secrets.token_hex(5)}"
        self._traces = Traces(self._token, [self._problem.folder])
        self._references: dict[str, Reference] = {}
        self._wrong: frozenset[End] = frozenset()
        self._audible = False

    async def prepare(self, attacks: Sequence[Attack]) -> None:
        """Judge the seed, and a program that is wrong, before any attack.

        Raises SeedNotValid, or SandboxUnavailable when the witnesses are not fit to testify.
        """
        first = self._problem.stages[0]
        await self._measure(first)
        if any(attack.family is Family.EXPLOITS for attack in attacks):
            await self._measure(self._problem.stages[-1])
        if takes_attacks(self._problem):
            self._wrong, _ = await self._control(_WRONG)
            # A judge that only runs commands keeps what they print to itself: then nothing that is silent counts.
            self._audible = _HEARD in (await self._control(probe()))[1].log
        found = self._canaries.disturbed() + self._traces.found() + await self._after()
        if found:
            raise SandboxUnavailable(f"Before any attack, what the suite watches is not in order: {'; '.join(found)}")

    async def result(self, attack: Attack) -> Result:
        """Run one attack, look at everything that tells of it, and judge two honest programs after it."""
        if attack.family is Family.EXPLOITS:
            stage, files = self._problem.stages[-1], dict(self._problem.exploits()[attack.name.partition("/")[2]])
        else:
            stage, files = self._stage(), files_of(self._problem, self._surroundings(), attack)
        judged = await self._arena.judge(files, stage)
        ends = ends_of(judged.verdict, self._references[stage.name], files)
        if judged.replaced:
            ends = frozenset({End.REPLACED})
        seen = self._canaries.disturbed() + self._canaries.leaked(judged.verdict)
        seen += self._traces.found() + self._arena.strangers()
        if judged.seconds > stage.timeout_s + _OVERTIME_S:
            seen.append(
                f"the judge was kept busy for {judged.seconds:.1f} s by a program that had {stage.timeout_s:g} s"
            )
        seen += await self._after()
        verdict = replace(judged.verdict, feedback=judged.replaced or judged.verdict.feedback)
        return rule(attack, verdict, ends, seen, judged.seconds)

    async def _measure(self, stage: Stage) -> None:
        if stage.name in self._references:
            return
        files = self._problem.seed().files
        runs = [(await self._arena.judge(files, stage)).verdict for _ in range(_SEED_RUNS)]
        for run in runs:
            if run.outcome is not Outcome.VALID:
                raise SeedNotValid(f"The seed ended {run.outcome} at stage {stage.name!r}: {run.feedback}")
        self._references[stage.name] = Reference(self._problem, files, runs)

    def _stage(self) -> Stage:
        """Return the first stage, with the time that a seed would need many times over."""
        stage = self._problem.stages[0]
        seed_s = self._references[stage.name].seconds
        generous_s = min(_STAGE_FACTOR * seed_s, _STAGE_FACTOR_OF_SLOW_SEEDS * seed_s + _MORE_THAN_SEED_S)
        enough_s = max(_SHORTEST_STAGE_S, generous_s)
        return replace(stage, timeout_s=min(stage.timeout_s, enough_s))

    def _surroundings(self) -> Surroundings:
        return Surroundings(self._token, self._canaries.addresses())

    async def _after(self) -> list[str]:
        """Return what shows that the programs after an attack are not judged as before it."""
        if not takes_attacks(self._problem):
            return await self._after_in_another_language()
        found = []
        ends, verdict = await self._control(probe())
        if End.AS_SEED not in ends:
            found.append(f"the seed ended {verdict.outcome} {dict(verdict.metrics)} after it: {verdict.feedback}")
        elif self._audible and _HEARD not in verdict.log:
            found.append("the program after it could not be seen to print")
        found += [
            f"the next program reports: {line.partition(': ')[2]}"
            for line in verdict.log.splitlines()
            if line.startswith("BREACH: ")
        ]
        wrong, verdict = await self._control(_WRONG)
        if wrong != self._wrong:
            found.append(f"a wrong program ended {verdict.outcome} {dict(verdict.metrics)} after it")
        return found

    async def _after_in_another_language(self) -> list[str]:
        stage = self._problem.stages[0]
        files = self._problem.seed().files
        verdict = (await self._arena.judge(files, stage)).verdict
        if End.AS_SEED in ends_of(verdict, self._references[stage.name], files):
            return []
        return [f"the seed ended {verdict.outcome} {dict(verdict.metrics)} after it: {verdict.feedback}"]

    async def _control(self, code: str) -> tuple[frozenset[End], Verdict]:
        text = compose(self._problem, self._surroundings(), code)
        files = {**self._problem.seed().files, self._problem.entry: text}
        stage = self._problem.stages[0]
        verdict = (await self._arena.judge(files, stage)).verdict
        return ends_of(verdict, self._references[stage.name], files), verdict
