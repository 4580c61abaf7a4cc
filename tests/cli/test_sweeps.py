from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evolve.store.sql import SqlStore
from tests.cli.cli_support import ROOT

SWEEPER = """
import json
from pathlib import Path
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

class TellingSweeper(BasicSweeper):
    def sweep(self, arguments):
        returned = super().sweep(arguments)
        Path("told.json").write_text(json.dumps([job.return_value for batch in returned for job in batch]))
        return returned
"""


def evolve(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT)))}
    command = [sys.executable, "-c", "from evolve.cli import main; main()", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture
def swept(tmp_path: Path) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run two combinations with a sweeper that writes down what it was told."""
    (tmp_path / "hydra_plugins" / "telling").mkdir(parents=True)
    (tmp_path / "hydra_plugins" / "telling" / "__init__.py").write_text(SWEEPER)
    sweeper = "hydra.sweeper._target_=hydra_plugins.telling.TellingSweeper"
    settings = ("problem=circle_packing", "params.n=3,4", "budget.proposals=2", "sealed=false", "executor.width=1")
    return evolve(tmp_path, "run", "-m", *settings, sweeper, "-q"), tmp_path


def test_a_sweeper_is_told_the_gain_of_each_champion_and_a_table_ends_the_sweep(
    swept: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    ran, folder = swept
    assert ran.returncode == 0, ran.stderr
    store = SqlStore(f"sqlite:///{folder}/runs/evolve.db")
    runs = store.runs()
    best = {run.config["params"]["n"]: store.questions().curve(run.id, "sum_radii", 9)[-1].value for run in runs}  # type: ignore[index]
    ids = [run.id for run in sorted(runs, key=lambda run: best[run.config["params"]["n"]], reverse=True)]  # type: ignore[index]
    store.close()
    assert json.loads((folder / "told.json").read_text()) == pytest.approx([best[3], best[4]])
    table = ran.stdout.splitlines()[-3:]
    assert table[0].split()[:4] == ["params.n", "run", "status", "sum_radii"]
    assert [line.split()[1] for line in table[1:]] == ids, "the best comes first"
