"""The skill's commands, each of them run, in its order."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from evolve.cli.main import command_line
from evolve.errors import ConfigurationError
from evolve.skill import FOLDER, install

SKILL = (FOLDER / "SKILL.md").read_text("utf-8")
# Costs money, or needs a path of the reader's.
NOT_RUN = {
    "evolve import PATH",
    "evolve steer RUN hint TEXT",
    "evolve pause RUN",
    "evolve stop RUN",
    "evolve resume RUN",
}


def evolve(folder: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from evolve.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=300, check=False)


def commands(kind: str) -> list[str]:
    blocks = re.findall(rf"^```{kind}\n(.*?)^```", SKILL, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def test_every_command_of_the_skill_works_in_its_order(tmp_path: Path) -> None:
    run = commands("bash")
    assert len(run) >= 12
    for line in run:
        program, *arguments = shlex.split(line)
        assert program == "evolve"
        done = evolve(tmp_path, arguments)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    assert (tmp_path / "first.html").is_file() and (tmp_path / "first.evolve").is_file()


def test_the_others_are_commands_that_there_are() -> None:
    spoken = {found for found in re.findall(r"`(evolve [^`]+)`", SKILL) if found != "evolve"}
    assert spoken == NOT_RUN
    known = command_line.list_commands(click.Context(command_line))
    for line in [*sorted(spoken), *commands("text")]:
        assert line.split()[0] == "evolve" and line.split()[1] in known


def test_it_begins_as_skills_do() -> None:
    head = re.match(r"---\nname: evolve\ndescription: (.+)\n---\n", SKILL)
    assert head is not None and len(head[1]) <= 1024


def test_it_is_installed_and_brought_up_to_date(tmp_path: Path) -> None:
    assert evolve(tmp_path, ["skill", "--install", "skills"]).returncode == 0
    written = tmp_path / "skills" / "evolve" / "SKILL.md"
    assert written.read_text("utf-8") == SKILL
    written.write_text("old")
    install(tmp_path / "skills")
    assert written.read_text("utf-8") == SKILL
    assert evolve(tmp_path, ["skill"]).stdout == SKILL


def test_a_folder_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "evolve").mkdir()
    with pytest.raises(ConfigurationError, match="no skill"):
        install(tmp_path)
