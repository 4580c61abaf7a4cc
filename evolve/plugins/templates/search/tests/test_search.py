"""The search keeps the contract of searches."""

from __future__ import annotations

import pytest
from evolve.conformance.search import MakeSearch, SearchSuite

from plugin_name.search import PluginName


class TestPluginName(SearchSuite):
    @pytest.fixture
    def make_search(self) -> MakeSearch:
        return lambda features: PluginName(features=features, rivals=3)
