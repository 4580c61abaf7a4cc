"""The sandbox keeps the contract of sandboxes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from evolve.conformance.sandbox import SandboxSuite
from evolve.domain.problem import Problem
from evolve.interfaces import Sandbox

from plugin_name.sandbox import PluginName


class TestPluginName(SandboxSuite):
    @pytest.fixture
    def make_sandbox(self) -> Callable[[Problem], Sandbox]:
        return PluginName
