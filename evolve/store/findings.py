"""What an independent look at a record may find wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Rule(StrEnum):
    """What must hold of every run on record; ``meaning`` says it in a sentence."""

    meaning: str

    def __new__(cls, code: str, meaning: str = "") -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    STEPS = "steps", "Attempts are numbered from 0 in the order in which they were chosen, without gaps."
    SEQUENCES = "sequences", "Finished attempts are numbered from 0 in the order told, without gaps."
    ENDINGS = (
        "endings",
        "A finished attempt has exactly the rows that its ending demands, and says how its verdict ended.",
    )
    EVALUATIONS = "evaluations", "No evaluation is doubled, orphaned, or follows one that ended the cascade."
    PAYMENTS = "payments", "Every answer that was paid for is kept or accounted for, and none was paid for again."
    LINEAGE = "lineage", "Parents exist, are earlier, and were finished before their child was chosen."
    FILES = "files", "Files, prompts, answers and artifacts can be read, and are what their hashes say."
    METRICS = "metrics", "Numbers stand where the outcome allows them, and are finite."
    FENCES = "fences", "Who held the lease later wrote later, and nobody wrote under a lease that was never given."
    ORDERS = "orders", "Every order was taken up once at most, in the order given, and had its effect."
    TOTALS = "totals", "The totals of the run are the sums over its rows."
    COUNTS = "counts", "What is counted as attempts finish (tallies, rankings, records) is what their rows say."
    REPLAY = "replay", "Doing the run again from its record gives the same history."


@dataclass(frozen=True, slots=True)
class Finding:
    """A place where a record breaks a rule."""

    what: Rule
    where: str
    expected: str
    found: str

    def in_words(self) -> str:
        """Return it as one line."""
        return f"{self.what}: {self.where}: expected {self.expected}, found {self.found}"
