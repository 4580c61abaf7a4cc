from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from evolve.cli.command_lines import command_line
from evolve.cli.completing import candidates
from evolve.conformance.whole_run import RUN
from evolve.store.run_ids import run_ids
from evolve.store.sql import SqlStore
from tests.cli.cli_support import ROOT

cli = import_module("evolve.cli.main")
FUNCTIONS = cli._functions()
BASH = (
    'COMP_LINE="{line}"; COMP_POINT=${{#COMP_LINE}}; compopt() {{ :; }}; _evolve evolve; '
    'printf "%s\\n" "${{COMPREPLY[@]}}"'
)
ZSH = "words=({line}); CURRENT=$#words; PREFIX=${{words[-1]}}; _evolve"
SHELLS = [shell for shell in ("bash", "zsh", "fish") if shell == "bash" or shutil.which(shell)]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("res", ["resume"]),
        ("run search=gr", ["search=greedy"]),
        ("run problem=circle_packing_", ["problem=circle_packing_rectangle"]),
        ("run --quiet budget.wal", ["budget.wall_s="]),
        ("run mutation.operators.tune.step", ["mutation.operators.tune.step_size="]),
        ("run --est", ["--estimate"]),
        ("check --set sandbox=pro", ["sandbox=process"]),
        ("check bin_packing --red", ["--redteam"]),
        ("new --plugin oper", ["operator"]),
        ("store pru", ["prune"]),
        ("steer some-run hin", ["hint"]),
        ("steer some-run hint --fo", ["--for"]),
        ("completion z", ["zsh"]),
        ("nothing x", []),
    ],
)
def test_what_a_word_may_become(typed: str, expected: list[str]) -> None:
    assert candidates(typed.split(" "), FUNCTIONS) == expected


def test_an_empty_word_may_become_any_key_and_keys_go_on_after_a_dot() -> None:
    found = candidates(["run", ""], FUNCTIONS)
    assert {"search=", "search.", "problem=", "seed=", "budget."} <= set(found)
    assert all(word.endswith(("=", ".")) and word.count(".") <= 1 for word in found)


def test_folders_are_problems_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert candidates(["run", "problem=./m"], FUNCTIONS) == ["problem=./mine/"]


def test_runs_are_those_of_the_store_that_is_named(tmp_path: Path, postgres_url: str) -> None:
    for url in (f"sqlite:///{tmp_path}/a b.db", postgres_url):
        store = SqlStore(url)
        store.create_run(RUN)
        store.close()
        assert candidates(["show", "--store", url, "wh"], FUNCTIONS) == [RUN.id]
    assert run_ids("sqlite:///nowhere.db") == run_ids("odd:///x") == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_read_from_the_source_is_what_the_command_takes(name: str) -> None:
    context = click.Context(cli.command_line)
    command = cli.command_line.get_command(context, name)
    assert command is not None
    line = command_line(*FUNCTIONS[name])
    assert_same(command, line.arguments, line.options)
    inner = command.commands if isinstance(command, click.Group) else {}
    assert inner.keys() == line.commands.keys()
    for each, found in line.commands.items():
        assert_same(inner[each], found.arguments, found.options)


def assert_same(command: click.Command, arguments: tuple[str, ...], options: object) -> None:
    assert arguments == tuple(p.name for p in command.params if isinstance(p, click.Argument))
    taken = {"--help": False, "-h": False}
    for option in (p for p in command.params if isinstance(p, click.Option)):
        taken.update(dict.fromkeys((*option.opts, *option.secondary_opts), not option.is_flag))
    assert options == taken


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a PATH with an evolve on it."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "evolve").write_text(f'#!/bin/sh\nexec {sys.executable} -c "from evolve.cli import main; main()" "$@"\n')
    (folder / "evolve").chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("line", "expected"), [("evolve run search=gr", "greedy"), ("evolve verif", "verify")])
def test_a_real_shell_completes(shell: str, line: str, expected: str, path: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    with (tmp_path / "script").open("w") as script:
        subprocess.run(["evolve", "completion", shell], env=environment, stdout=script, check=True)
    asked = {
        "bash": f"source ./script; {BASH.format(line=line)}",
        "zsh": f"compdef() {{ :; }}; compadd() {{ print -l -- $@ }}; source ./script; {ZSH.format(line=line)}",
        "fish": f"source ./script; complete -C '{line}'",
    }[shell]
    options = {"bash": ["--norc"], "zsh": ["-f"], "fish": []}[shell]
    command = [shell, *options, "-c", asked]
    ran = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    full = line.split(" ")[-1].partition("=")[0] + f"={expected}" if "=" in line else expected
    assert ran.stdout.split()[-1] == (expected if shell == "bash" else full), ran.stderr


def test_completing_loads_nothing_slow() -> None:
    script = (
        "import sys; sys.argv = ['evolve', '__complete', 'run', '--st']\nfrom evolve.cli import main\nmain()\n"
        "sys.argv = ['evolve', '__complete', 'run', 'mutation.']\nmain()\n"
        "print(sorted({'hydra', 'omegaconf', 'numpy', 'sqlalchemy', 'rich', 'evolve.wiring'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines()[-1] == "[]"
