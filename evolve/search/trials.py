"""Scores that would decide something are measured again first: noise is never taken for progress.

Stands in front of every other search. While repeats agree exactly it lets everything pass. Once they
differ, a program whose score would take a place is held on trial: it and the program whose place
it would take are judged again until the difference of their means is evidence enough (a race:
Maron & Moore, Hoeffding races, 1994; Birattari et al., F-race, 2002). The score that made it a challenger
is no evidence, being the highest of many (the winner's curse): fresh repeats alone decide.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto

import numpy as np

from evolve.arguments import above_zero, at_least
from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.objective import dominates
from evolve.domain.proposal import AUDIT, RESCORE, Choice, Placement
from evolve.errors import ConfigurationError
from evolve.interfaces import Search
from evolve.search.levels import Levels
from evolve.search.noise import Measured, Noise, log_doubt, log_evidence

ON_TRIAL, REFUTED, QUARANTINED = "on trial", "refuted", "quarantined"
_REMEMBERED = 1024
_CALIBRATION = 4
"""Repeats of the seed once scores turn out to be noisy: what the first trials go by."""
_IMPROVEMENTS = 5
"""Improvements before one of them can stand out."""
_OUTLYING = 5.0
"""Standard deviations below which a score is no surprise."""
_GIVEN_UP = math.log(0.2)
"""A trial misses one improvement in five of the size that it is meant to find."""
_LOOKS = 3
"""Repeats of challenger and incumbent together, failed ones included, for each that a challenger may have."""


class _Verdict(Enum):
    OPEN = auto()
    BETTER = auto()
    NO_BETTER = auto()
    CHEATED = auto()


@dataclass(slots=True)
class _Trial:
    """A program on hold. ``claim`` has the gains by which it is still a challenger."""

    scored: Scored
    claim: Scored
    threshold: float  # log of the evidence that it takes
    surprising: bool
    measured: Measured = field(default_factory=Measured)
    limit: float = math.inf  # what its first gain may be taken for, having been found no better than others
    looks: int = 0
    failed: bool = False

    def believed(self) -> Scored:
        """Return the program with the gains that its repeats allow, its first score while there are none."""
        gains = self.measured.mean or self.scored.gains
        return replace(self.scored, gains=(min(gains[0], self.limit), *gains[1:]))

    def yield_to(self, opponent: Scored) -> None:
        """Go on as a challenger of others only, being no better than this one in the first objective."""
        self.limit = math.nextafter(opponent.gains[0], -math.inf)
        self.claim = self.believed()


class Trials:
    """A search that believes what was measured often enough.

    Args:
        search: who decides on everything else; it is never told of repeats.
        first_repeats: times that the seed is judged again to see whether scores are noisy.
        watch_share: share of the evaluations spent on judging the best program again while no noise was
            found; 0 for never.
        share: share of the evaluations spent on repeats on a noisy problem, at most half of them on places
            other than the best; 0 turns trials off.
        elites: whether what would displace another program than the best is tried too. Without it single
            scores decide on those places.
        held: programs on trial at once; beyond that the least promising is taken for no better.
        most: repeats that a challenger may have before it is taken for no better.
        margin: how far ahead a score must be to be worth a trial, in standard deviations of one score; what is
            ahead by less is taken for no better.
        worth: the improvement that a trial is meant to find, in standard deviations of one score.
        false_share: share of the accepted improvements that may be none.
        surprise: a score that is ahead of the best by more than this many times any improvement before,
            or beats the best known value, is audited before it counts; 0 for never.
        sealed: whether the problem has a sealed stage for audits.
        known: the best known gain of the first objective, or None.
    """

    def __init__(
        self,
        search: Search,
        *,
        first_repeats: int,
        watch_share: float,
        share: float,
        elites: bool,
        held: int,
        most: int,
        margin: float,
        worth: float,
        false_share: float,
        surprise: float,
        sealed: bool = False,
        known: float | None = None,
    ) -> None:
        at_least(0, "noise", first_repeats=first_repeats, watch_share=watch_share, share=share, surprise=surprise)
        at_least(0, "noise", margin=margin)
        at_least(1, "noise", held=held, most=most)
        above_zero("noise", worth=worth, false_share=false_share)
        if share >= 1 or watch_share >= 1 or false_share >= 1:
            raise ConfigurationError("noise.share, noise.watch_share and noise.false_share must be below 1.")
        self._search = search
        self._first_repeats, self._watch_share, self._share = first_repeats, watch_share, share
        self._elites = elites
        self._held, self._most, self._surprise = held, most, surprise
        self._margin, self._worth = margin, worth
        self._sealed, self._bar = sealed, known
        self._levels = Levels(false_share)
        self._noise = Noise()
        self._noisy = False
        self._seed: Scored | None = None
        self._leader: Scored | None = None
        self._watched = -1  # step of the last leader that was judged again, while nothing differed
        self._trials: dict[int, _Trial] = {}
        self._measured: OrderedDict[int, Measured] = OrderedDict()  # of programs in places
        self._audits: OrderedDict[int, tuple[float, ...]] = OrderedDict()  # gains on the sealed stage
        self._quarantined: set[int] = set()
        self._judged = self._repeats = self._refuted = self._accepted = 0
        self._improvements, self._largest = 0, 0.0
        self._wanted: list[tuple[int, str]] | None = None

    # ── the search ────────────────────────────────────────────────────────────────────────────
    def ask(self, rng: np.random.Generator) -> Choice:
        """Ask for a repeat of one of the programs in question, else let the search choose.

        What is wanted does not change while repeats are in flight, so that of many asks at once some
        go on with the search.
        """
        if self._wanted is None:
            self._wanted = self._wants()
        if self._wanted and rng.random() * (1 + len(self._wanted)) >= 1:
            step, wish = self._wanted[min(int(rng.exponential()), len(self._wanted) - 1)]
            return Choice(parent=step, inspirations=(), island=0, wants=wish)
        return self._search.ask(rng)

    def tell(self, scored: Scored) -> tuple[Placement, str]:
        """Learn how an attempt ended; say what became of the programs that it decides on."""
        self._wanted = None
        self._judged += scored.outcome is not Outcome.REJECTED
        if scored.rescored is not None:
            return self._hear(scored, scored.rescored)
        if not scored.valid:
            return self._search.tell(scored)
        return self._receive(scored)

    def _receive(self, scored: Scored) -> tuple[Placement, str]:
        """Take in a new VALID program."""
        if not self._quarantined.isdisjoint(scored.parents):
            self._quarantined.add(scored.step)
            return Placement.NOT_PLACED, f"{QUARANTINED}: its parent is"
        if self._leader is None:
            self._seed = self._leader = scored
            self._measured[scored.step] = Measured(1, scored.gains)
            return self._search.tell(scored)
        surprising = self._is_surprising(scored)
        opponent = self._opponent(scored) if surprising or self._noisy else None
        if opponent is None:
            return self._enter(scored)
        if surprising or self._is_worth_a_trial(scored, opponent):
            return self._hold(scored, surprising)
        return self._release(_Trial(scored, scored, 0.0, False))

    def rival(self, scored: Scored) -> Scored | None:
        """Return what the search answers."""
        return self._search.rival(scored)

    def correct(self, scored: Scored) -> None:
        """Hand it on to the search."""
        self._search.correct(scored)
        if self._leader is not None and self._leader.step == scored.step:
            self._leader = scored

    def best(self) -> Scored | None:
        """Return the best program by what was measured; on a noisy problem that is never one lucky score,
        unless it got its place before there was a sign of noise and was not judged again yet."""
        return self._leader

    def front(self) -> Sequence[Scored]:
        """Return the best and the programs of the search's front beside it, best first."""
        leader = self._leader
        if leader is None:
            return self._search.front()
        others = [other for other in self._search.front() if other.step != leader.step]
        return [leader, *(o for o in others if not _leads(o, leader) and not dominates(leader.gains, o.gains))]

    def status(self) -> Mapping[str, float]:
        """Return the search's numbers with the noise of the first objective, its standard error, and counts."""
        level = self._leader.gains[0] if self._leader is not None else 0.0
        return {
            **self._search.status(),
            "noise_sd": self._noise.sd(0, level),
            "noise_sd_error": self._noise.sd_error(0, level),
            "on_trial": len(self._trials),
            "repeats": self._repeats,
            "accepted": self._accepted,
            "refuted": self._refuted,
            "quarantined": len(self._quarantined),
        }

    # ── what is wanted ────────────────────────────────────────────────────────────────────────
    def _wants(self) -> list[tuple[int, str]]:
        """Return (step, wish) of every evaluation that would help, one for each program on trial."""
        if self._seed is None or self._leader is None:
            return []
        audits = [want for trial in self._trials.values() if trial.surprising for want in self._wants_of(trial)]
        if audits:
            return audits
        if not self._noisy:
            return self._wants_to_know(self._seed, self._leader)
        if self._noise.freedom < _CALIBRATION and self._repeats < _LOOKS * _CALIBRATION:
            return [(self._seed.step, RESCORE)]
        promising = sorted(self._trials.values(), key=self._promise, reverse=True)
        wanted = [want for trial in promising if self._may_repeat(trial) for want in self._wants_of(trial)]
        return list(dict.fromkeys(wanted))

    def _may_repeat(self, trial: _Trial) -> bool:
        """Whether the share of repeats is not used up; half of it is kept for those who would be the best."""
        leader = self._leader
        share = self._share if leader is not None and _leads(trial.claim, leader) else self._share / 2
        return self._repeats < share * self._judged

    def _wants_to_know(self, seed: Scored, leader: Scored) -> list[tuple[int, str]]:
        if self._repeats < self._first_repeats:
            return [(seed.step, RESCORE)]
        unseen = leader.step not in (seed.step, self._watched)
        due = self._repeats < self._first_repeats + self._watch_share * self._judged
        return [(leader.step, RESCORE)] if unseen and due and self._watch_share else []

    def _wants_of(self, trial: _Trial) -> list[tuple[int, str]]:
        opponent = self._opponent(trial.claim)
        if opponent is None:
            return []
        if self._verdict(trial, opponent) is _Verdict.BETTER:  # only an audit can be missing
            return [(step, AUDIT) for step in (trial.scored.step, opponent.step) if step not in self._audits]
        theirs = self._measured.get(opponent.step, Measured())
        behind = self._noisy and theirs.count < trial.measured.count
        return [(opponent.step if behind else trial.scored.step, RESCORE)]

    def _is_worth_a_trial(self, scored: Scored, opponent: Scored) -> bool:
        """Whether a score is so far ahead that a true improvement is likely enough to pay for the repeats."""
        ahead = scored.gains[0] - opponent.gains[0]
        return ahead >= self._margin * self._noise.sd(0, opponent.gains[0])

    # ── programs ──────────────────────────────────────────────────────────────────────────────
    def _opponent(self, claim: Scored) -> Scored | None:
        """Return the program whose place a claim would take: the best one's, or one in the search."""
        leader = self._leader
        if leader is not None and _leads(claim, leader):
            return leader
        rival = self._search.rival(claim) if self._elites else None
        return rival if rival is not None and rival.violation == claim.violation else None

    def _is_surprising(self, scored: Scored) -> bool:
        leader = self._leader
        if not self._surprise or leader is None or not _leads(scored, leader) or not scored.gains:
            return False
        if self._bar is not None and scored.gains[0] > self._bar + 1e-9 * abs(self._bar):
            return True
        ahead = scored.gains[0] - leader.gains[0]
        by_chance = _OUTLYING * self._noise.sd(0, leader.gains[0])
        return self._improvements >= _IMPROVEMENTS and ahead > max(self._surprise * self._largest, by_chance)

    def _enter(self, scored: Scored) -> tuple[Placement, str]:
        """Hand a program to the search."""
        leader = self._leader
        if leader is None or _leads(scored, leader) or scored.violation < leader.violation:
            self._lead(scored)
        return self._search.tell(scored)

    def _lead(self, scored: Scored) -> None:
        if self._leader is not None and scored.violation == self._leader.violation:
            self._improvements += 1
            self._largest = max(self._largest, scored.gains[0] - self._leader.gains[0])
        self._leader = scored

    def _hold(self, scored: Scored, surprising: bool) -> tuple[Placement, str]:
        threshold = -math.log(self._levels.spend()) if self._noisy or surprising else 0.0
        self._trials[scored.step] = _Trial(scored, scored, threshold, surprising)
        said = []
        if len(self._trials) > self._held:
            said.append(self._release(min(self._trials.values(), key=self._promise)))
        placements = [placement for placement, _ in said]
        words = [f"{ON_TRIAL}: its score is too good to believe" if surprising else ON_TRIAL]
        return max(placements, default=Placement.NOT_PLACED), "; ".join([*words, *(word for _, word in said)])

    def _promise(self, trial: _Trial) -> tuple[bool, float]:
        return trial.surprising, (trial.measured.mean or trial.claim.gains)[0]

    # ── repeats ───────────────────────────────────────────────────────────────────────────────
    def _hear(self, scored: Scored, step: int) -> tuple[Placement, str]:
        """Take in a repeat, and decide what it decides."""
        self._repeats += 1
        trial = self._trials.get(step)
        touched = [t for t in self._trials.values() if t is trial or self._is_against(t, step)]
        for each in touched:
            each.looks += 1
        if scored.operator == AUDIT:
            self._note_audit(scored, step)
        elif scored.valid:
            self._note(scored.gains, step, trial)
        elif trial is not None and scored.outcome is not Outcome.INFRASTRUCTURE:
            trial.failed = True
        return self._settle()

    def _is_against(self, trial: _Trial, step: int) -> bool:
        opponent = self._opponent(trial.claim)
        return opponent is not None and opponent.step == step

    def _note_audit(self, scored: Scored, step: int) -> None:
        if scored.outcome is not Outcome.INFRASTRUCTURE:
            self._audits[step] = scored.gains  # none, if it failed there
            if len(self._audits) > _REMEMBERED:
                self._audits.popitem(last=False)

    def _note(self, gains: tuple[float, ...], step: int, trial: _Trial | None) -> None:
        known = trial.measured if trial is not None else self._measured.setdefault(step, Measured())
        self._watched = step
        before = self._told_gains(step, trial)
        if known.count:
            self._noise.note(known, gains)
        self._noisy = self._noisy or (self._share > 0 and before is not None and gains != before)
        known.add(gains)
        if trial is None:
            self._measured.move_to_end(step)
            if len(self._measured) > _REMEMBERED:
                self._measured.popitem(last=False)
            if self._noisy:
                self._correct(step, known.mean)

    def _told_gains(self, step: int, trial: _Trial | None) -> tuple[float, ...] | None:
        if trial is not None:
            return trial.scored.gains
        for known in (self._leader, self._seed):
            if known is not None and known.step == step:
                return known.gains
        return None

    def _correct(self, step: int, mean: tuple[float, ...]) -> None:
        opponents = [self._opponent(trial.claim) for trial in self._trials.values()]
        for known in (self._leader, self._seed, *opponents):
            if known is not None and known.step == step:
                self.correct(replace(known, gains=mean))
                return

    # ── verdicts ──────────────────────────────────────────────────────────────────────────────
    def _settle(self) -> tuple[Placement, str]:
        """End every trial that can be ended; a new best program may decide others."""
        decided: list[tuple[Placement, str]] = []
        going_on = True
        while going_on:
            going_on = False
            for trial in list(self._trials.values()):
                ended = self._advance(trial)
                if ended is not None:
                    decided.append(ended)
                    going_on = True
        placement = max((placement for placement, _ in decided), default=Placement.NOT_PLACED)
        return placement, "; ".join(words for _, words in decided)

    def _advance(self, trial: _Trial) -> tuple[Placement, str] | None:
        """Return what a trial ended with, or None while it is open."""
        while True:
            opponent = self._opponent(trial.claim)
            if opponent is None:
                return self._release(trial)
            verdict = self._verdict(trial, opponent)
            if verdict is _Verdict.BETTER and self._is_unaudited(trial, opponent):
                return None
            if verdict is _Verdict.BETTER and trial.surprising and self._is_contradicted(trial, opponent):
                return self._quarantine(trial, "no better than the best on the sealed stage")
            if verdict is _Verdict.CHEATED:
                return self._quarantine(trial, "its score did not come again")
            if verdict is _Verdict.OPEN:
                return None
            if verdict is _Verdict.NO_BETTER:
                trial.yield_to(opponent)
            elif self._is_best_to_be(trial, opponent):
                trial.claim = trial.believed()
            else:
                return self._accept(trial)

    def _is_best_to_be(self, trial: _Trial, opponent: Scored) -> bool:
        """Whether a program that beat another one would now pass for the best without having beaten the best."""
        leader = self._leader
        return leader is not None and opponent.step != leader.step and _leads(trial.believed(), leader)

    def _verdict(self, trial: _Trial, opponent: Scored) -> _Verdict:
        if trial.failed:
            return _Verdict.CHEATED if trial.surprising else _Verdict.NO_BETTER
        ours, theirs = trial.measured, self._measured.get(opponent.step, Measured())
        if ours.count and not self._noisy:
            return _Verdict.BETTER  # the repeat agreed
        if ours.count and theirs.count and self._noise.freedom >= _CALIBRATION:
            evidence, doubt, behind = self._compared(ours, theirs)
            if evidence >= trial.threshold:
                return _Verdict.BETTER
            if doubt <= _GIVEN_UP:
                return _Verdict.CHEATED if trial.surprising and behind else _Verdict.NO_BETTER
        return _Verdict.NO_BETTER if self._is_exhausted(trial) else _Verdict.OPEN

    def _is_exhausted(self, trial: _Trial) -> bool:
        return trial.measured.count >= self._most or trial.looks >= _LOOKS * self._most

    def _compared(self, ours: Measured, theirs: Measured) -> tuple[float, float, bool]:
        """Return the log evidence that we are better, that of being better by what is worth it, and whether
        we are behind; in the first objective that is noisy or differs."""
        for index, (mine, other) in enumerate(zip(ours.mean, theirs.mean, strict=True)):
            mine_sd, other_sd = self._noise.cautious_sd(index, mine), self._noise.cautious_sd(index, other)
            variance = mine_sd**2 / ours.count + other_sd**2 / theirs.count
            if variance:
                scale = self._worth * max(mine_sd, other_sd)
                ahead = mine - other
                return log_evidence(ahead, variance, scale), log_doubt(ahead, variance, scale), ahead <= 0
            if mine != other:
                return (math.inf, math.inf, False) if mine > other else (-math.inf, -math.inf, True)
        return -math.inf, -math.inf, True

    def _is_unaudited(self, trial: _Trial, opponent: Scored) -> bool:
        missing = not {trial.scored.step, opponent.step} <= self._audits.keys()
        return trial.surprising and self._sealed and missing and not self._is_exhausted(trial)

    def _is_contradicted(self, trial: _Trial, opponent: Scored) -> bool:
        if not self._sealed:
            return False
        ours, theirs = self._audits.get(trial.scored.step, ()), self._audits.get(opponent.step, ())
        if not ours or not theirs:
            return not ours
        ahead = ours[0] - theirs[0]
        return ahead <= 2 * math.sqrt(2) * self._noise.sd(0, theirs[0])

    def _accept(self, trial: _Trial) -> tuple[Placement, str]:
        step = trial.scored.step
        del self._trials[step]
        self._accepted += self._noisy
        self._levels.reward(self._noisy)
        believed = trial.believed()
        if trial.surprising and self._bar is not None:
            self._bar = max(self._bar, believed.gains[0])
        self._measured[step] = trial.measured
        placement, cell = self._enter(believed)
        return placement, f"{cell} ({step})" if cell else f"{step} accepted without a place"

    def _release(self, trial: _Trial) -> tuple[Placement, str]:
        """End a trial without an improvement; the program may still fill an empty place."""
        step = trial.scored.step
        self._refuted += self._trials.pop(step, None) is not None
        trial.claim = trial.believed()
        for _ in range(2):  # below the best, then below the one in its cell
            opponent = self._opponent(trial.claim)
            if opponent is not None:
                trial.yield_to(opponent)
        if trial.measured.count:
            self._measured[step] = trial.measured
        placement, cell = self._search.tell(trial.claim)
        return placement, f"{cell} ({step} {REFUTED})" if cell else f"{step} {REFUTED}"

    def _quarantine(self, trial: _Trial, why: str) -> tuple[Placement, str]:
        step = trial.scored.step
        del self._trials[step]
        self._quarantined.add(step)
        return Placement.NOT_PLACED, f"{step} {QUARANTINED}: {why}"


def _leads(one: Scored, other: Scored) -> bool:
    """Whether one has better gains in declared order; programs that break constraints differently do not compare."""
    return one.violation == other.violation and one.gains > other.gains
