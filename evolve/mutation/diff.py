"""The operator that asks for SEARCH/REPLACE blocks: small changes at the price of few tokens."""

from __future__ import annotations

from evolve.domain.evaluation import Scored
from evolve.domain.program import Program
from evolve.interfaces import Context, Draft
from evolve.mutation.answer import ask, summary
from evolve.mutation.patch import apply, check_syntax, parse
from evolve.mutation.prompt import PromptBuilder


class Diff:
    """Asks a model which lines to replace; implements Operator."""

    name = "diff"
    needs_model = True

    def __init__(self, prompt: PromptBuilder) -> None:
        self._prompt = prompt

    async def propose(self, context: Context) -> Draft:
        """Return the patched program. Raises ProposalRejected or ModelError."""
        completion = await ask(context, self._prompt.messages("diff", context))
        parent = context.parent.program.files
        patch = parse(completion.text, parent)
        files = apply(patch, parent, context.problem.is_editable)
        check_syntax(parent, files)
        detail = {
            "operator": self.name,
            "model": completion.model,
            "blocks": len(patch.hunks),
            "summary": summary(completion.text),
        }
        return Draft(files, detail)

    def observe(self, scored: Scored, program: Program | None) -> None:
        """Nothing is learned."""
