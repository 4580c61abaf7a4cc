"""The model keeps the contract of models."""

from __future__ import annotations

import pytest
from evolve.conformance.language_model import LanguageModelSuite
from evolve.interfaces import LanguageModel

from plugin_name.model import PluginName


class TestPluginName(LanguageModelSuite):
    @pytest.fixture
    def model(self) -> LanguageModel:
        return PluginName(command=["sh", "-c", "cat > /dev/null; echo an answer"], timeout_s=20.0)
