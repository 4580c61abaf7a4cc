"""What sandboxes cost: the figures are there, are about the same work, and say what could not be measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from evolve.bench import sandboxes
from evolve.bench.machinery import TRIVIAL
from evolve.cli import main
from evolve.errors import SandboxUnavailable
from tests.engine import Engine

_ONLY_PROCESSES: dict[str, tuple[str, ...]] = {"process": ("sandbox=process",)}


async def test_every_way_is_measured_and_compared_with_warm_processes() -> None:
    said: list[str] = []
    costs = {cost.way: cost for cost in await sandboxes.costs_of(str(TRIVIAL), _ONLY_PROCESSES, 4, said.append)}
    warm, cold, local = costs["process, warm"], costs["process, cold"], costs["no sandbox"]
    assert warm.samples == 4 and cold.samples == 4 and warm.ratio == 1.0
    assert 0 < local.median_ms < warm.median_ms < cold.median_ms
    assert all(cost.p95_ms >= cost.median_ms for cost in costs.values())
    assert len(costs) == 4 and said


async def test_a_program_that_does_not_score_is_no_figure(tmp_path: Path) -> None:
    (tmp_path / "seed").mkdir()
    (tmp_path / "seed" / "program.py").write_text("def total():\n    return 'nothing'\n")
    for name in ("problem.yaml", "evaluate.py"):
        (tmp_path / name).write_text((TRIVIAL / name).read_text())
    with pytest.raises(SandboxUnavailable, match="no score"):
        await sandboxes.costs_of(str(tmp_path), _ONLY_PROCESSES, 4, lambda line: None)


def test_an_engine_that_is_absent_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    monkeypatch.setattr(
        sys, "argv", ["evolve", "bench", "sandbox", "--problem", str(TRIVIAL), "--repeats", "4", "--json"]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["way"] for line in lines if "reason" in line] == ["docker", "runsc"]
    assert {"process, warm", "process, cold", "no sandbox"} < {line["way"] for line in lines}


def test_containers_are_among_the_ways_where_there_is_an_engine(engine: Engine) -> None:
    found, absent = sandboxes.ways()
    assert found["docker"] == ("sandbox=docker",)
    assert ("runsc" in found) == ("runsc" in engine.client.info()["Runtimes"]) == (not absent)
