from __future__ import annotations

from pathlib import Path

import pytest

from evolve.errors import ConfigurationError
from evolve.setting_origins import Setting, comments, heading, settings_with_origins


def told(*overrides: str, config_dir: Path | None = None, chosen: dict[str, str] | None = None) -> dict[str, Setting]:
    settings = settings_with_origins(["problem=bin_packing", *overrides], config_dir, chosen)
    return {setting.key: setting for setting in settings}


def test_a_setting_comes_from_its_default_its_option_an_experiment_or_the_command_line() -> None:
    found = told("search=alphaevolve", "experiment=funsearch", "budget.wall_s=60", "search.islands=7")
    assert (found["seed"].source, found["seed"].file) == ("default", "conf/config.yaml")
    assert found["search.parents.exploit"].source == "search=alphaevolve"
    assert found["search.parents.exploit"].file == "conf/search/alphaevolve.yaml"
    assert found["mutation.weights.diff"].source == "experiment=funsearch"
    assert (found["budget.wall_s"].source, found["budget.wall_s"].value) == ("command line", 60)
    assert (found["search.islands"].source, found["search.islands"].value) == ("command line", 7)


def test_every_setting_of_a_run_is_told_once_with_its_value() -> None:
    settings = settings_with_origins(["problem=bin_packing", "executor.width=3"])
    keys = [setting.key for setting in settings]
    assert len(keys) == len(set(keys)) > 100
    assert {"problem", "executor.width", "mutation.operators.tune.step_size", "params"} <= set(keys)
    assert {setting.source for setting in settings} == {"default", "command line"}


def test_comments_stay_with_their_setting_when_an_experiment_changes_it() -> None:
    found = told("experiment=funsearch")
    assert found["mutation.weights.crossover"].value == 0
    assert found["mutation.weights.crossover"].comment.startswith("combines two programs")


def test_what_nobody_gave_says_why_it_is_so() -> None:
    found = told(chosen={"sandbox=docker": "this machine"})
    assert found["sandbox.base_image"].source == "this machine"


def test_options_of_a_folder_of_somebodys_own(tmp_path: Path) -> None:
    (tmp_path / "budget").mkdir()
    (tmp_path / "budget" / "lunch.yaml").write_text(
        "# An hour and a half.\ndefaults: [default]\nwall_s: 5400 # seconds\n"
    )
    found = told("budget=lunch", config_dir=tmp_path)
    assert (found["budget.wall_s"].source, found["budget.wall_s"].comment) == ("budget=lunch", "seconds")
    assert found["budget.wall_s"].file == str(tmp_path / "budget" / "lunch.yaml")


def test_comments_beside_and_above_and_of_a_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(
        "# @package mutation\n# Of the option.\na: 1\n\n# first\n# second\nb: '#no' # beside\n"
        "c: {d: 1, e: [2]} # of both\nf:\n  g: 2\nh: # of the block\n  - 1\n"
    )
    assert heading(path) == "Of the option."
    assert comments(path) == {
        "a": "Of the option.", "b": "beside", "c": "of both", "c.d": "of both", "c.e": "of both", "f": "", "f.g": "",
        "h": "",
    }  # fmt: skip


def test_a_wrong_setting_is_refused_as_in_a_run() -> None:
    with pytest.raises(ConfigurationError, match=r"budget\.wall_s"):
        told("budget.wal_s=1")
