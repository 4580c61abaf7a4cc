"""What every search knows whatever its strategy: the best, the front, how many succeeded."""

from __future__ import annotations

from evolve.domain.evaluation import Scored
from evolve.search.pareto import ParetoFront

NOTHING_TOLD = "A parent was asked for before any VALID program was told; tell the seed first."


class Standing:
    """The results of a run so far. Of a program off the front only a count is kept."""

    def __init__(self) -> None:
        self.front = ParetoFront()
        self.valid = 0
        self.failed = 0

    def note(self, scored: Scored) -> bool:
        """Count an attempt; return whether it is VALID."""
        if not scored.valid:
            self.failed += 1
            return False
        self.valid += 1
        self.front.add(scored)
        return True

    def status(self) -> dict[str, float]:
        """Return the counts for people."""
        return {"valid": self.valid, "failed": self.failed, "front": len(self.front)}
