from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dashboard.browser import Browser, Tab, chromium
from tests.dashboard.dashboards import Scene, running_scene


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests of a process."""
    with chromium(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One dashboard for all tests of a process."""
    with running_scene(tmp_path_factory.mktemp("scene")) as found:
        yield found


@pytest.fixture
def tab(browser: Browser) -> Iterator[Tab]:
    """A fresh tab, whose console must have nothing to complain of at the end."""
    with browser.tab() as found:
        found.look(1440)
        yield found
        assert not found.errors
