"""An operator that changes one number."""

from __future__ import annotations

from evolve.domain.evaluation import Scored
from evolve.domain.program import Program
from evolve.errors import ProposalRejected
from evolve.interfaces import Context, Draft
from evolve.mutation.constants import literals, rewritten
from evolve.mutation.python_analysis import AnalysisCache


class PluginName:
    """Multiplies one number of the editable parts; implements Operator.

    Args:
        spread: standard deviation of the logarithm of the factor.
    """

    name = "plugin_name"
    needs_model = False

    def __init__(self, *, spread: float) -> None:
        self._spread = spread
        self._analyses = AnalysisCache()

    async def propose(self, context: Context) -> Draft:
        """Return the parent with another number. Raises ProposalRejected: ``no_constants`` where it has none."""
        files = context.parent.program.files
        found = literals(context.problem, files, self._analyses)
        if not found:
            raise ProposalRejected("no_constants", "no numbers in the editable parts")
        chosen = found[int(context.rng.integers(len(found)))]
        value = float(chosen.value or 1) * float(context.rng.lognormal(0.0, self._spread))
        detail = {"operator": self.name, "summary": f"{chosen.value} became {value}"}
        return Draft(rewritten(files, [chosen], [value]), detail)

    def observe(self, scored: Scored, program: Program | None) -> None:
        """Learns nothing. State is allowed, if this alone makes it."""
