"""What every problem folder promises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem, Stage
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.interfaces import Job, Verdict

Judged = Callable[[Job], Verdict]


def stages_of(problem: Problem) -> tuple[Stage, ...]:
    """Return every stage of a problem, the sealed one too."""
    return (*problem.stages, *((problem.sealed,) if problem.sealed is not None else ()))


def check_seed(problem: Problem, judged: Judged) -> None:
    """Judge the seed twice in each stage: VALID, alike, with feedback, and no record."""
    known = problem.known_gain()
    for stage in stages_of(problem):
        job = Job(problem, stage, problem.seed().files)
        first, second = judged(job), judged(job)
        assert first.outcome is Outcome.VALID, first.feedback
        _check_alike(problem, first, second)
        assert first.feedback, "the feedback is shown to the next prompt"
        if known is not None:
            assert problem.vector(first.metrics)[0] < known, "the seed must leave something to be found"


def _check_alike(problem: Problem, first: Verdict, second: Verdict) -> None:
    """Two verdicts on one program are equal; where times are scored, or reported in ``ns_...``, those may differ."""
    assert second.outcome is first.outcome and second.metrics.keys() == first.metrics.keys()
    if not problem.deterministic:
        for goal in problem.objectives:
            assert 0.4 < second.metrics[goal.name] / first.metrics[goal.name] < 2.5
        return
    one, other = ({n: v for n, v in verdict.metrics.items() if not n.startswith("ns_")} for verdict in (first, second))
    assert replace(first, seconds=0.0, metrics=one) == replace(second, seconds=0.0, metrics=other)


def expected_outcome(files: Mapping[str, str], entry: str) -> Outcome:
    """Read ``expect: OUTCOME`` from the comment that is the first line of an exploit."""
    prefix, _, outcome = files[entry].splitlines()[0].partition(": ")
    assert prefix in ("# expect", "// expect"), f"an exploit begins with '# expect: OUTCOME', found {prefix!r}"
    return Outcome(outcome)


class ProblemSuite:
    """What every problem folder promises. A class of yours says where it is.

    Scores of problems that say ``deterministic: false`` may differ by a factor of 2.5, others repeat exactly.
    """

    @pytest.fixture
    def folder(self) -> Path:
        """Return the folder with problem.yaml."""
        raise NotImplementedError("Override the fixture folder in your class.")

    @pytest.fixture
    def problem(self, folder: Path) -> Problem:
        return Problem.load(folder)

    @pytest.fixture
    def judged(self, problem: Problem) -> Iterator[Judged]:
        """Return what judges a program of the problem in a sandbox."""
        with asyncio.Runner() as runner:
            sandbox = ProcessSandbox(problem)
            runner.run(sandbox.start())

            def judge(job: Job) -> Verdict:
                if not sandbox.alive():
                    runner.run(sandbox.start())
                return runner.run(sandbox.judge(job))

            yield judge
            runner.run(sandbox.close())

    def test_the_seed_is_valid_scores_the_same_twice_and_is_no_record(self, problem: Problem, judged: Judged) -> None:
        check_seed(problem, judged)

    def test_gates_let_the_seed_through(self, problem: Problem, judged: Judged) -> None:
        for stage in problem.stages:
            if stage.gate is not None:
                value = judged(Job(problem, stage, problem.seed().files)).metrics[stage.gate.metric]
                assert stage.gate.passes(value, value)

    def test_baselines_are_valid(self, problem: Problem, judged: Judged) -> None:
        for name, files in problem.baselines().items():
            verdict = judged(Job(problem, problem.stages[-1], files))
            assert verdict.outcome is Outcome.VALID, f"{name}: {verdict.feedback}"

    def test_exploits_end_as_they_say_in_every_stage(self, problem: Problem, judged: Judged) -> None:
        for files in problem.exploits().values():
            for stage in stages_of(problem):
                verdict = judged(Job(problem, stage, files))
                assert verdict.outcome is expected_outcome(files, problem.entry), verdict
                assert verdict.feedback and not verdict.metrics

    def test_a_program_without_a_line_does_not_score(self, problem: Problem, judged: Judged) -> None:
        files = dict.fromkeys(problem.seed().files, "")
        verdict = judged(Job(problem, problem.stages[-1], files))
        assert verdict.outcome is not Outcome.VALID and not verdict.metrics
