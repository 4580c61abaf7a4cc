"""The operator that asks for another approach: it shows what the archive holds, not how it is written."""

from __future__ import annotations

from evolve.interfaces import Context, Draft, Tier
from evolve.mutation.answer import ModelOperator
from evolve.mutation.sections import ALWAYS, Style

_STYLE = Style("shift", "rewrite", ALWAYS | {"digest", "lineage", "failures"})


class Shift(ModelOperator):
    """Shows a model a digest of the other programs and asks for what none of them does; implements Operator."""

    name = "shift"
    tier = Tier.STRONG

    async def propose(self, context: Context) -> Draft:
        """Return the program with the new approach. Raises ProposalRejected or ModelError."""
        prompt = self._asker.prompt.prompt(_STYLE, context)
        return await self._asker.draft(self.name, _STYLE, context, prompt)
