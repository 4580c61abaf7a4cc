"""One model call as a state machine: from waiting for its turn to an answer that can be used, or none.

::

    [queued ->] sent -> answered -> validated
                  |         |   \\-> reasked -> [queued ->] sent ...
                  |         \\-----> failed              unusable, and asking again would not mend it
                  |-> backoff -> [queued ->] sent ...   the failure may pass
                  \\-> failed                            it will not, or the retries are used up

Each arrow is reported. Only an answer costs; what a broken connection swallowed may have been
charged too, but nobody on this side knows how much.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import numpy as np

from evolve.domain.proposal import CallState, Completion, Request
from evolve.errors import ModelError
from evolve.interfaces import Report
from evolve.llm.answers import MAY_PASS, TRUNCATED, Answer, fault
from evolve.llm.failures import CallFailed, Remedy
from evolve.llm.limits import Limits

LONGEST_WAIT_S = 120.0
_STAGGER = 0.1  # of a wait that a server asked for, so that not all who were told come back at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to go on.

    Args:
        timeout_s: limit on one attempt.
        retries: further attempts after a failure that may pass.
        backoff_s: the first retry waits up to this long; the limit doubles with each, 120 s at most.
        reasks: further questions after an answer that is unusable.
        max_tokens_ceiling: a cut answer is asked for again with twice the length up to this many
            tokens; None: it is not.
    """

    timeout_s: float
    retries: int
    backoff_s: float
    reasks: int
    max_tokens_ceiling: int | None = None


class Caller:
    """Makes the calls of one model.

    Args:
        name: of the model, in reports.
        send: one attempt at one request; raises CallFailed.
        cost_usd: what an answer cost.
        explain: the sentence for people on a failure, given the number of attempts.
        limits: shared by all calls of the model.
        patience: how long to go on.
        rng: of the waits. They are drawn from no seed of a run: when an answer arrives is not
            reproducible anyway, and the record keeps the order in which answers did.
    """

    def __init__(
        self,
        name: str,
        *,
        send: Callable[[Request], Awaitable[Answer]],
        cost_usd: Callable[[Answer], float],
        explain: Callable[[CallFailed, int], str],
        limits: Limits,
        patience: Patience,
        rng: np.random.Generator | None = None,
    ) -> None:
        self._name = name
        self._send = send
        self._cost_usd = cost_usd
        self._explain = explain
        self._limits = limits
        self._patience = patience
        self._rng = rng or np.random.default_rng()
        self._has_answered = False

    async def complete(self, request: Request, report: Report) -> Completion:
        """Return the first usable answer, or the last unusable one with its fault.

        Tokens and cost are of all answers together. Raises ModelError when there was none.
        """
        call = _Call(request, report, time.monotonic())
        try:
            await self._ask(call)
        except asyncio.CancelledError:
            report(CallState.FAILED, self._name, "cancelled; an answer on its way may have been charged", 0.0)
            raise
        except CallFailed as failure:
            why = self._explain(failure, call.attempts)
            report(CallState.FAILED, self._name, why, 0.0)
            if call.answer is None:
                raise ModelError(why, fatal=self._is_fatal(failure)) from failure
            return call.completion()
        report(CallState.FAILED if call.fault else CallState.VALIDATED, self._name, call.fault, 0.0)
        return call.completion()

    async def _ask(self, call: _Call) -> None:
        reasks = 0
        while True:
            await self._answer(call)
            again = self._reworded(call) if reasks < self._patience.reasks else None
            if again is None:
                return
            reasks += 1
            call.report(CallState.REASKED, self._name, call.fault, 0.0)
            call.request, call.attempts = again, 0

    async def _answer(self, call: _Call) -> None:
        while True:
            try:
                answer = await self._attempt(call)
            except CallFailed as failure:
                call.attempts += 1
                if failure.remedy is not Remedy.WAIT or call.attempts > self._patience.retries:
                    raise
                wait_s = self._wait_s(call.attempts - 1, failure)
                detail = f"{failure.message}; next attempt in {wait_s:.1f} s"
                call.report(CallState.BACKOFF, self._name, detail, 0.0)
                await asyncio.sleep(wait_s)
            else:
                self._has_answered = True
                cost_usd = self._cost_usd(answer)
                call.add(answer, cost_usd)
                call.report(CallState.ANSWERED, self._name, call.fault or answer.finish_reason, cost_usd)
                return

    async def _attempt(self, call: _Call) -> Answer:
        if self._limits.full():
            call.report(CallState.QUEUED, self._name, "", 0.0)
        async with self._limits.turn():
            await asyncio.sleep(0)  # whoever is cancelled by now pays for nothing
            call.report(CallState.SENT, self._name, f"attempt {call.attempts + 1}" if call.attempts else "", 0.0)
            try:
                async with asyncio.timeout(self._patience.timeout_s):
                    return await self._send(call.request)
            except TimeoutError as error:
                raise CallFailed(f"no answer within timeout_s={self._patience.timeout_s:g}") from error

    def _reworded(self, call: _Call) -> Request | None:
        """Return the request for another answer, or None when that would not help."""
        if call.fault in MAY_PASS:
            return call.request
        longest, ceiling = call.request.settings.get("max_tokens"), self._patience.max_tokens_ceiling
        if call.fault != TRUNCATED or ceiling is None or not isinstance(longest, int) or longest >= ceiling:
            return None
        return replace(call.request, settings={**call.request.settings, "max_tokens": min(2 * longest, ceiling)})

    def _wait_s(self, attempt: int, failure: CallFailed) -> float:
        """Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/."""
        drawn = float(self._rng.random())
        if failure.retry_after_s is not None:
            return min(LONGEST_WAIT_S, failure.retry_after_s * (1.0 + _STAGGER * drawn))
        return min(LONGEST_WAIT_S, self._patience.backoff_s * 2.0**attempt) * drawn

    def _is_fatal(self, failure: CallFailed) -> bool:
        """A model that has answered accepts the settings; if it refuses a request, it is that one."""
        if failure.remedy is Remedy.ANOTHER_REQUEST:
            return not (self._has_answered or failure.blames_prompt)
        return failure.remedy is Remedy.NONE


@dataclass
class _Call:
    """A call on its way, and what it has cost so far."""

    request: Request
    report: Report
    started: float
    attempts: int = 0
    answer: Answer | None = None
    fault: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0

    def add(self, answer: Answer, cost_usd: float) -> None:
        self.answer = answer
        self.fault = fault(self.request, answer)
        self.prompt_tokens += answer.prompt_tokens
        self.completion_tokens += answer.completion_tokens
        self.cost_usd += cost_usd

    def completion(self) -> Completion:
        assert self.answer is not None
        return Completion(
            text=self.answer.text,
            model=self.answer.model,
            finish_reason=self.answer.finish_reason,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            cost_usd=self.cost_usd,
            seconds=time.monotonic() - self.started,
            fault=self.fault,
        )
