"""ui: what it says before there is anything to look at."""

from __future__ import annotations

import socket
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from click.testing import CliRunner

from evolve.cli import viewing
from evolve.errors import ConfigurationError

_LIGHT = """
import sys
from click.testing import CliRunner
from evolve.cli import main
sys.argv = ["evolve", "--help"]
try:
    main()
except SystemExit:
    pass
print([name for name in ("nicegui", "uvicorn", "fastapi") if name in sys.modules])
"""


def test_help_loads_nothing_of_the_dashboard() -> None:
    told = subprocess.run([sys.executable, "-c", _LIGHT], capture_output=True, text=True, check=True, timeout=60)
    assert "Show runs in a browser." in told.stdout and told.stdout.splitlines()[-1] == "[]"


def test_without_its_packages_it_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_spec(_: str) -> ModuleSpec | None:
        return None

    monkeypatch.setattr(viewing, "find_spec", find_spec)
    with pytest.raises(ConfigurationError, match=r"pip install 'evolve-search\[ui\]'"):
        CliRunner().invoke(viewing.ui, [], catch_exceptions=False)


def test_an_empty_token_and_an_address_that_is_taken_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "token"
    empty.write_text("\n")
    with pytest.raises(ConfigurationError, match="holds no token"):
        CliRunner().invoke(viewing.ui, ["--token-file", str(empty)], catch_exceptions=False)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigurationError, match="Cannot listen"):
        port = str(taken.getsockname()[1])
        CliRunner().invoke(viewing.ui, ["--port", port], catch_exceptions=False)
