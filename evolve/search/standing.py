"""What every search knows whatever its strategy: the best, the front, how many succeeded."""

from __future__ import annotations

from collections.abc import Sequence

from evolve.domain.evaluation import Scored
from evolve.search.pareto import ParetoFront, hypervolume

NOTHING_TOLD = "A parent was asked for before any VALID program was told; tell the seed first."


class Standing:
    """The results of a run so far. Of a program off the front only a count is kept."""

    def __init__(self) -> None:
        self.front = ParetoFront()
        self.valid = 0
        self.failed = 0
        self._reference: tuple[float, ...] = ()

    def note(self, scored: Scored) -> bool:
        """Count an attempt; return whether it is VALID."""
        if not scored.valid:
            self.failed += 1
            return False
        self.valid += 1
        if self.valid == 1:
            self._reference = scored.reference or scored.gains
        self.front.add(scored)
        return True

    def status(self) -> dict[str, float]:
        """Return the counts for people, and with several objectives the hypervolume.

        It is measured from the gains that the problem declares as reference. Where it declares none
        the seed's stand in: then 0 means that nothing dominates the seed, programs that give up some
        of one objective for another count nothing, and the figures of one run can be compared.
        """
        counts: dict[str, float] = {"valid": self.valid, "failed": self.failed, "front": len(self.front)}
        if len(self._reference) > 1:
            feasible = [member.gains for member in self.front.elites() if not member.violation]
            counts["hypervolume"] = hypervolume(feasible, self._reference)
        return counts


class Accountable:
    """A search that keeps a standing: best and front are those of all it was told."""

    def __init__(self) -> None:
        self._standing = Standing()

    def best(self) -> Scored | None:
        """Return the best VALID program told; of equals the earliest step."""
        return self._standing.front.best

    def front(self) -> Sequence[Scored]:
        """Return the non-dominated programs told, best first."""
        return self._standing.front.elites()
