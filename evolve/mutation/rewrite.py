"""The operator that asks for the whole program: large changes, and models that cannot write patches."""

from __future__ import annotations

from evolve.interfaces import Context, Draft, Tier
from evolve.mutation.answer import ModelOperator
from evolve.mutation.sections import STANDARD, Style

_STYLE = Style("improve", "rewrite", STANDARD)


class Rewrite(ModelOperator):
    """Asks a model for a new program; implements Operator."""

    name = "rewrite"
    tier = Tier.CHEAP

    async def propose(self, context: Context) -> Draft:
        """Return the rewritten program. Raises ProposalRejected or ModelError."""
        prompt = self._asker.prompt.prompt(_STYLE, context)
        return await self._asker.draft(self.name, _STYLE, context, prompt)
