"""Scores that would decide something are measured again first: noise is never taken for progress.

Stands in front of every other search. While repeats agree exactly it lets everything pass. Once they
differ, a program whose score would take a place is held on trial: it and the program whose place
it would take are judged again until the difference of their means is evidence enough (a race:
Maron & Moore, Hoeffding races, 1994; Birattari et al., F-race, 2002). The score that made it a challenger
is no evidence, being the highest of many (the winner's curse): fresh repeats alone decide.

What is on trial may be bred from meanwhile: a parent that is no better costs a few attempts, a false record would
stand. Only the title of the best and the places of others wait for proof. A chain of such children that each are
a little better is soon so far ahead that few repeats prove its end.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from evolve.arguments import above_zero, at_least
from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.objective import dominates
from evolve.domain.proposal import AUDIT, RESCORE, Choice, Placement
from evolve.errors import ConfigurationError
from evolve.interfaces import Search
from evolve.search.levels import Levels
from evolve.search.noise import Measured, Noise
from evolve.search.trial import CALIBRATION, LOOKS, Estimate, Trial, Verdict, Weighing

ON_TRIAL, REFUTED, QUARANTINED = "on trial", "refuted", "quarantined"
_REMEMBERED = 1024
_IMPROVEMENTS = 5
"""Improvements before one of them can stand out."""
_OUTLYING = 5.0
"""Standard deviations below which a score is no surprise."""


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
            or beats the best known value, by more than noise may give it, is audited before it counts; 0 for never.
        sealed: whether the problem has a sealed stage for audits.
        known: the best known gain of the first objective, or None.
        breed: chance to breed from the most promising program on trial rather than from what the search would
            choose, while one is likely to be better than the best; with one objective alone. 0 for never, as
            runs of versions without it have it.
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
        breed: float = 0.0,
    ) -> None:
        at_least(0, "noise", first_repeats=first_repeats, watch_share=watch_share, share=share, surprise=surprise)
        at_least(0, "noise", margin=margin)
        at_least(1, "noise", held=held, most=most)
        above_zero("noise", worth=worth, false_share=false_share)
        if not 0 <= breed <= 1:
            raise ConfigurationError(f"noise.breed is a chance, expected 0 to 1, found {breed}.")
        if share >= 1 or watch_share >= 1 or false_share >= 1:
            raise ConfigurationError("noise.share, noise.watch_share and noise.false_share must be below 1.")
        self._search = search
        self._first_repeats, self._watch_share, self._share = first_repeats, watch_share, share
        self._elites = elites
        self._held, self._breed, self._surprise = held, breed, surprise
        self._margin, self._worth = margin, worth
        self._sealed, self._bar = sealed, known
        self._levels = Levels(false_share)
        self._noise = Noise()
        self._weighing = Weighing(self._noise, worth=worth, most=most)
        self._noisy = False
        self._seed: Scored | None = None
        self._leader: Scored | None = None
        self._watched = -1  # step of the last leader that was judged again, while nothing differed
        self._trials: dict[int, Trial] = {}
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
        promising = self._most_promising() if self._noisy and self._breed else None
        if promising is not None and rng.random() < self._breed:
            return Choice(parent=promising.step, inspirations=(), island=promising.island)
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
        return self._release(self._trial_of(scored))

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
        if self._noise.freedom < CALIBRATION and self._repeats < LOOKS * CALIBRATION:
            return [(self._seed.step, RESCORE)]
        promising = sorted(self._trials.values(), key=self._promise, reverse=True)
        wanted = [want for trial in promising if self._may_repeat(trial) for want in self._wants_of(trial)]
        return list(dict.fromkeys(wanted))

    def _may_repeat(self, trial: Trial) -> bool:
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

    def _wants_of(self, trial: Trial) -> list[tuple[int, str]]:
        opponent = self._opponent(trial.claim)
        if opponent is None:
            return []
        if self._verdict(trial, opponent) is Verdict.BETTER:  # only an audit can be missing
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
        by_chance = _OUTLYING * self._noise.sd(0, leader.gains[0])
        if self._bar is not None and scored.gains[0] - by_chance > self._bar + 1e-9 * abs(self._bar):
            return True
        ahead = scored.gains[0] - leader.gains[0]
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
        self._trials[scored.step] = self._trial_of(scored, threshold, surprising)
        said = []
        if len(self._trials) > self._held:
            said.append(self._release(min(self._trials.values(), key=self._promise)))
        placements = [placement for placement, _ in said]
        words = [f"{ON_TRIAL}: its score is too good to believe" if surprising else ON_TRIAL]
        return max(placements, default=Placement.NOT_PLACED), "; ".join([*words, *(word for _, word in said)])

    def _trial_of(self, scored: Scored, threshold: float = 0.0, surprising: bool = False) -> Trial:
        parent = self._trials.get(scored.parents[0]) if scored.parents else None
        spread = self._worth * self._score_sd()
        born = (parent.estimate if parent is not None else self._leaders_estimate()).of_child(spread)
        estimate = born.after(scored.gains[0], self._score_sd() ** 2)
        return Trial(scored, scored, estimate, threshold, surprising)

    def _promise(self, trial: Trial) -> tuple[bool, float]:
        return trial.surprising, trial.estimate.mean

    # ── breeding before the verdict ───────────────────────────────────────────────────────────
    def _most_promising(self) -> Scored | None:
        """Return the program on trial that is likely to be the best, if any is likelier than the best so far.

        Scores that are too good to believe do not count, and with several objectives there is none: a step
        ahead in the first of them is no promise for the others.
        """
        leader = self._leader
        if leader is None or len(leader.gains) != 1:
            return None
        likely = [
            trial
            for trial in self._trials.values()
            if not trial.surprising
            and trial.scored.violation == leader.violation
            and trial.estimate.mean > leader.gains[0]
        ]
        return max(likely, key=self._promise).scored if likely else None

    def _leaders_estimate(self) -> Estimate:
        assert self._leader is not None
        count = self._measured.get(self._leader.step, Measured()).count
        return Estimate(self._leader.gains[0], self._score_sd() ** 2 / max(1, count))

    def _score_sd(self) -> float:
        """Return the standard deviation of one score of a program about as good as the best."""
        return self._noise.sd(0, self._leader.gains[0]) if self._leader is not None else 0.0

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

    def _is_against(self, trial: Trial, step: int) -> bool:
        opponent = self._opponent(trial.claim)
        return opponent is not None and opponent.step == step

    def _note_audit(self, scored: Scored, step: int) -> None:
        if scored.outcome is not Outcome.INFRASTRUCTURE:
            self._audits[step] = scored.gains  # none, if it failed there
            if len(self._audits) > _REMEMBERED:
                self._audits.popitem(last=False)

    def _note(self, gains: tuple[float, ...], step: int, trial: Trial | None) -> None:
        known = trial.measured if trial is not None else self._measured.setdefault(step, Measured())
        self._watched = step
        before = self._told_gains(step, trial)
        if known.count:
            self._noise.note(known, gains)
        self._noisy = self._noisy or (self._share > 0 and before is not None and gains != before)
        known.add(gains)
        if trial is not None:
            trial.estimate = trial.estimate.after(gains[0], self._score_sd() ** 2)
        else:
            self._measured.move_to_end(step)
            if len(self._measured) > _REMEMBERED:
                self._measured.popitem(last=False)
            if self._noisy:
                self._correct(step, known.mean)

    def _told_gains(self, step: int, trial: Trial | None) -> tuple[float, ...] | None:
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

    def _advance(self, trial: Trial) -> tuple[Placement, str] | None:
        """Return what a trial ended with, or None while it is open."""
        while True:
            opponent = self._opponent(trial.claim)
            if opponent is None:
                return self._release(trial)
            verdict = self._verdict(trial, opponent)
            if verdict is Verdict.BETTER and self._is_unaudited(trial, opponent):
                return None
            if verdict is Verdict.BETTER and trial.surprising and self._is_contradicted(trial, opponent):
                return self._quarantine(trial, "no better than the best on the sealed stage")
            if verdict is Verdict.CHEATED:
                return self._quarantine(trial, "its score did not come again")
            if verdict is Verdict.OPEN:
                return None
            if verdict is Verdict.NO_BETTER:
                trial.yield_to(opponent)
            elif self._is_best_to_be(trial, opponent):
                trial.claim = trial.believed()
            else:
                return self._accept(trial)

    def _is_best_to_be(self, trial: Trial, opponent: Scored) -> bool:
        """Whether a program that beat another one would now pass for the best without having beaten the best."""
        leader = self._leader
        return leader is not None and opponent.step != leader.step and _leads(trial.believed(), leader)

    def _verdict(self, trial: Trial, opponent: Scored) -> Verdict:
        if trial.measured.count and not trial.failed and not self._noisy:
            return Verdict.BETTER  # the repeat agreed
        return self._weighing.verdict(trial, self._measured.get(opponent.step, Measured()))

    def _is_unaudited(self, trial: Trial, opponent: Scored) -> bool:
        missing = not {trial.scored.step, opponent.step} <= self._audits.keys()
        return trial.surprising and self._sealed and missing and not self._weighing.is_exhausted(trial)

    def _is_contradicted(self, trial: Trial, opponent: Scored) -> bool:
        if not self._sealed:
            return False
        ours, theirs = self._audits.get(trial.scored.step, ()), self._audits.get(opponent.step, ())
        if not ours or not theirs:
            return not ours
        ahead = ours[0] - theirs[0]
        return ahead <= 2 * math.sqrt(2) * self._noise.sd(0, theirs[0])

    def _accept(self, trial: Trial) -> tuple[Placement, str]:
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

    def _release(self, trial: Trial) -> tuple[Placement, str]:
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

    def _quarantine(self, trial: Trial, why: str) -> tuple[Placement, str]:
        step = trial.scored.step
        del self._trials[step]
        self._quarantined.add(step)
        return Placement.NOT_PLACED, f"{step} {QUARANTINED}: {why}"


def _leads(one: Scored, other: Scored) -> bool:
    """Whether one has better gains in declared order; programs that break constraints differently do not compare."""
    return one.violation == other.violation and one.gains > other.gains
