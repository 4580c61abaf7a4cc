from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.dashboard.browser import Browser, Tab, chromium

_WAIT_S = 30.0


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests of a process."""
    with chromium(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture
def tab(browser: Browser) -> Iterator[Tab]:
    """A fresh tab, whose console must have nothing to complain of at the end."""
    with browser.tab() as found:
        found.look(1440)
        yield found
        assert not found.errors


@contextmanager
def dashboard(folder: Path, *arguments: str) -> Iterator[str]:
    """Run ``evolve ui`` on a free port for the length of a block; give the address that it printed."""
    said = folder / "ui.log"
    command = [sys.executable, "-c", "from evolve.cli import main; main()", "ui", "--port", "0", *arguments]
    with said.open("w") as out:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield _address(said, process)
    finally:
        process.terminate()
        assert process.wait(_WAIT_S) in (0, -15), said.read_text()


def _address(said: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        found = re.search(r"^(http://\S+)\nCtrl", said.read_text(), re.MULTILINE)
        if found:
            return found[1]
        assert process.poll() is None, said.read_text()
        time.sleep(0.05)
    raise AssertionError(f"the dashboard does not begin: {said.read_text()}")
