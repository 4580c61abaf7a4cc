"""The operator that has a coding agent work on a checkout, and takes what it leaves there as the proposal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from evolve.arguments import at_least
from evolve.domain.causes import Cause
from evolve.domain.evaluation import Scored
from evolve.domain.program import Program
from evolve.errors import ConfigurationError, ProposalRejected
from evolve.interfaces import Allowance, Commission, Context, Draft, Session, SessionEnd, Tier
from evolve.mutation.patch import check, check_syntax
from evolve.mutation.prompt import PromptBuilder
from evolve.mutation.quoting import one_line
from evolve.mutation.sections import STANDARD, Style

_STYLE: Final = Style("agent", "agent", STANDARD - {"pictures"})
_LONGEST_SUMMARY: Final = 200


class Agent:
    """Has a coding agent work; implements WorkshopOperator.

    Args:
        prompt: builds what the agent is told.
        command: the agent and its arguments; ``{prompt_file}``, ``{prompt}`` and ``{workdir}`` are filled in.
        evaluations, wall_s, calls, cost_usd: of one session; see Allowance.

    Raises:
        ConfigurationError: there is no command, or a limit is not positive.
    """

    name = "agent"
    tier = Tier.CHEAP
    needs_model = False
    needs_workshop = True

    def __init__(
        self,
        prompt: PromptBuilder,
        *,
        command: Sequence[str],
        evaluations: int,
        wall_s: float,
        calls: int = 0,
        cost_usd: float | None = None,
    ) -> None:
        if not command:
            raise ConfigurationError(
                "mutation.operators.agent.command: expected a program and its arguments, such as "
                "[my-agent, --prompt-file, '{prompt_file}'], found none."
            )
        at_least(0, "mutation.operators.agent", evaluations=evaluations, calls=calls, cost_usd=cost_usd)
        at_least(1, "mutation.operators.agent", wall_s=wall_s)
        self._prompt = prompt
        self._command = tuple(command)
        self._allowance = Allowance(evaluations=evaluations, wall_s=wall_s, calls=calls, cost_usd=cost_usd)

    async def propose(self, context: Context) -> Draft:
        """Return the checkout as the agent left it. Raises ProposalRejected, ModelError or ConfigurationError."""
        if context.engage is None:
            raise ConfigurationError("This operator has a coding agent work, and the run has no workshop for one.")
        calls = self._allowance.calls if context.model is not None else 0
        allowance = replace(self._allowance, calls=calls)
        # What the agent reads is not bounded by the window of the model that it may ask.
        prompt = self._prompt.prompt(_STYLE, replace(context, model=None), names={"allowance": allowance})
        parent = context.parent.program.files
        task = "\n\n".join(message.content for message in prompt.messages)
        session = await context.engage(Commission(command=self._command, task=task, files=parent, allowance=allowance))
        files = _proposal(session, parent)
        check(parent, files, context.problem.is_editable)
        check_syntax(parent, files)
        return Draft(files, {"operator": self.name, "summary": _summary(session), **_account(session)})

    def observe(self, scored: Scored, program: Program | None) -> None:
        """Nothing is learned."""


def _proposal(session: Session, parent: Mapping[str, str]) -> Mapping[str, str]:
    """Return the files that the agent left. Raises ProposalRejected when nothing of them is known."""
    if session.end is SessionEnd.LOST:
        raise ProposalRejected(Cause.SESSION_LOST, one_line(session.why))
    gone = [path for path in parent if path not in session.files]
    if gone:
        raise ProposalRejected(Cause.UNKNOWN_FILE, f"{gone[0]!r} was removed, or made into something that is no text.")
    return session.files


def _account(session: Session) -> dict[str, object]:
    told: dict[str, object] = {"ended": str(session.end), "exit_code": session.exit_code}
    return {"session": told | ({"others": list(session.others)} if session.others else {})}


def _summary(session: Session) -> str:
    """Return the last thing that the agent said."""
    lines = [line for line in session.output.splitlines() if line.strip()]
    return one_line(lines[-1])[:_LONGEST_SUMMARY] if lines else ""
