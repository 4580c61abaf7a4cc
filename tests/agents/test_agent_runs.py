"""A run with a scripted agent, by the commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evolve import wiring
from evolve.configuration import configure
from evolve.errors import ConfigurationError

EDIT = "sed -i s/0[.]0{}/0.0{}/ pressure.py"
SCRIPT = f"{EDIT.format(6, 57)}; evolve eval --json > ../told; {EDIT.format(57, 58)}; echo Slower."
AGENT = [
    "mutation.weights.agent=1", f"mutation.operators.agent.command=[sh,-c,'{SCRIPT}']",
    "mutation.operators.agent.evaluations=2", "mutation.operators.agent.wall_s=30",
]  # fmt: skip
FEW = ["budget.proposals=8", "budget.wall_s=120", "executor.width=1", "seed=1", "sandbox=process", "run=one"]
ALONE = ["mutation.weights.syntax=0", "mutation.weights.tune=0", "noise=off"]


def evolve(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-c", "from evolve.cli import main; main()", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_run_of_an_agent_is_on_record_shown_and_replayed(tmp_path: Path) -> None:
    evolve(tmp_path, "new", "mine")
    ended = json.loads(evolve(tmp_path, "run", "problem=./mine", *FEW, *ALONE, *AGENT, "--json"))
    assert ended["best"]["metrics"]["relative_rmse"] < ended["seed"]["metrics"]["relative_rmse"]
    shown = json.loads(evolve(tmp_path, "show", "one", "1", "--json"))
    assert shown["detail"]["summary"] == "Slower."
    (call,) = shown["calls"]
    assert call["model"] == "coding agent" and "`evolve eval`" in call["prompt"][0]["content"]
    assert [told["outcome"] for told in call["evaluations"]] == ["valid"]
    assert "+    return 0.6 * np.exp(0.057 * temperature_c)" in call["evaluations"][0]["diff"]
    assert json.loads(evolve(tmp_path, "replay", "one", "--json"))["identical"]
    assert "nothing wrong" in evolve(tmp_path, "verify", "one")


def configured(*overrides: str) -> None:
    config = configure(["problem=bin_packing", "sandbox=process", *overrides])
    wiring.build(config)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["mutation.weights.agent=1"], r"agent\.command"),
        ([*AGENT, "mutation.workshop.network=bridge"], "lets nothing out"),
        ([*AGENT, "mutation.workshop.environment=[HOME]"], "no use for keys"),
        ([*AGENT, "mutation.workshop.processes=1"], "at least 8"),
        (
            [*AGENT, "sandbox=docker", "mutation.workshop.network=n", "mutation.workshop.environment=[NO_SUCH]"],
            "not set",
        ),
    ],
)
def test_what_cannot_be_given_to_an_agent_is_said_before_anything_is_spent(overrides: list[str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        configured(*overrides)


def test_what_can_be_given_is(tmp_path: Path) -> None:
    configured(*AGENT, "mutation.workshop.model_address=true")
    configured(*AGENT, "sandbox=docker", "mutation.workshop.network=agents", "mutation.workshop.environment=[PATH]")
