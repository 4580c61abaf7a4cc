"""What can be known from outside of the programs under test, and what must hold of it at all times.

The witnesses are the model server's bill, a file to which the judge appends a line for every verdict it
gave, and the store, read back. They are compared after every kill.
"""

from __future__ import annotations

import hashlib
import json
import urllib.request
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from evolve.cli.running import replayed
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import SEALED
from evolve.domain.program import fingerprint
from evolve.domain.proposal import CallState
from evolve.llm.messages import as_sent
from evolve.llm.requests import request_hash
from evolve.store.checker import Checker
from evolve.store.sql import SqlStore

RUN = "r"
ANSWERS_TO_A_CALL = 2
"""One, and one more where the first was unusable: what a kill can take of a call that is open."""
Judged = tuple[str, str]
"""Stage and fingerprint."""


@dataclass(slots=True)
class Sight:
    """What is known at one moment.

    Args:
        billed: answers that left the model server whole, by hash of their messages.
        billed_usd: what they cost.
        answered: answers on record, by the same hash.
        recorded_usd: what the record says was paid.
        open: calls without an answer on record, by hash.
        judged: verdicts that the judge gave.
        evaluated: verdicts on record, by stage and program; those of the sealed stage are left out.
        blamed: verdicts on record that are not VALID.
        finished: attempts.
    """

    billed: Counter[str] = field(default_factory=Counter)
    billed_usd: float = 0.0
    answered: Counter[str] = field(default_factory=Counter)
    recorded_usd: float = 0.0
    open: Counter[str] = field(default_factory=Counter)
    judged: Counter[Judged] = field(default_factory=Counter)
    evaluated: Counter[Judged] = field(default_factory=Counter)
    blamed: Counter[Outcome] = field(default_factory=Counter)
    finished: int = 0


class Witness:
    """Looks at the bill, the judge's log and the store."""

    def __init__(self, url: str, judge_log: Path, model_url: str) -> None:
        self.url = url
        self._judge_log = judge_log
        self._bill_url = model_url.removesuffix("/v1") + "/log"

    def look(self) -> Sight:
        """Return what is known now; nobody may be at work."""
        sight = Sight(judged=self._judged())
        with urllib.request.urlopen(self._bill_url) as answer:
            bill = json.load(answer)
        sight.billed.update(entry["messages_hash"] for entry in bill["entries"] if entry["paid"])
        sight.billed_usd = bill["cost_usd"]
        with closing(SqlStore(self.url)) as store:
            if not any(info.id == RUN for info in store.runs()):
                return sight
            self._read(store, sight)
            sight.recorded_usd = store.run(RUN).usage.cost_usd
        return sight

    def judged(self) -> int:
        """Return how many verdicts the judge gave; cheap, for waiting."""
        return self._judge_log.read_bytes().count(b"\n") if self._judge_log.exists() else 0

    def findings(self) -> list[str]:
        """Return what the checker and a replay find wrong with the record."""
        with closing(SqlStore(self.url)) as store:
            info = store.run(RUN)
        with closing(Checker(self.url)) as checker:
            found = [finding.in_words() for finding in checker.check(info)]
        difference = replayed(self.url, info).difference
        return [*found, *([f"replay: {difference}"] if difference is not None else [])]

    def _judged(self) -> Counter[Judged]:
        lines = self._judge_log.read_text().splitlines() if self._judge_log.exists() else []
        found: Counter[Judged] = Counter()
        for line in lines:
            stage, text = json.loads(line)
            found[stage, fingerprint({"program.py": text})] += 1
        return found

    def _read(self, store: SqlStore, sight: Sight) -> None:
        attempts, cut_off = list(store.history(RUN)), store.unfinished(RUN)
        steps = {attempt.selected.step: attempt.fingerprint for attempt in attempts}
        steps |= {item.selected.step: item.program.fingerprint if item.program else "" for item in cut_off}
        for step, mark in steps.items():
            for evaluation in store.evaluations(RUN, step) if mark else ():
                if evaluation.stage != SEALED:
                    sight.evaluated[evaluation.stage, mark] += 1
                if evaluation.outcome is not Outcome.VALID:
                    sight.blamed[evaluation.outcome] += 1
            self._read_calls(store, step, sight)
        sight.finished = len(attempts)

    def _read_calls(self, store: SqlStore, step: int, sight: Sight) -> None:
        told = Counter(
            called.request_hash for _, called in store.calls(RUN, step) if called.state is CallState.ANSWERED
        )
        for request, completion in store.requests(RUN, step):
            messages = json.dumps(as_sent(request.messages)).encode()
            key = hashlib.sha256(messages).hexdigest()[:32]
            sight.answered[key] += told[request_hash(request)]
            sight.open[key] += completion is None


