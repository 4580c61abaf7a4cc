"""Models by their litellm names: every hosted provider, and OpenAI-compatible servers of one's own."""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from evolve.arguments import above_zero, at_least
from evolve.domain.proposal import Completion, Message, Request
from evolve.errors import ConfigurationError
from evolve.interfaces import Report, tell_nobody
from evolve.llm.answers import Answer
from evolve.llm.calls import Caller, Patience
from evolve.llm.failures import CallFailed, Remedy
from evolve.llm.limits import Limits
from evolve.llm.messages import as_sent
from evolve.llm.openai_client import OpenAiClient, read_answer
from evolve.llm.prices import Price, listed_price
from evolve.llm.settings import Settings
from evolve.llm.windows import Window, listed_window

_SPOKEN_DIRECTLY = ("openai", "hosted_vllm", "openai_like", "custom_openai", "lm_studio", "llamafile")


class LiteLlmModel:
    """One model; implements LanguageModel.

    With an ``api_base`` and an OpenAI-compatible prefix (``openai/NAME``, ``hosted_vllm/NAME``,
    ...) requests go straight to that server, which costs a fraction of the processor time and
    needs no litellm. Everything else goes through litellm.

    Rate limits, server errors, timeouts and lost connections are retried; what a retry cannot
    mend (a wrong key, an unknown model, a bad request) raises ModelError at once.

    Args:
        model: name as litellm knows it, e.g. ``openai/gpt-5-mini``, ``anthropic/claude-...``.
        name: in records and choices; empty for ``model``.
        where: prefix of its settings in messages to people.
        api_base: address of the server up to ``/v1``; None for the provider's own.
        api_key_env: environment variable that holds the key; None for the provider's usual one.
        temperature, reasoning_effort: as sent; None leaves them to the provider. Of several, each
            request gets one by a hash of its messages and call number: equal requests are equal.
        max_tokens: as sent; None leaves it to the provider.
        max_tokens_ceiling, timeout_s, retries, backoff_s, reasks: see Patience.
        concurrency, requests_per_minute: see Limits.
        context_tokens, sees: see LanguageModel; None looks them up.
        input_usd_per_million, output_usd_per_million: price of a million tokens; None looks it up.
            A model at a local address that has no known price counts as free; one elsewhere is
            refused, since its cost could not be bounded.
        rng: see Caller.
    """

    def __init__(
        self,
        model: str,
        *,
        name: str = "",
        where: str = "llm",
        api_base: str | None = None,
        api_key_env: str | None = None,
        temperature: float | Sequence[float] | None,
        reasoning_effort: str | Sequence[str] | None = None,
        max_tokens: int | None,
        max_tokens_ceiling: int | None = None,
        timeout_s: float,
        retries: int,
        backoff_s: float,
        reasks: int = 1,
        concurrency: int | None = None,
        requests_per_minute: float | None = None,
        context_tokens: int | None = None,
        sees: bool | None = None,
        input_usd_per_million: float | None = None,
        output_usd_per_million: float | None = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        if api_base is not None and not api_base.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"{where}.api_base: expected http://HOST:PORT/v1 or https://..., found {api_base!r}."
            )
        at_least(0, where, retries=retries, backoff_s=backoff_s, reasks=reasks)
        at_least(1, where, concurrency=concurrency, context_tokens=context_tokens, max_tokens=max_tokens)
        above_zero(where, timeout_s=timeout_s, requests_per_minute=requests_per_minute)
        self.name = name or model
        self._model, self._where = model, where
        self._api_base, self._api_key_env = api_base, api_key_env
        self._settings = Settings(where, temperature, reasoning_effort, max_tokens)
        self._context_tokens, self._sees = context_tokens, sees
        self._own_price = Price.per_million(input_usd_per_million, output_usd_per_million, where)
        self._price = self._own_price
        self._price_is_settled = self._own_price is not None
        self._timeout_s = timeout_s
        self._client: OpenAiClient | None = None
        self._litellm: Any = None
        self._caller = Caller(
            self.name,
            send=self._send,
            cost_usd=self._cost_usd,
            explain=self._explain,
            limits=Limits(concurrency, requests_per_minute),
            patience=Patience(
                timeout_s=timeout_s,
                retries=retries,
                backoff_s=backoff_s,
                reasks=reasks,
                max_tokens_ceiling=max_tokens_ceiling,
            ),
            rng=rng,
        )

    @property
    def cost_is_known(self) -> bool:
        """Whether completions carry real costs. Settled by the first call; False for an unpriced local model."""
        return self._price is not None

    @property
    def context_tokens(self) -> int | None:
        """The longest prompt; None where it is not known."""
        return self._context_tokens if self._context_tokens is not None else self._window.context_tokens

    @property
    def sees(self) -> bool:
        """Whether it reads pictures."""
        return self._sees if self._sees is not None else self._window.sees

    @cached_property
    def _window(self) -> Window:
        return listed_window(self._model)

    def request(self, messages: Sequence[Message], call: int = 0) -> Request:
        """Return the complete request for messages."""
        return self._settings.of(Request(self._model, tuple(messages), {}, call))

    def price_usd(self, prompt_tokens: int, answer_tokens: int) -> float:
        """Return what a call of this size costs; 0 for an unpriced local model."""
        return self._price.of(prompt_tokens, answer_tokens) if self._price is not None else 0.0

    async def ready(self) -> None:
        """Settle price and key. Raises ConfigurationError that names the setting or variable that is missing."""
        if not self._price_is_settled:
            self._settle_price()
        key = self._key()
        if self._is_direct() or self._litellm is not None:
            return
        litellm = await asyncio.to_thread(_load_litellm)
        if key is None and self._api_base is None:
            self._check_provider(litellm)
        self._litellm = litellm

    async def complete(self, request: Request, report: Report = tell_nobody) -> Completion:
        """Send a request. Raises ModelError when it failed for good, ConfigurationError before it was sent."""
        await self.ready()
        return await self._caller.complete(request, report)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
        if self._litellm is not None:
            await self._litellm.close_litellm_async_clients()

    async def _send(self, request: Request) -> Answer:
        if self._is_direct():
            return await self._direct().chat(self._model.partition("/")[2], request)
        return await self._through_litellm(request)

    def _explain(self, failure: CallFailed, attempts: int) -> str:
        where = self._where
        advice = (
            f"Gave up after {attempts} attempts; raise {where}.retries or {where}.timeout_s, "
            "or lower the number of calls."
        )
        if failure.status in (401, 403):
            holder = f"the environment variable {self._api_key_env}" if self._api_key_env else "the provider's variable"
            advice = f"Put a valid key into {holder} ({where}.api_key_env names another)."
        elif failure.status == 404:
            advice = f"Check {where}.model={self._model!r} and {where}.api_base={self._api_base!r}."
        elif failure.remedy is Remedy.NONE:
            advice = f"Check the account at the provider, {where}.model and {where}.api_base."
        elif failure.blames_prompt:
            advice = "This prompt was refused; others may pass."
        elif failure.remedy is Remedy.ANOTHER_REQUEST:
            advice = f"The request itself was refused: check {where}.model, {where}.max_tokens and {where}.temperature."
        return f"Model {self.name!r}: {failure.message}. {advice}"

    # ── a server of one's own ─────────────────────────────────────────────────────────────────
    def _is_direct(self) -> bool:
        """OpenAI itself renames settings from model to model; litellm knows how."""
        if self._api_base is None or self._model.partition("/")[0] not in _SPOKEN_DIRECTLY:
            return False
        return urlsplit(self._api_base).hostname != "api.openai.com"

    def _direct(self) -> OpenAiClient:
        if self._client is None:
            assert self._api_base is not None
            self._client = OpenAiClient(self._api_base, self._key() or "", trust_env=not _is_local(self._api_base))
        return self._client

    def _key(self) -> str | None:
        if self._api_key_env is None:
            return None
        key = os.environ.get(self._api_key_env)
        if not key:
            raise ConfigurationError(f"Model {self.name!r}: the environment variable {self._api_key_env} is not set.")
        return key

    # ── everybody else ────────────────────────────────────────────────────────────────────────
    def _check_provider(self, litellm: Any) -> None:
        # Providers that are not found by a key have other ways in: profiles, roles, a local server.
        missing = [name for name in litellm.validate_environment(self._model)["missing_keys"] if name.endswith("_KEY")]
        if missing and not any(name.startswith("AWS_") for name in missing):
            raise ConfigurationError(
                f"Model {self.name!r} needs a key: set the environment variable {' or '.join(missing)}, "
                f"or name the variable that holds it with {self._where}.api_key_env."
            )

    async def _through_litellm(self, request: Request) -> Answer:
        import openai  # litellm's errors are subclasses of openai's

        try:
            response = await self._litellm.acompletion(
                model=self._model,
                messages=as_sent(request.messages),
                api_base=self._api_base,
                api_key=self._key(),
                timeout=self._timeout_s,
                num_retries=0,
                max_retries=0,
                **request.settings,
            )
        except openai.APIStatusError as error:
            header = error.response.headers.get("Retry-After")
            raise CallFailed.with_status(error.status_code, str(error), header) from error
        except openai.APIError as error:
            raise CallFailed(f"{type(error).__name__}: {error}") from error
        answer = read_answer(response.model_dump(), request)
        return replace(answer, usd=response._hidden_params.get("response_cost"))

    # ── money ─────────────────────────────────────────────────────────────────────────────────
    def _settle_price(self) -> None:
        self._price = listed_price(self._model)
        if self._price is None and not (self._api_base and _is_local(self._api_base)):
            raise ConfigurationError(
                f"Model {self.name!r}: no price is known, so its cost cannot be bounded. "
                f"Set {self._where}.input_usd_per_million and {self._where}.output_usd_per_million (0 if it is free)."
            )
        self._price_is_settled = True

    def _cost_usd(self, answer: Answer) -> float:
        if answer.usd is not None and self._own_price is None:
            return answer.usd
        return self._price.of(answer.prompt_tokens, answer.completion_tokens) if self._price else 0.0


def _is_local(address: str) -> bool:
    """Whether a server is on this machine or this network, where nobody sends bills."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".lan"))


def _load_litellm() -> Any:
    """Import litellm without network access, .env files or chatter."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
    import litellm

    litellm.telemetry = False
    litellm.suppress_debug_info = True
    return litellm
