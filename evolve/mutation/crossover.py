"""The operator that asks for one program out of two."""

from __future__ import annotations

from dataclasses import replace

from evolve.domain.causes import Cause
from evolve.errors import ProposalRejected
from evolve.interfaces import Context, Draft, Exhibit, Tier
from evolve.mutation.answer import ModelOperator
from evolve.mutation.sections import ALWAYS, Style

_STYLE = Style("crossover", "rewrite", ALWAYS | {"partner", "failures", "feedback"})


class Crossover(ModelOperator):
    """Shows a model the parent and one of its inspirations in full, to combine them; implements Operator."""

    name = "crossover"
    tier = Tier.CHEAP
    needs_inspirations = True

    async def propose(self, context: Context) -> Draft:
        """Return the combined program. Raises ProposalRejected (no_partner among others) or ModelError."""
        partner = _partner(context)
        prompt = self._asker.prompt.prompt(_STYLE, context, partner=partner)
        draft = await self._asker.draft(self.name, _STYLE, context, prompt)
        return replace(draft, detail={**draft.detail, "partner": partner.program.step})


def _partner(context: Context) -> Exhibit:
    parent = context.parent.program.files
    others = [other for other in context.inspirations if other.program.files != parent]
    if not others:
        raise ProposalRejected(Cause.NO_PARTNER, "the search gave no other program to combine with.")
    return others[int(context.rng.integers(len(others)))]
