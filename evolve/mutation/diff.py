"""The operator that asks for SEARCH/REPLACE blocks: small changes at the price of few tokens."""

from __future__ import annotations

from evolve.interfaces import Context, Draft, Tier
from evolve.mutation.answer import ModelOperator
from evolve.mutation.sections import STANDARD, Style

_STYLE = Style("improve", "diff", STANDARD)


class Diff(ModelOperator):
    """Asks a model which lines to replace; implements Operator."""

    name = "diff"
    tier = Tier.CHEAP

    async def propose(self, context: Context) -> Draft:
        """Return the patched program. Raises ProposalRejected or ModelError."""
        prompt = self._asker.prompt.prompt(_STYLE, context)
        return await self._asker.draft(self.name, _STYLE, context, prompt)
