"""The problem keeps the contract of problems."""

from __future__ import annotations

from pathlib import Path

import plugin_name
import pytest
from evolve.conformance.problem import ProblemSuite


class TestPluginName(ProblemSuite):
    @pytest.fixture
    def folder(self) -> Path:
        return Path(plugin_name.__file__).parent / "problems" / "plugin_name"
