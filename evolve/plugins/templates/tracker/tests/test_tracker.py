"""The tracker keeps the contract of trackers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from evolve.conformance.tracker import TrackerSuite
from evolve.interfaces import Tracker

from plugin_name.tracker import PluginName


class TestPluginName(TrackerSuite):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[], Tracker]:
        return lambda: PluginName(folder=str(tmp_path))

    @pytest.fixture
    def goes_on(self) -> bool:
        return True
