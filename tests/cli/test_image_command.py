"""The image command, as a person uses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.cli_support import Command, lines
from tests.engine import Engine


@pytest.fixture
def no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for it before ``evolve``, which takes the environment as it is then."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")


@pytest.fixture
def base_image(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> str:
    """Ask for it before ``evolve``, too."""
    monkeypatch.setenv("EVOLVE_BASE_IMAGE", engine.base_image)
    return engine.base_image


@pytest.mark.parametrize("arguments", [("list",), ("build",), ("build", "bin_packing"), ("prune",)])
def test_without_an_engine_it_says_what_to_do(no_engine: None, evolve: Command, arguments: tuple[str, ...]) -> None:
    done = evolve("image", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("evolve: No container engine answers at unix://")
    assert "DOCKER_HOST" in done.stderr and "sandbox=process" in done.stderr and "Traceback" not in done.stderr


def test_an_unknown_problem_is_refused_with_the_nearest(no_engine: None, evolve: Command) -> None:
    done = evolve("image", "build", "bin_paking")
    assert done.returncode == 1
    assert "Did you mean 'bin_packing'?" in done.stderr


def test_what_is_built_is_listed(base_image: str, engine: Engine, evolve: Command) -> None:
    done = evolve("image", "build", "bin_packing")
    assert done.returncode == 0, done.stderr
    tag = done.stdout.strip()
    assert tag == engine.images().tag(None)
    (again,) = lines(evolve("image", "build", "bin_packing", "--json"))
    assert {key: again[key] for key in ("image", "problem", "base_image")} == {
        "image": tag,
        "problem": "bin_packing",
        "base_image": base_image,
    }
    (listed,) = [row for row in lines(evolve("image", "list", "--json")) if row["tag"] == tag]
    assert (listed["kind"], listed["problem"]) == ("guest", "")
    assert tag in evolve("image", "list").stdout
