"""Names of images follow from what goes into them, and from nothing else."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

import pytest

from evolve import paths
from evolve.domain.problem import Problem
from evolve.errors import ProblemError
from evolve.evaluation import image_recipes
from evolve.evaluation.image_recipes import Recipe, recipes, requirements
from tests.evaluation.slots import write_problem

DOCKERFILE = 'ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nRUN ["python3", "-m", "pip", "install", "scipy"]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A problem with a Dockerfile and files for it."""
    folder = write_problem(tmp_path / "My Problem_2")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "docker" / "tools").mkdir(parents=True)
    (folder / "docker" / "tools" / "solve.sh").write_text("#!/bin/sh\n")
    return folder


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what ships with the package, to be changed."""
    copy = tmp_path / "installation"
    for name in ("infra", "evaluators"):
        shutil.copytree(paths.bundled(name), copy / name)
    shutil.copy(paths.bundled("infra").parent / "pyproject.toml", copy)
    monkeypatch.setattr(image_recipes, "bundled", lambda name: copy / name)
    return copy


def chain(folder: Path, base: str = "base:1", identity: str = "sha256:1") -> tuple[Recipe, ...]:
    return recipes(Problem.load(folder), base, identity)


def tags(folder: Path, identity: str = "sha256:1") -> list[str]:
    return [recipe.tag for recipe in chain(folder, identity=identity)]


def files(recipe: Recipe) -> dict[str, tuple[bytes, int]]:
    """Return path -> content and mode of what the engine is sent."""
    with tarfile.open(fileobj=io.BytesIO(recipe.archive())) as tar:
        members = [(member, tar.extractfile(member)) for member in tar.getmembers()]
        return {member.name: (file.read() if file else b"", member.mode) for member, file in members}


def test_a_problem_without_a_dockerfile_shares_the_image_of_all_such_problems(folder: Path) -> None:
    (folder / "Dockerfile").unlink()
    assert tags(folder) == [recipe.tag for recipe in recipes(None, "base:1", "sha256:1")]
    assert [tag.partition(":")[0] for tag in tags(folder)] == ["evolve-worker", "evolve-guest"]


def test_each_image_stands_on_the_one_before(folder: Path) -> None:
    worker, problem, guest = chain(folder)
    assert [worker.base, problem.base, guest.base] == ["base:1", worker.tag, problem.tag]
    assert problem.repository == "evolve-problem-my-problem-2"
    assert all(len(recipe.tag.partition(":")[2]) == 12 for recipe in (worker, problem, guest))


def test_names_are_the_same_twice_and_for_a_touched_file(folder: Path) -> None:
    before = tags(folder)
    (folder / "docker" / "tools" / "solve.sh").touch()
    assert tags(folder) == before


def changed(before: list[str], after: list[str]) -> str:
    return " ".join(a.partition(":")[0].removeprefix("evolve-") for a, b in zip(after, before, strict=True) if a != b)


def test_another_base_changes_everything(folder: Path) -> None:
    assert changed(tags(folder), tags(folder, identity="sha256:2")) == "worker problem-my-problem-2 guest"


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("Dockerfile", DOCKERFILE + "ENV A=1\n", "problem-my-problem-2 guest"),
        ("docker/tools/solve.sh", "#!/bin/sh\nexit 1\n", "problem-my-problem-2 guest"),
        ("docker/new", "", "problem-my-problem-2 guest"),
        ("evaluate.py", "def evaluate(candidate, stage, params): ...\n", ""),
        ("seed/program.py", "def answer(x):\n    return 1\n", ""),
        ("baselines/other.py", "x = 1\n", ""),
        ("docker/__pycache__/tool.pyc", "", ""),
    ],
)
def test_a_file_of_the_problem_changes_what_it_goes_into(folder: Path, file: str, text: str, expected: str) -> None:
    before = tags(folder)
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text(text)
    assert changed(before, tags(folder)) == expected


def test_the_right_to_execute_counts(folder: Path) -> None:
    before = tags(folder)
    (folder / "docker" / "tools" / "solve.sh").chmod(0o755)
    assert changed(before, tags(folder)) == "problem-my-problem-2 guest"
    assert files(chain(folder)[1])["tools/solve.sh"] == (b"#!/bin/sh\n", 0o755)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("evaluators/guest.py", "guest"),
        ("evaluators/README.md", ""),
        ("infra/guest.Dockerfile", "guest"),
        ("infra/Dockerfile", "worker problem-my-problem-2 guest"),
        ("infra/seccomp.json", ""),
    ],
)
def test_a_file_of_the_installation_changes_what_it_goes_into(
    folder: Path, installation: Path, file: str, expected: str
) -> None:
    before = tags(folder)
    with (installation / file).open("a") as opened:
        opened.write("\n")
    assert changed(before, tags(folder)) == expected


def test_other_bounds_of_the_guests_packages_change_the_worker(folder: Path, installation: Path) -> None:
    before = tags(folder)
    project = installation / "pyproject.toml"
    project.write_text(project.read_text().replace('"rich>=13.7', '"rich>=13.8'))
    assert tags(folder) == before
    project.write_text(project.read_text().replace('"numpy>=1.26', '"numpy>=1.27'))
    assert changed(before, tags(folder)).startswith("worker")


def test_the_bounds_are_those_of_this_package() -> None:
    stated = (paths.bundled("infra").parent / "pyproject.toml").read_text()
    assert [line.partition(">")[0] for line in requirements()] == ["msgspec", "numpy"]
    assert all(f'"{line}"' in stated for line in requirements())


def test_a_build_is_sent_nothing_of_the_problem_but_what_lies_in_docker(folder: Path) -> None:
    for recipe in chain(folder):
        assert b"held-out data" not in recipe.archive()
    _, problem, guest = chain(folder)
    assert set(files(problem)) == {".evolve.Dockerfile", ".dockerignore", "tools/solve.sh"}
    assert {path.partition("/")[0] for path in files(guest)} == {".evolve.Dockerfile", ".dockerignore", "evaluators"}


def test_links_could_lead_to_the_judges_data_and_are_refused(folder: Path) -> None:
    (folder / "docker" / "data").symlink_to(folder / "secret.py")
    with pytest.raises(ProblemError, match="links may not go into an image"):
        chain(folder)


def test_a_link_for_the_folder_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "docker")
    (folder / "docker").symlink_to(folder / "seed")
    with pytest.raises(ProblemError, match="links may not go into an image"):
        chain(folder)


@pytest.mark.parametrize(
    "dockerfile",
    ["FROM python:3.12-slim\n", "ARG BASE_IMAGE\nRUN true\n", "# FROM ${BASE_IMAGE}\n", DOCKERFILE + "FROM gcc\n"],
)
def test_a_dockerfile_has_to_stand_on_the_worker_image(folder: Path, dockerfile: str) -> None:
    (folder / "Dockerfile").write_text(dockerfile)
    with pytest.raises(ProblemError, match=r"FROM \$\{BASE_IMAGE\}"):
        chain(folder)


@pytest.mark.parametrize("last", ["FROM $BASE_IMAGE\n", "FROM gcc AS c\nFROM ${BASE_IMAGE} AS d\n"])
def test_other_ways_to_stand_on_it(folder: Path, last: str) -> None:
    (folder / "Dockerfile").write_text("ARG BASE_IMAGE\n" + last)
    assert len(chain(folder)) == 3
