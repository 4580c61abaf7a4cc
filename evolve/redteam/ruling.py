"""From what was seen of an attack to what it means."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from evolve.domain.evaluation import Outcome, missing_metrics
from evolve.domain.problem import Problem
from evolve.domain.program import automatic_features
from evolve.interfaces import Verdict
from evolve.redteam.attack import Attack, End, Family

_REPORT = re.compile(r"^(DID|HELD|BREACH): (.*)$", re.MULTILINE)
_FAILED = {Outcome.INVALID: End.INVALID, Outcome.CRASHED: End.CRASHED, Outcome.TIMED_OUT: End.TIMED_OUT}
_FEEDBACK_CHARACTERS = 500
_MARGIN = 0.5
"""Share by which a metric that differs between runs of the seed may differ further."""


class Ruling(StrEnum):
    """What an attack shows; everything but CONTAINED is a finding."""

    CONTAINED = "contained"
    BREACH = "BREACH"
    INCONCLUSIVE = "inconclusive"
    """It did not show what it should: it did not act, or ended as nobody expected."""
    REPLACED = "replaced"
    """It did no harm outside, but the sandbox had to be replaced."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What the seed scores on a stage, measured several times.

    Args:
        problem: whose objectives decide what is better.
        files: of the seed.
        runs: the metrics of each run, and how long they took.
    """

    problem: Problem
    files: Mapping[str, str]
    runs: Sequence[Verdict]

    @property
    def seconds(self) -> float:
        """Of a warm run."""
        return min(run.seconds for run in self.runs)

    def is_same(self, metrics: Mapping[str, float]) -> bool:
        """Whether metrics are the seed's: exactly, where those are always the same."""
        return set(metrics) == set(self.runs[0].metrics) and all(
            low <= metrics[name] <= high for name, (low, high) in map(self._range, metrics)
        )

    def gap(self, metrics: Mapping[str, float], files: Mapping[str, str]) -> float | None:
        """Return by how much metrics beat the seed on the first objective that differs; None if one is missing."""
        complete = {**automatic_features(files), **metrics}
        if missing_metrics(complete, self.problem.objectives, ()):
            return None
        for objective in self.problem.objectives:
            seeds = [{**automatic_features(self.files), **run.metrics}[objective.name] for run in self.runs]
            gain = objective.gain(complete[objective.name])
            best = max(map(objective.gain, seeds))
            worst = min(map(objective.gain, seeds))
            if not worst <= gain <= best:
                return gain - best if gain > best else gain - worst
        return 0.0

    def _range(self, name: str) -> tuple[str, tuple[float, float]]:
        seen = [run.metrics[name] for run in self.runs]
        low, high = min(seen), max(seen)
        margin = (high - low) + _MARGIN * max(abs(low), abs(high)) if low < high else 0.0
        return name, (low - margin, high + margin)


@dataclass(frozen=True, slots=True)
class Result:
    """How one attack ended and what it means.

    Args:
        attack, family, tried: as in :class:`Attack`.
        ended: the outcome, ``as seed`` for VALID with the seed's metrics, or ``replaced``.
        ruling: what it means.
        why: sentences behind a ruling that is a finding; empty when contained.
        held: what the attack says was refused; did: what it says it did.
        feedback: the judge's words.
        seconds: wall time until the verdict.
    """

    attack: str
    family: Family
    tried: str
    ended: str
    ruling: Ruling
    why: tuple[str, ...]
    held: tuple[str, ...]
    did: tuple[str, ...]
    feedback: str
    seconds: float


def rule(attack: Attack, verdict: Verdict, ends: frozenset[End], seen: Sequence[str], seconds: float) -> Result:
    """Return the result of an attack.

    Args:
        ends: the ends that describe the verdict.
        seen: what canaries, leftovers and the next programs showed, as sentences.
    """
    reports = _REPORT.findall(verdict.log)
    said = {word: tuple(dict.fromkeys(text for w, text in reports if w == word)) for word in ("DID", "HELD", "BREACH")}
    breaches = [f"the program reports: {text}" for text in said["BREACH"]] + list(seen)
    ruling, why = _ruling(attack, verdict, ends, breaches, acted=bool(said["HELD"] or said["DID"]))
    ended = str(End.REPLACED if End.REPLACED in ends else End.AS_SEED if End.AS_SEED in ends else verdict.outcome)
    return Result(
        attack=attack.name,
        family=attack.family,
        tried=attack.tried,
        ended=ended,
        ruling=ruling,
        why=tuple(why),
        held=said["HELD"],
        did=said["DID"],
        feedback=verdict.feedback[:_FEEDBACK_CHARACTERS],
        seconds=seconds,
    )


def _ruling(
    attack: Attack, verdict: Verdict, ends: frozenset[End], breaches: Sequence[str], acted: bool
) -> tuple[Ruling, Sequence[str]]:
    expected = attack.expected
    if breaches:
        return Ruling.BREACH, breaches
    if not ends & expected:
        return _unexpected(attack, verdict, ends)
    kept_from_loading = bool(attack.files) and End.CRASHED in ends
    if attack.must_say and not acted and not kept_from_loading and End.REPLACED not in ends:
        return Ruling.INCONCLUSIVE, [f"it does not say that it did anything; {verdict.outcome}: {verdict.feedback}"]
    return Ruling.CONTAINED, []


def _unexpected(attack: Attack, verdict: Verdict, ends: frozenset[End]) -> tuple[Ruling, Sequence[str]]:
    wanted = ", ".join(sorted(attack.expected))
    if End.REPLACED in ends:
        return Ruling.REPLACED, [verdict.feedback or "the sandbox was replaced"]
    if verdict.outcome is not Outcome.VALID:
        return Ruling.INCONCLUSIVE, [f"ended {verdict.outcome}, expected {wanted}: {verdict.feedback}"]
    metrics = dict(verdict.metrics)
    if attack.family is Family.EXPLOITS:
        return Ruling.BREACH, [f"scored {metrics}: the judge can be fooled this way"]
    if attack.family is Family.CONTROLS:
        return Ruling.BREACH, [f"free points: scored {metrics}, at least as well as the seed"]
    if End.AS_SEED in ends:
        return Ruling.INCONCLUSIVE, [f"scored as the seed, expected {wanted}: it did not take place"]
    return Ruling.BREACH, [f"scored {metrics}, which is not the seed's score"]


def ends_of(verdict: Verdict, reference: Reference, files: Mapping[str, str]) -> frozenset[End]:
    """Return the ends that describe a verdict."""
    if verdict.outcome is Outcome.INFRASTRUCTURE:
        return frozenset({End.REPLACED})
    if verdict.outcome is not Outcome.VALID:
        return frozenset({_FAILED[verdict.outcome]})
    gap = reference.gap(verdict.metrics, files)
    if gap is None:
        return frozenset({End.INVALID})  # as the cascade has it: a declared objective is missing
    ends = {End.AS_SEED} if reference.is_same(verdict.metrics) else set()
    if gap <= 0 or ends:
        ends.add(End.NO_BETTER)
    if gap < 0 and End.AS_SEED not in ends:
        ends.add(End.WORSE)
    return frozenset(ends)
