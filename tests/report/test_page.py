"""The report: what is in it, that nothing in it runs, and that it needs nothing else."""

from __future__ import annotations

import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.cli.cli_support import Command, evolve

__all__ = ["evolve"]

_HOSTILE = "</pre></span><script>alert('x')</script><img src=x onerror=alert(1)>"


class _Page(HTMLParser):
    """The elements and words of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def _ran(evolve: Command, folder: Path, *settings: str) -> _Page:
    done = evolve("run", f"problem={folder}", "run=told", "budget.proposals=30", "sandbox=process", *settings)
    assert done.returncode == 0, done.stderr
    return _reported(evolve, folder.parent)


def _reported(evolve: Command, folder: Path) -> _Page:
    done: subprocess.CompletedProcess[str] = evolve("report", "told")
    assert done.returncode == 0, done.stderr
    assert "told.html" in done.stderr
    return _Page((folder / "told.html").read_text(encoding="utf-8"))


@pytest.fixture
def problem(evolve: Command, tmp_path: Path) -> Path:
    """A small working problem folder whose judge and program hold mark-up."""
    assert evolve("new", "mine").returncode == 0
    folder = tmp_path / "mine"
    judge = folder / "evaluate.py"
    text = judge.read_text(encoding="utf-8")
    judge.write_text(re.sub(r'feedback=f?"', f'feedback="{_HOSTILE}" + f"', text, count=1), encoding="utf-8")
    statement = folder / "problem.yaml"
    yaml = statement.read_text(encoding="utf-8")
    statement.write_text(yaml.replace("statement: |\n", f"statement: |\n  {_HOSTILE}\n", 1), encoding="utf-8")
    for seed in (folder / "seed").glob("*.py"):
        seed.write_text(f"# {_HOSTILE}\n{seed.read_text(encoding='utf-8')}", encoding="utf-8")
    return folder


def test_a_report_says_what_was_asked_found_spent_and_not_checked(evolve: Command, problem: Path) -> None:
    page = _ran(evolve, problem)

    for heading in ("The question", "The result", "How it got there", "What was not checked", "How to repeat it"):
        assert heading in page.words
    assert "30 proposals" in page.words
    assert "evolve replay told" in page.words
    assert "It is one run of one seed" in page.words
    assert "It had 30 attempts, too few" in page.words
    assert [attributes for tag, attributes in page.tags if tag == "svg"]


def test_texts_of_programs_and_judges_stay_text_and_nothing_is_fetched(evolve: Command, problem: Path) -> None:
    page = _ran(evolve, problem)

    assert _HOSTILE in page.words
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "img", "iframe", "object", "link", "base", "form"}
    for _, attributes in page.tags:
        assert not {"src", "href", "onerror", "onload"} & attributes.keys()


def test_a_report_of_a_run_that_is_not_there_names_the_nearest(evolve: Command, problem: Path) -> None:
    _ran(evolve, problem)
    done = evolve("report", "tolt")
    assert done.returncode == 1
    assert "told" in done.stderr
