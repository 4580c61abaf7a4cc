"""Packages that ``evolve new --plugin`` writes, installed for real beside this evolve, and used by its commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from evolve.plugins.writing import kinds, write_plugin
from evolve.store.sql import SqlStore

ROOT = Path(__file__).resolve().parents[2]
Evolve = Callable[..., subprocess.CompletedProcess[str]]
QUICK_SUITES = ("archive", "model", "operator", "problem", "sandbox", "search", "tracker")
BROKEN = "broken_one"


def package(kind: str) -> str:
    return f"my_{kind}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one plug-in of each kind, and one whose code cannot be imported, installed by pip."""
    folder = tmp_path_factory.mktemp("plugins")
    written = [write_plugin(kind, package(kind), folder) for kind in kinds()]
    broken = write_plugin("search", BROKEN, folder)
    (broken / BROKEN / "search.py").write_text("raise RuntimeError('half of me is missing')\n")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    places = [str(path) for path in (*written, broken)]
    installed = subprocess.run(
        [*command, "--disable-pip-version-check", "--target", str(folder / "site"), *places],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert installed.returncode == 0, installed.stderr
    return folder / "site"


@pytest.fixture
def evolve(site: Path, tmp_path: Path) -> Evolve:
    """Return what runs a command of evolve in an empty folder, where the plug-ins are installed."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from evolve.cli import main; main()", *arguments]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(site), str(ROOT))), "EVOLVE_SANDBOX": "process"}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False
        )

    return run


def test_a_run_is_made_of_plugins_alone_and_its_record_names_them(evolve: Evolve, tmp_path: Path) -> None:
    ran = evolve(
        "run",
        "problem=my_problem",
        "search=my_search",
        "operator=my_operator",
        "mutation.operators.my_operator.spread=0.9",
        "mutation.weights.syntax=0",
        "mutation.weights.tune=0",
        "sandbox=my_sandbox",
        "executor=my_executor",
        "executor.width=1",
        "store=my_store",
        "budget.proposals=6",
        "run=mine",
        "--json",
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["best"]["outcome"] == "valid"
    shown = evolve("show", "mine", "--store", "my_store:///runs/my_store.db", "--operators", "--json")
    assert "my_operator" in shown.stdout, shown.stderr
    with closing(SqlStore(f"sqlite:///{tmp_path}/runs/my_store.db")) as store:
        used = store.run("mine").provenance["plugins"]
    assert isinstance(used, dict) and used["my_operator"] == "my-operator 0.1.0"
    replayed = evolve("replay", "mine", "--store", "my_store:///runs/my_store.db")
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr


def test_several_operators_may_be_added_and_archives_and_models_be_named(evolve: Evolve) -> None:
    chosen = ("problem=my_problem", "operator=[my_operator]", "search=my_archive", "llm=my_model")
    shown = evolve("run", *chosen, "--cfg", "job", "--json")
    assert shown.returncode == 0, shown.stderr
    config = json.loads(shown.stdout)
    assert config["mutation"]["weights"]["my_operator"] == 1 and config["mutation"]["weights"]["tune"] == 1
    assert config["search"]["archive"]["_target_"] == "my_archive.archive.MyArchive"
    assert config["llm"]["_target_"] == "my_model.model.MyModel"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("problem=my_problm", "'my_problem'"),
        ("search=my_serch", "'my_search'"),
        ("operator=my_operater", "'my_operator'"),
        ("mutation.operators.my_operator.spred=1", "'mutation.operators.my_operator.spread'"),
    ],
)
def test_names_of_plugins_are_suggested(evolve: Evolve, override: str, expected: str) -> None:
    ran = evolve("run", "problem=my_problem", override, "budget.proposals=1")
    assert ran.returncode == 1
    assert expected in ran.stderr and "Traceback" not in ran.stderr


def test_a_plugin_that_cannot_be_imported_is_said_in_a_sentence_and_harms_no_other_run(evolve: Evolve) -> None:
    ran = evolve("run", "problem=my_problem", f"search={BROKEN}", "budget.proposals=2")
    assert ran.returncode == 1
    assert "RuntimeError: half of me is missing" in ran.stderr
    assert f"{BROKEN} (broken-one 0.1.0)" in ran.stderr and "Traceback" not in ran.stderr


def test_doctor_lists_plugins_and_finds_the_broken_one(evolve: Evolve) -> None:
    ran = evolve("doctor", "--json")
    assert ran.returncode == 1
    told = {(line["state"], line["says"]) for line in json.loads(ran.stdout) if line["topic"] == "plug-ins"}
    assert ("ok", "my_operator (my-operator 0.1.0): operator=my_operator") in told
    assert ("ok", "my_problem (my-problem 0.1.0): problem=my_problem") in told
    (failed,) = [says for state, says in told if state == "fail"]
    assert failed.startswith(BROKEN) and "half of me is missing" in failed


def test_config_says_which_settings_are_of_a_plugin(evolve: Evolve) -> None:
    shown = evolve("config", "problem=my_problem", "operator=my_operator", "--json")
    assert shown.returncode == 0, shown.stderr
    told = {line["key"]: line for line in json.loads(shown.stdout)}
    spread = told["mutation.operators.my_operator.spread"]
    assert spread["source"] == "plug-in my_operator" and spread["comment"].startswith("standard deviation")


def test_written_packages_pass_their_suites(site: Path) -> None:
    """The suites of stores and executors take a minute; ``tests/conformance`` runs them on the classes inside."""
    folders = [str(site.parent / package(kind) / "tests") for kind in QUICK_SUITES]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(site.parent)]
    ran = subprocess.run(
        [*command, "-o", "asyncio_mode=auto", *folders],
        cwd=site.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(site), str(ROOT)))},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-1000:]
    assert int(ran.stdout.rsplit(" passed", 1)[0].split()[-1]) > 60


def test_a_class_of_a_plugin_is_no_reason_to_trust_a_bundle(evolve: Evolve) -> None:
    """What is installed here could be made to do things by settings that somebody else wrote."""
    made = evolve(
        "run", "problem=my_problem", "search=my_search", "budget.proposals=2", "run=theirs", "-q",
        "store.url=sqlite:///theirs.db",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert evolve("bundle", "theirs", "--store", "sqlite:///theirs.db", "--out", "theirs.bundle").returncode == 0
    opened = evolve("open", "theirs.bundle", "--store", "sqlite:///ours.db")
    assert opened.returncode == 0, opened.stderr
    refused = evolve("replay", "theirs", "--store", "sqlite:///ours.db")
    assert refused.returncode == 1 and "my_search.search.MySearch" in refused.stderr
