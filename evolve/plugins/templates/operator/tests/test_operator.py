"""The operator keeps the contract of operators."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from evolve.conformance.operator import OperatorSuite
from evolve.interfaces import Operator

from plugin_name.operator import PluginName


class TestPluginName(OperatorSuite):
    @pytest.fixture
    def make(self) -> Callable[[], Operator]:
        return lambda: PluginName(spread=0.5)
