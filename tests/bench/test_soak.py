"""The soak finds nothing where nothing is wrong, and says so where something is."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evolve import problem_library
from evolve.bench import soak
from evolve.bench.holdings import Holdings, growth, left_behind
from evolve.cli import main
from evolve.domain.evaluation import Outcome
from evolve.interfaces import Verdict
from evolve.redteam.attack import Attack, End, bundled_attacks
from evolve.redteam.ruling import Reference
from tests.engine import Engine

_QUESTIONS = 4096
_NOTHING = Holdings(0.0, 0.0, 0.0, 0.0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def test_each_kind_of_attack_is_there_once_before_any_is_there_often() -> None:
    kinds = bundled_attacks()
    plan = soak.Plan.drawn(8 * len(kinds), 0.25, _QUESTIONS, np.random.default_rng(1))
    drawn = Counter(program.name for program in plan.programs if isinstance(program, Attack))
    assert set(drawn) == {attack.name for attack in kinds}
    assert drawn.total() == plan.attacks() == 2 * len(kinds)
    slow = {attack.name for attack in kinds if End.TIMED_OUT in attack.expected}
    assert sum(drawn[name] for name in slow) < 1.2 * len(slow)
    again = soak.Plan.drawn(8 * len(kinds), 0.25, _QUESTIONS, np.random.default_rng(1))
    assert again == plan


def test_a_sound_process_sandbox_passes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shown = _run(["--programs", "60", "--seed", "3", "--json"], monkeypatch, capsys)
    report = json.loads(shown)
    assert report["holds"], report["proofs"]
    assert report["programs"] == 60 and report["attacks"] == 6
    assert report["outcomes"]["honest valid"] == 54
    assert list(report["held"]) == ["before", "at 10%", "at 50%", "at 100%", "after"]
    assert report["held"]["at 100%"]["processes"] > report["held"]["after"]["processes"]
    assert report["held"]["at 100%"]["supervisor_mb"] > 0


async def test_containers_pass_and_are_accounted_for(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLVE_BASE_IMAGE", engine.base_image)
    said: list[str] = []
    report = await soak.soak(["sandbox=docker"], _few, restart="true", say=said.append, docker=True)
    judging = [proof for proof in report.proofs if proof.claim not in (soak.Findings.BREACH, _SHARED)]
    assert all(proof.holds for proof in judging), judging
    assert "the restart is done" in said
    assert report.held["at 100%"].containers == report.held["at 100%"].in_containers > 0
    assert report.held["at 100%"].container_mb > 0
    assert report.held["after"].containers == 0


def test_every_kind_of_false_verdict_is_found() -> None:
    problem = problem_library.load_problem(str(soak.RANKS))
    seed = problem.seed().files
    right = Verdict(Outcome.VALID, metrics={"right": float(_QUESTIONS)})
    worse = Verdict(Outcome.VALID, metrics={"right": 5.0})
    findings = soak.Findings(_QUESTIONS, Reference(problem, seed, [right]))
    as_seed = next(attack for attack in bundled_attacks() if attack.expected == {End.AS_SEED})
    may_be_worse = replace(as_seed, expected=frozenset({End.WORSE}))

    findings.honest(0, right)
    findings.honest(_QUESTIONS - 5, worse)
    findings.attack(as_seed, right, seed)
    findings.attack(may_be_worse, worse, seed)
    assert all(proof.holds for proof in findings.proofs())

    findings.honest(1, right)
    findings.honest(1, Verdict(Outcome.CRASHED))
    findings.honest(1, Verdict(Outcome.INFRASTRUCTURE))
    findings.attack(as_seed, worse, seed)
    findings.attack(may_be_worse, Verdict(Outcome.VALID, metrics={"right": 1e9}), seed)
    findings.attack(as_seed, replace(right, log="BREACH: it got out"), seed)
    failures = {proof.claim: proof.failures for proof in findings.proofs()}
    assert failures == {
        findings.FALSE: 1, findings.BLAMED: 1, findings.OURS: 1, findings.FORGED: 2, findings.BREACH: 1,
        findings.HOST: 0,
    }  # fmt: skip


def test_what_is_not_given_back_is_found() -> None:
    assert growth(_NOTHING, replace(_NOTHING, controller_mb=30.0, descriptors=2)) == []
    assert growth(_NOTHING, replace(_NOTHING, container_mb=100.0)) == ["container_mb grew from 0 to 100"]
    assert growth(_NOTHING, replace(_NOTHING, descriptors=9)) == ["descriptors grew from 0 to 9"]
    assert left_behind(_NOTHING, replace(_NOTHING, containers=1)) == ["1 more containers than before"]
    assert left_behind(replace(_NOTHING, processes=1), replace(_NOTHING, processes=1)) == []


def test_honest_programs_score_what_is_said_beforehand(tmp_path: Path) -> None:
    problem = problem_library.load_problem(str(soak.RANKS))
    job = soak.honest_job(problem, problem.stages[0], 7)
    space: dict[str, object] = {}
    exec(job.files[problem.entry], space)
    answers = space["ranks"](np.array([0.3, 0.1, 0.2] * 5))  # type: ignore[operator]
    assert np.count_nonzero(answers == -1) == 7


_SHARED = "nothing is left when all is closed"
"""Counts volumes too, which on an engine of many users others make."""


def _few(questions: int) -> soak.Plan:
    quick = [attack for attack in bundled_attacks() if attack.expected == {End.AS_SEED}]
    honest = list(range(0, questions, questions // 36))
    return soak.Plan([*honest[:18], *quick[:4], *honest[18:36]])


def _run(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr(sys, "argv", ["evolve", "bench", "soak", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr()
    assert ended.value.code == 0, shown.out + shown.err
    return shown.out
