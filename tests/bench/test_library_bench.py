"""What runs without a model reach on the library."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from evolve.bench.library import Reached, markdown
from evolve.cli.benching import bench


def test_a_run_of_a_text_without_a_model_beats_its_seed_and_the_table_says_so(tmp_path: Path) -> None:
    table = tmp_path / "table.md"
    options = ["--problem", "prompt", "--minutes", "1", "--json", "--out", str(table)]
    limits = ["sandbox=process", "executor.width=1", "budget.evaluations=150"]
    ended = CliRunner().invoke(bench, ["library", *options, *limits], catch_exceptions=False)
    assert ended.exit_code == 0
    row = json.loads(ended.stdout)
    assert row["problem"] == "prompt" and row["seed"] == 0.765 and row["better"]
    assert row["after"] < row["seed"] and row["evaluations"] == 150 and row["known"] == 0
    assert f"| prompt | error_rate min | 0.765 | **{row['after']:.6g}** |" in table.read_text("utf-8")


def test_what_is_no_better_is_not_set_in_bold() -> None:
    row = Reached("p", "size", "maximize", 3.0, 3.0, None, None, None, 7, 1.0)
    assert markdown([row]).splitlines()[-1] == "| p | size max | 3 | 3 |  |  |  | 7 |"
