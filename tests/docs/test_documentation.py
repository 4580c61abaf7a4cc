"""Every command and snippet of the documentation works as it stands there."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import click
import pytest

from evolve import configuration
from evolve.cli.main import command_line
from tests.docs.blocks import ROOT, Block, blocks, pages
from tests.docs.place import RUN, Place, prepare

SHELL = blocks("sh")
RUN_HERE = [block for block in SHELL if not block.why_not]
ONLY_READ = [block for block in SHELL if block.why_not]
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return prepare(tmp_path_factory.mktemp("reader"))


@pytest.mark.parametrize("block", RUN_HERE, ids=str)
def test_what_is_shown_to_be_typed_works(place: Place, block: Block) -> None:
    done = place.run(block.text)
    assert done.returncode == 0, f"{block}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("block", ONLY_READ, ids=str)
def test_what_cannot_be_run_here_has_the_right_form(
    place: Place, block: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.folder)
    form = subprocess.run(["bash", "-n", "-c", block.text], capture_output=True, text=True, check=False)
    assert form.returncode == 0, form.stderr
    for words in block.commands():
        for path in (word for word in words if word.startswith("infra/")):
            assert (ROOT / path).exists() or path.startswith("infra/.env"), f"{block}: there is no {path}"
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            words = words[1:]
        if words and words[0] in ("evolve", ".venv/bin/evolve"):
            _check_command(words[1:])


def _check_command(arguments: Sequence[str]) -> None:
    """Have the command line read a command without doing it."""
    command: click.Command = command_line
    name, rest, parent = "evolve", list(arguments), None
    while isinstance(command, click.Group):
        parent = command.make_context(name, rest, parent=parent)
        found, inner, rest = command.resolve_command(parent, [*parent._protected_args, *parent.args])
        assert inner is not None and found is not None
        command, name = inner, found
    context = command.make_context(name, rest, parent=parent)
    overrides = [part for part in context.params.get("overrides") or () if "=" in part]
    if name == "run" and not context.params["multirun"]:
        configuration.configure([part.replace("...", "none") for part in overrides])


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_is_python(place: Place, block: Block) -> None:
    compile(block.text, str(block), "exec")
    if block.why_not:
        return
    (place.folder / "snippet.py").write_text(block.text)
    done = place.run("python snippet.py")
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", pages())
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    dead = [to for to in _LINK.findall(text) if "://" not in to and not (ROOT / page).parent.joinpath(to).exists()]
    assert not dead


def test_a_page_for_every_folder() -> None:
    folders = ["evolve", "problems", "evaluators", "conf", "tests", "infra"]
    assert [folder for folder in folders if not (ROOT / folder / "README.md").is_file()] == []


def test_every_command_is_in_the_how_to() -> None:
    text = (ROOT / "evolve" / "cli" / "README.md").read_text(encoding="utf-8")
    names = command_line.list_commands(click.Context(command_line))
    assert [name for name in names if f"### evolve {name}" not in text] == []


def test_a_block_that_fails_is_seen(place: Place) -> None:
    assert place.run("evolve show nothing_of_this_name").returncode != 0
    assert place.run(f"evolve show {RUN} --costs | cat").returncode == 0
    with pytest.raises(click.NoSuchOption):
        _check_command(["run", "--no-such-option"])
    with pytest.raises(configuration.ConfigurationError):
        _check_command(["run", "problem=./mine", "serch=greedy"])
