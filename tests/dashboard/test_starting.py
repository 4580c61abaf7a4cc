"""What may be asked of a run that the dashboard begins; beginning one is in test_pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolve.dashboard.starting import Starter, Wish, settings
from evolve.errors import ConfigurationError, EvolveError


@pytest.mark.parametrize(
    "text",
    [
        "--config-dir=/tmp",
        "-m",
        "seed",
        "store.url=sqlite:///x",
        "+hydra.searchpath=[file:///tmp]",
        "problem=x",
        "run=x",
        "a='",
    ],
)
def test_what_is_no_setting_of_a_run_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        settings(text)


def test_settings_are_read_as_a_shell_reads_them() -> None:
    assert settings("seed=1 llm='a b'") == ["seed=1", "llm=a b"]


def test_a_problem_is_taken_literally() -> None:
    assert Wish("./x y", llm="m").overrides() == ["problem='./x y'", "search=portfolio", "budget=default", "llm='m'"]
    with pytest.raises(ConfigurationError, match="found nothing"):
        Wish(" ").overrides()


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (Wish("bin_packin"), "bin_packing"),
        (Wish("bin_packing", more="budget.wall_s=-1"), "budget.wall_s"),
        (Wish("bin_packing", search="nothing"), "portfolio"),
    ],
)
async def test_a_mistake_is_told_before_anything_is_begun(tmp_path: Path, wish: Wish, said: str) -> None:
    starter = Starter()
    with pytest.raises(EvolveError, match=said):
        await starter.begin(f"sqlite:///{tmp_path}/evolve.db", wish)
    starter.close()
    assert not list(tmp_path.iterdir())
