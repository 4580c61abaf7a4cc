"""Models by their litellm names: every hosted provider, and OpenAI-compatible servers of one's own."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from evolve.domain.proposal import Completion, Message, Request
from evolve.errors import ConfigurationError, ModelError
from evolve.interfaces import Report, tell_nobody
from evolve.llm.openai_client import Answer, CallFailed, OpenAiClient, storable
from evolve.llm.prices import Price, listed_price

_SPOKEN_DIRECTLY = ("openai", "hosted_vllm", "openai_like", "custom_openai", "lm_studio", "llamafile")
_LONGEST_WAIT_S = 120.0


class LiteLlmModel:
    """One model; implements LanguageModel.

    With an ``api_base`` and an OpenAI-compatible prefix (``openai/NAME``, ``hosted_vllm/NAME``,
    ...) requests go straight to that server, which costs a fraction of the processor time and
    needs no litellm. Everything else goes through litellm.

    Rate limits, server errors, timeouts and lost connections are retried; what a retry cannot
    mend (a wrong key, an unknown model, a bad request) raises ModelError at once.

    Args:
        model: name as litellm knows it, e.g. ``openai/gpt-5-mini``, ``anthropic/claude-...``.
        api_base: address of the server up to ``/v1``; None for the provider's own.
        api_key_env: environment variable that holds the key; None for the provider's usual one.
        temperature, max_tokens: as sent; None leaves them to the provider.
        timeout_s: limit on one attempt.
        retries: further attempts after a failure that may pass.
        backoff_s: wait before the first retry; doubles with each (Retry-After wins), 120 s at most.
        input_usd_per_million, output_usd_per_million: price of a million tokens; None looks it up.
            A model at a local address that has no known price counts as free; one elsewhere is
            refused, since its cost could not be bounded.
    """

    def __init__(
        self,
        model: str,
        *,
        api_base: str | None = None,
        api_key_env: str | None = None,
        temperature: float | None,
        max_tokens: int | None,
        timeout_s: float,
        retries: int,
        backoff_s: float,
        input_usd_per_million: float | None = None,
        output_usd_per_million: float | None = None,
    ) -> None:
        if api_base is not None and not api_base.startswith(("http://", "https://")):
            raise ConfigurationError(f"llm.api_base: expected http://HOST:PORT/v1 or https://..., found {api_base!r}.")
        self.name = model
        self._api_base, self._api_key_env = api_base, api_key_env
        sent = {"temperature": temperature, "max_tokens": max_tokens}
        self._settings = {name: value for name, value in sent.items() if value is not None}
        self._timeout_s, self._retries, self._backoff_s = timeout_s, retries, backoff_s
        self._own_price = Price.per_million(input_usd_per_million, output_usd_per_million)
        self._price = self._own_price
        self._price_is_settled = self._own_price is not None
        self._client: OpenAiClient | None = None
        self._litellm: Any = None

    @property
    def cost_is_known(self) -> bool:
        """Whether completions carry real costs. Settled by the first call; False for an unpriced local model."""
        return self._price is not None

    def request(self, messages: Sequence[Message], call: int = 0) -> Request:
        """Return the complete request for messages."""
        return Request(self.name, tuple(messages), self._settings, call)

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
        started = time.monotonic()
        answer = await self._until_answered(request)
        return Completion(
            text=answer.text,
            model=answer.model,
            finish_reason=answer.finish_reason,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            cost_usd=self._cost_usd(answer),
            seconds=time.monotonic() - started,
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
        if self._litellm is not None:
            await self._litellm.close_litellm_async_clients()

    async def _until_answered(self, request: Request) -> Answer:
        attempt = 0
        while True:
            try:
                return await self._attempt(request)
            except CallFailed as failure:
                if not failure.transient or attempt == self._retries:
                    raise ModelError(self._explain(failure, attempt + 1)) from failure
                await asyncio.sleep(self._wait_s(attempt, failure))
                attempt += 1

    async def _attempt(self, request: Request) -> Answer:
        try:
            async with asyncio.timeout(self._timeout_s):
                if self._is_direct():
                    return await self._direct().chat(self.name.partition("/")[2], request)
                return await self._through_litellm(request)
        except TimeoutError as error:
            raise CallFailed(f"no answer within timeout_s={self._timeout_s:g}") from error

    def _wait_s(self, attempt: int, failure: CallFailed) -> float:
        wait_s = failure.retry_after_s if failure.retry_after_s is not None else self._backoff_s * 2.0**attempt
        return min(wait_s, _LONGEST_WAIT_S)

    def _explain(self, failure: CallFailed, attempts: int) -> str:
        advice = f"Gave up after {attempts} attempts; raise llm.retries or llm.timeout_s, or lower the number of calls."
        if failure.status in (401, 403):
            where = f"the environment variable {self._api_key_env}" if self._api_key_env else "the provider's variable"
            advice = f"Put a valid key into {where} (llm.api_key_env names another)."
        elif failure.status == 404:
            advice = f"Check llm.model={self.name!r} and llm.api_base={self._api_base!r}."
        elif not failure.transient:
            advice = "The request itself was refused: check llm.model, llm.max_tokens and llm.temperature."
        return f"Model {self.name!r}: {failure.message}. {advice}"

    # ── a server of one's own ─────────────────────────────────────────────────────────────────
    def _is_direct(self) -> bool:
        """OpenAI itself renames settings from model to model; litellm knows how."""
        if self._api_base is None or self.name.partition("/")[0] not in _SPOKEN_DIRECTLY:
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
        missing = [name for name in litellm.validate_environment(self.name)["missing_keys"] if name.endswith("_KEY")]
        if missing and not any(name.startswith("AWS_") for name in missing):
            raise ConfigurationError(
                f"Model {self.name!r} needs a key: set the environment variable {' or '.join(missing)}, "
                "or name the variable that holds it with llm.api_key_env."
            )

    async def _through_litellm(self, request: Request) -> Answer:
        import openai  # litellm's errors are subclasses of openai's

        try:
            response = await self._litellm.acompletion(
                model=self.name,
                messages=[{"role": message.role, "content": message.content} for message in request.messages],
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
        return _answer_of(response)

    # ── money ─────────────────────────────────────────────────────────────────────────────────
    def _settle_price(self) -> None:
        self._price = listed_price(self.name)
        if self._price is None and not (self._api_base and _is_local(self._api_base)):
            raise ConfigurationError(
                f"Model {self.name!r}: no price is known, so its cost cannot be bounded. "
                "Set llm.input_usd_per_million and llm.output_usd_per_million (0 if it is free)."
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


def _answer_of(response: Any) -> Answer:
    choice = response.choices[0]
    return Answer(
        text=storable(choice.message.content or ""),
        model=str(response.model),
        finish_reason=str(choice.finish_reason or "stop"),
        prompt_tokens=int(response.usage.prompt_tokens),
        completion_tokens=int(response.usage.completion_tokens),
        usd=response._hidden_params.get("response_cost"),
    )


def _load_litellm() -> Any:
    """Import litellm without network access, .env files or chatter."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
    import litellm

    litellm.telemetry = False
    litellm.suppress_debug_info = True
    return litellm
