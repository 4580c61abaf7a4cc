"""What each image is made of, and the name that follows from it. Reads files; knows no engine.

::

    base image ── worker ── problem, if its folder has a Dockerfile ── guest
                  Python packages   what the problem adds              evaluators/

A tag is a hash of everything that goes into an image, the image below included: equal content has
an equal name, and a name that exists never has to be built again.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import re
import tarfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from evolve.domain.problem import Problem
from evolve.errors import ProblemError, SandboxUnavailable
from evolve.paths import bundled

DEFAULT_BASE_IMAGE: Final = "python:3.12-slim"
WORKER: Final = "evolve-worker"
GUEST: Final = "evolve-guest"
PROBLEM_PREFIX: Final = "evolve-problem-"
KIND_LABEL: Final = "evolve.kind"
PROBLEM_LABEL: Final = "evolve.problem"
DOCKERFILE_IN_CONTEXT: Final = ".evolve.Dockerfile"

_DISTRIBUTION = "evolve-search"
_GUEST_PACKAGES = ("msgspec", "numpy")
_HASH_DIGITS = 12
_FROM = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(\S+)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ContextFile:
    """A file as the engine sees it during a build; owned by root, without a date."""

    data: bytes
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Recipe:
    """One image: what it stands on, its Dockerfile and the files that may be copied into it.

    Args:
        repository: the part of the name before the colon.
        base: name of the image it stands on.
        base_identity: what tells that image from others of the same name; the name itself where that does.
        dockerfile: text; reads the base's name from the build argument BASE_IMAGE.
        context: path in the build context -> file; the Dockerfile is not among them.
        labels: for people and for cleaning up; passed on to the images above, and not part of the hash.
    """

    repository: str
    base: str
    base_identity: str
    dockerfile: str
    context: Mapping[str, ContextFile] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        """The image's full name."""
        return f"{self.repository}:{self._digest()}"

    def archive(self) -> bytes:
        """Return the build context as a tar file, the same bytes for the same recipe."""
        own = {DOCKERFILE_IN_CONTEXT: self.dockerfile, ".dockerignore": f"{DOCKERFILE_IN_CONTEXT}\n.dockerignore\n"}
        files = {**self.context, **{path: ContextFile(text.encode()) for path, text in own.items()}}
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for path, file in sorted(files.items()):
                entry = tarfile.TarInfo(path)
                entry.size = len(file.data)
                entry.mode = 0o755 if file.executable else 0o644
                tar.addfile(entry, io.BytesIO(file.data))
        return buffer.getvalue()

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for part in (self.base.encode(), self.base_identity.encode(), self.archive()):
            digest.update(len(part).to_bytes(8, "little") + part)
        return digest.hexdigest()[:_HASH_DIGITS]


def worker_recipe(base_image: str, base_identity: str) -> Recipe:
    """Return the image that all problems share: Python with what the guest package needs."""
    return Recipe(
        repository=WORKER,
        base=base_image,
        base_identity=base_identity,
        dockerfile=_infra("Dockerfile"),
        context={"requirements.txt": ContextFile("".join(f"{line}\n" for line in requirements()).encode())},
        labels={KIND_LABEL: "worker", "evolve.base": base_image},
    )


def recipes(problem: Problem | None, base_image: str, base_identity: str) -> tuple[Recipe, ...]:
    """Return the images of a problem in the order they are built; the last one is run.

    Without a problem: of any problem that has no Dockerfile. Raises ProblemError.
    """
    chain = [worker_recipe(base_image, base_identity)]
    if problem is not None and (problem.folder / "Dockerfile").is_file():
        chain.append(_problem_recipe(problem, chain[-1].tag))
    below = chain[-1].tag
    guest = Recipe(
        repository=GUEST,
        base=below,
        base_identity=below,
        dockerfile=_infra("guest.Dockerfile"),
        context=_guest_package(),
        labels={KIND_LABEL: "guest"},
    )
    return (*chain, guest)


def requirements() -> tuple[str, ...]:
    """Return what the guest package needs, within the bounds that this package states.

    From pyproject.toml in a checkout, else from the installed distribution.
    """
    stated = _stated_requirements()
    chosen = tuple(sorted(line for line in stated if _package_name(line) in _GUEST_PACKAGES))
    if len(chosen) != len(_GUEST_PACKAGES):
        raise SandboxUnavailable(f"This installation states no bounds for {_GUEST_PACKAGES}, only {list(chosen)}.")
    return chosen


def _stated_requirements() -> list[str]:
    pyproject = bundled("infra").parent / "pyproject.toml"
    if pyproject.is_file():
        stated: list[str] = tomllib.loads(pyproject.read_text("utf-8"))["project"]["dependencies"]
        return stated
    try:
        return importlib.metadata.requires(_DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise SandboxUnavailable(
            f"No installed {_DISTRIBUTION} to read the versions of the worker image's packages from. "
            "Install it with pip."
        ) from error


def _package_name(requirement: str) -> str:
    if ";" in requirement:  # of an extra, or of another platform
        return ""
    return re.split(r"[^A-Za-z0-9_.-]", requirement, maxsplit=1)[0].lower()


def _infra(name: str) -> str:
    return (bundled("infra") / name).read_text("utf-8")


def _guest_package() -> dict[str, ContextFile]:
    folder = bundled("evaluators")
    return {f"evaluators/{path.name}": ContextFile(path.read_bytes()) for path in sorted(folder.glob("*.py"))}


def _problem_recipe(problem: Problem, worker: str) -> Recipe:
    path = problem.folder / "Dockerfile"
    dockerfile = path.read_text("utf-8")
    if _FROM.findall(dockerfile)[-1:] not in (["$BASE_IMAGE"], ["${BASE_IMAGE}"]):
        raise ProblemError(
            f"{path}: expected it to stand on the worker image, which holds the packages of the sandbox; its "
            "last FROM has to be 'FROM ${BASE_IMAGE}', with 'ARG BASE_IMAGE' before the first."
        )
    return Recipe(
        repository=PROBLEM_PREFIX + _repository_part(problem.name),
        base=worker,
        base_identity=worker,
        dockerfile=dockerfile,
        context=_context_folder(problem.folder / "docker"),
        labels={KIND_LABEL: "problem", PROBLEM_LABEL: problem.name},
    )


def _repository_part(name: str) -> str:
    """Return a name that an engine accepts in a repository: lower case, single separators."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "unnamed"


def _context_folder(folder: Path) -> dict[str, ContextFile]:
    """Read the files a problem's Dockerfile may copy. Links are refused: they could lead to the judge's data."""
    context: dict[str, ContextFile] = {}
    for path in sorted(folder.rglob("*")) if folder.exists() else ():
        if path.is_symlink() or folder.is_symlink():
            raise ProblemError(f"{path}: links may not go into an image; put the file itself there.")
        if path.is_file() and "__pycache__" not in path.parts:
            executable = bool(path.stat().st_mode & 0o111)
            context[path.relative_to(folder).as_posix()] = ContextFile(path.read_bytes(), executable)
    return context
