"""The operator that corrects a child of the parent which crashed, was invalid or took too long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evolve.domain.causes import Cause
from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.program import Program
from evolve.errors import ProposalRejected
from evolve.interfaces import Context, Draft, Exhibit, Failure, Tier
from evolve.mutation.answer import ModelOperator
from evolve.mutation.patch import check
from evolve.mutation.sections import ALWAYS, Style

_STYLE = Style("repair", "diff", (ALWAYS | {"failures", "feedback"}) - {"context"})
_REPAIRABLE = frozenset({Outcome.CRASHED, Outcome.INVALID, Outcome.TIMED_OUT})
_MOST_TRIES = 2


class Repair(ModelOperator):
    """Shows a model a failed program with its error and asks for a correction; implements Operator."""

    name = "repair"
    tier = Tier.CHEAP
    needs_failures = True

    async def propose(self, context: Context) -> Draft:
        """Return the corrected program, a child of the parent. Raises ProposalRejected (nothing_to_repair
        among others) or ModelError."""
        failure = _latest(context.failures, self.name)
        broken = _with_parent(context, failure)
        draft = await self._asker.draft(self.name, _STYLE, broken, self._asker.prompt.prompt(_STYLE, broken))
        check(context.parent.program.files, draft.files, context.problem.is_editable)
        return replace(draft, detail={**draft.detail, "repaired": failure.step})


def _latest(failures: Sequence[Failure], name: str) -> Failure:
    """Return the latest failure that has files and was not tried twice already."""
    broken = [failure for failure in failures if failure.files and failure.cause in _REPAIRABLE]
    tried = next((index for index, failure in enumerate(broken) if failure.operator != name), len(broken))
    if not broken or tried >= _MOST_TRIES:
        raise ProposalRejected(Cause.NOTHING_TO_REPAIR, f"{len(broken)} failed children, {tried} repairs that failed.")
    return broken[0]


def _with_parent(context: Context, failure: Failure) -> Context:
    """Return the context with the failed program in the parent's place."""
    parent = context.parent
    evaluation = Evaluation(
        stage=parent.evaluation.stage,
        outcome=Outcome(failure.cause),
        judge_hash=parent.evaluation.judge_hash,
        feedback=failure.detail,
    )
    program = Program(failure.step, failure.files, (parent.program.step,), {"operator": failure.operator})
    scored = replace(parent.scored, step=failure.step, outcome=evaluation.outcome, gains=(), features=())
    others = [other for other in context.failures if other is not failure]
    return replace(context, parent=Exhibit(program, scored, evaluation), failures=others)
