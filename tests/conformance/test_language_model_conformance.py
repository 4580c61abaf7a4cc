"""Every model of ours keeps its contract."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from evolve.bench.model_server import ModelServer
from evolve.conformance.language_model import LanguageModelSuite
from evolve.interfaces import LanguageModel, Member
from evolve.llm.ensemble import Ensemble
from evolve.llm.litellm_model import LiteLlmModel
from evolve.llm.scripted import ScriptedModel


class TestModels(LanguageModelSuite):
    @pytest.fixture(params=["scripted", "direct", "litellm", "ensemble", "member"])
    async def model(
        self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[LanguageModel]:
        monkeypatch.setenv("BENCH_KEY", "key")
        async with ModelServer("mutator") as server:
            names = {"direct": "openai/bench", "litellm": "deepseek/bench"}
            kind = {"ensemble": "direct", "member": "direct"}.get(request.param, request.param)
            made: LanguageModel
            if request.param == "scripted":
                made = ScriptedModel(["an answer"])
            else:
                made = LiteLlmModel(
                    names[kind],
                    api_base=server.url,
                    api_key_env="BENCH_KEY",
                    temperature=1.0,
                    max_tokens=50,
                    timeout_s=20.0,
                    retries=1,
                    backoff_s=0.0,
                    input_usd_per_million=1.0,
                    output_usd_per_million=1.0,
                )
            if request.param in ("ensemble", "member"):
                several = Ensemble([Member(made), Member(ScriptedModel(["another"]))])
                made = several if request.param == "ensemble" else several.member(made.name)
            yield made
            await made.close()
