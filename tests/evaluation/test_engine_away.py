"""An engine that does not answer is said, and costs nothing that stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolve.errors import SandboxUnavailable
from evolve.evaluation.docker_engine import Engine


def test_asking_an_engine_that_is_away_leaves_no_sockets_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        engine = Engine()
        with pytest.raises(SandboxUnavailable, match="does not answer"):
            engine.version()
        engine.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
