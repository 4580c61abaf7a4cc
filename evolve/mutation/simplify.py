"""The operator that asks for less code: long programs cost tokens in every later prompt, and hide what matters."""

from __future__ import annotations

from evolve.interfaces import Context, Draft, Tier
from evolve.mutation.answer import ModelOperator
from evolve.mutation.sections import ALWAYS, Style

_STYLE = Style("simplify", "rewrite", (ALWAYS | {"failures"}) - {"context"})


class Simplify(ModelOperator):
    """Asks a model for a shorter program that scores as well; implements Operator."""

    name = "simplify"
    tier = Tier.CHEAP

    async def propose(self, context: Context) -> Draft:
        """Return the shorter program. Raises ProposalRejected or ModelError."""
        prompt = self._asker.prompt.prompt(_STYLE, context)
        return await self._asker.draft(self.name, _STYLE, context, prompt)
