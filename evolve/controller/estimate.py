"""What attempts with a model will cost, before the first is paid for."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from statistics import mean

from evolve.controller.budget import Budget, Spent
from evolve.controller.decisions import Decisions
from evolve.controller.stand_in import StandIn
from evolve.domain.program import SEED_STEP
from evolve.domain.proposal import Choice, Completion, Request, Selected
from evolve.domain.tokens import estimate_prompt_tokens, estimate_tokens
from evolve.errors import ModelError, ProposalRejected
from evolve.interfaces import LanguageModel, Report, tell_nobody
from evolve.mutation.answer import ModelOperator

_PROSE_TOKENS = 150
"""What an answer holds beside the program."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A first attempt with a model on the seed.

    Args:
        prompt_tokens: of its prompt, the mean over the operators that can work on the seed alone.
        answer_tokens: of an answer about as long as the program; models that think first write more.
        cost_usd: of such a call; 0 for a model without a price.
        lasts: attempts with a model until a limit on dollars, calls or tokens is reached, None without one.
        limit: name of that limit.
    """

    prompt_tokens: int
    answer_tokens: int
    cost_usd: float
    lasts: int | None = None
    limit: str = ""


class _Measuring(StandIn):
    """Is never asked: it notes how long the prompt is."""

    def __init__(self, model: LanguageModel) -> None:
        super().__init__(model)
        self.prompts: list[int] = []

    async def complete(self, request: Request, report: Report = tell_nobody) -> Completion:
        """Raise ModelError, always."""
        self.prompts.append(estimate_prompt_tokens(request.messages))
        raise ModelError("only the prompt was wanted")


async def estimate(decisions: Decisions, model: LanguageModel, budget: Budget, spent: Spent) -> Estimate | None:
    """Return what an attempt will cost; None if no operator can ask about the seed alone.

    To be called when at least the seed was told.
    """
    measuring = _Measuring(model)
    answer_tokens = _PROSE_TOKENS
    for name in sorted(decisions.operators.names):
        operator = decisions.operators.named(name)
        if isinstance(operator, ModelOperator):
            context = decisions.context(
                Selected(SEED_STEP + 1, Choice(SEED_STEP, (), 0), name, decisions.told), measuring
            )
            answer_tokens = _PROSE_TOKENS + sum(map(estimate_tokens, context.parent.program.files.values()))
            with suppress(ModelError, ProposalRejected):  # asked, or has nothing to work on yet
                await operator.propose(context)
    if not measuring.prompts:
        return None
    prompt_tokens = round(mean(measuring.prompts))
    cost_usd = model.price_usd(prompt_tokens, answer_tokens)
    lasts = {
        "cost_usd": _attempts(budget.cost_usd, spent.cost_usd, cost_usd),
        "calls": _attempts(budget.calls, spent.calls, 1),
        "tokens": _attempts(budget.tokens, spent.tokens, prompt_tokens + answer_tokens),
    }
    limited = [(count, name) for name, count in lasts.items() if count is not None]
    return Estimate(prompt_tokens, answer_tokens, cost_usd, *min(limited, default=(None, "")))


def _attempts(limit: float | None, used: float, each: float) -> int | None:
    return int(max(0.0, limit - used) / each) if limit is not None and each > 0 else None
