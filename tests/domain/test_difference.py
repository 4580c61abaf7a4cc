"""The difference of two programs is what `git apply` makes one out of the other with."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from evolve.domain.difference import program_diff


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a.py": "x = 1\n"}, {"a.py": "x = 2\n"}),
        ({"a.py": "x = 1"}, {"a.py": "x = 2"}),
        ({"a.py": "x = 1\n"}, {"a.py": "x = 1\n", "new/b.py": "y\n"}),
        ({"a.py": "x = 1\n", "b.py": "y\n"}, {"a.py": "x = 1\n"}),
    ],
)
def test_git_applies_it(before: Mapping[str, str], after: Mapping[str, str], tmp_path: Path) -> None:
    for path, text in before.items():
        (tmp_path / path).write_text(text)

    patch = program_diff(before, after)
    subprocess.run(["git", "apply", "-"], input=patch, text=True, cwd=tmp_path, check=True)

    files = {p.relative_to(tmp_path).as_posix(): p.read_text() for p in tmp_path.rglob("*") if p.is_file()}
    assert files == dict(after)


def test_equal_programs_do_not_differ() -> None:
    assert program_diff({"a.py": "x\n"}, {"a.py": "x\n"}) == ""