class Onlooker(Protocol):
    """What a ledger needs of a witness."""

    def look(self) -> Sight:
        """Return what is known now; nobody may be at work."""

    def findings(self) -> list[str]:
        """Return what is wrong with the record."""


class Ledger:
    """Compares what is known from kill to kill. Collects complaints; none is good.

    Args:
        witness: who looks.
    """

    def __init__(self, witness: Onlooker) -> None:
        self._witness = witness
        self.last = Sight()
        self.complaints: list[str] = []
        self.lost_usd = 0.0
        self.lost = 0
        self._lost: Counter[str] = Counter()

    def after_kill(self) -> Sight:
        """Look, compare with the look before, and note what the kill took of what was being paid for."""
        before, now = self.last, self._witness.look()
        self._compare(before, now)
        missing = now.billed - now.answered
        newly = missing - self._lost
        for key, count in newly.items():
            if count > now.open[key] * ANSWERS_TO_A_CALL:
                calls = f"{now.open[key]} calls are open"
                self._complain(f"{count} answers to {key} are billed and not on record, and {calls}")
        self._lost += newly
        self.lost = self._lost.total()
        self.lost_usd = now.billed_usd - now.recorded_usd
        self.last = now
        return now

    def at_the_end(self) -> Sight:
        """Look when nobody died since the last kill: all that was billed since is on record."""
        before, now = self.last, self._witness.look()
        self._compare(before, now)
        missing = now.billed - now.answered
        if missing - self._lost:
            self._complain(f"answers are billed and not on record: {dict(missing - self._lost)}")
        if now.answered - now.billed:
            self._complain(f"answers are on record that were never billed: {dict(now.answered - now.billed)}")
        if now.open.total():
            self._complain(f"{now.open.total()} calls are open at the end")
        if not self._lost and abs(now.billed_usd - now.recorded_usd) > 1e-9:
            self._complain(f"billed ${now.billed_usd:.6f}, on record ${now.recorded_usd:.6f}")
        doubled = {key: count for key, count in now.evaluated.items() if count > 1}
        if doubled:
            self._complain(f"programs judged and recorded more than once: {doubled}")
        self.last = now
        self.complaints += self._witness.findings()
        return now

    def _compare(self, before: Sight, now: Sight) -> None:
        if before.evaluated - now.evaluated:
            self._complain(f"evaluations on record were lost: {dict(before.evaluated - now.evaluated)}")
        if before.answered - now.answered:
            self._complain(f"paid answers on record were lost: {dict(before.answered - now.answered)}")
        again = {key for key in now.judged - before.judged if key in before.evaluated}
        if again:
            self._complain(f"judged again although on record: {sorted(again)}")
        # What was answered for good before may be asked again by another attempt only, which then is on record.
        settled = {key for key in before.answered if before.answered[key] and not before.open[key]}
        for key, count in (now.billed - before.billed).items():
            fresh = now.answered[key] - before.answered[key] + now.open[key]
            if key in settled and count > fresh:
                self._complain(f"paid again for {key}: {count} answers billed, {fresh} attempts that asked")

    def _complain(self, words: str) -> None:
        self.complaints.append(words)
