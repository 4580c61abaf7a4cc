"""Runs the command as a person does: in a process of its own, in an empty folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def evolve(tmp_path: Path) -> Command:
    """Return a function that runs ``evolve ARGUMENTS`` in a scratch folder."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    environment.pop("EVOLVE_STORE", None)

    def call(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from evolve.cli import main; main()", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False, **options
        )

    return call


def lines(done: subprocess.CompletedProcess[str]) -> list[Any]:
    """Return the JSON lines a command printed."""
    assert done.stderr == "", done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
