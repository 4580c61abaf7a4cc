"""The archive keeps the contract of archives."""

from __future__ import annotations

import pytest
from evolve.conformance.archive import ArchiveSuite, MakeArchive

from plugin_name.archive import PluginName


class TestPluginName(ArchiveSuite):
    @pytest.fixture
    def make_archive(self) -> MakeArchive:
        return lambda features: PluginName(features=features)
