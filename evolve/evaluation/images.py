"""The engine's half of the images: look for them, build what is missing, list and remove them.

Importing this loads the engine's SDK (0.15 s), so it is imported where an engine is wanted. What
the images are made of is decided in :mod:`evolve.evaluation.image_recipes`.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import re
import tempfile
import time
import traceback
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import docker
import docker.errors
import requests

from evolve.domain.problem import Problem
from evolve.errors import ConfigurationError, SandboxUnavailable
from evolve.evaluation.image_recipes import (
    DOCKERFILE_IN_CONTEXT,
    GUEST,
    KIND_LABEL,
    PROBLEM_LABEL,
    WORKER,
    Recipe,
    recipes,
)
from evolve.paths import bundled

LABEL: Final = "evolve"
Say = Callable[[str], None]
ENGINE_ERRORS: Final = (docker.errors.DockerException, requests.RequestException)

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")  # known to every build; no ARG needed
_LAST_LINES = 12
_LEFTOVER_SECONDS = 5.0
_LAYER = re.compile(r"^ ---> ([0-9a-f]{12})$")
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_NOISE = (" --->", "Removing intermediate container", "Successfully tagged")
_ADVICE = {
    WORKER: "If pip could not reach a package index: builds get PIP_INDEX_URL and the proxy variables of this "
    "environment; a certificate of your own belongs into the base image, with ENV PIP_CERT.",
    GUEST: "The image below it has to keep a python3 that loads numpy and msgspec.",
}


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """An image of ours that the engine holds.

    ``kind`` is base, worker, problem or guest; ``problem`` is empty where it serves any problem.
    """

    tag: str
    kind: str
    id: str
    created: datetime
    size_mb: float
    problem: str


def connect() -> docker.DockerClient:
    """Return a client of the engine at the address of DOCKER_HOST, or at the usual one. Raises ConfigurationError."""
    try:
        client = docker.from_env()
    except ENGINE_ERRORS as error:
        raise _no_engine(error) from error
    try:
        client.ping()
    except ENGINE_ERRORS as error:
        client.close()
        raise _no_engine(error) from error
    return client


def held(client: docker.DockerClient) -> list[ImageInfo]:
    """Return our images, newest first. Raises SandboxUnavailable."""
    with _engine_errors("list images"):
        images = client.api.images(filters={"label": f"{LABEL}=1"})
    found = [_info(tag, image) for image in images for tag in image["RepoTags"] or ()]
    return sorted(found, key=lambda info: info.created, reverse=True)


def remove(client: docker.DockerClient, images: Sequence[ImageInfo]) -> list[str]:
    """Remove images and return the names of those that went; one that a container or an image uses stays.

    Raises SandboxUnavailable where the engine does not answer.
    """
    removed = []
    for info in sorted(images, key=lambda info: info.created, reverse=True):
        with _engine_errors(f"remove {info.tag}"), contextlib.suppress(docker.errors.APIError):
            client.images.remove(info.tag)
            removed.append(info.tag)
    return removed


class Images:
    """Finds and builds the images of problems on one engine.

    Args:
        client: of the engine; stays the caller's to close.
        base_image: name of the image all others stand on; pulled when the engine lacks it.
        environment: of the host. Builds get PIP_INDEX_URL and the proxy variables, and run in the network that
            EVOLVE_BUILD_NETWORK names (the engine's usual one unless set).
    """

    def __init__(
        self, client: docker.DockerClient, base_image: str, environment: Mapping[str, str] = os.environ
    ) -> None:
        self._client = client
        self._base_image = base_image
        self._environment = environment

    def tag(self, problem: Problem | None) -> str:
        """Return the name of the image that slots of a problem run; None: of problems without a Dockerfile.

        Where the engine does not hold the base image, it is another name than after a build.
        Raises SandboxUnavailable, ProblemError.
        """
        return self._recipes(problem)[-1].tag

    def exists(self, problem: Problem | None) -> bool:
        """Whether the engine holds that image, made of what its parts are now."""
        return self._id(self.tag(problem)) is not None

    def build(self, problem: Problem | None, say: Say) -> str:
        """Build what is missing and return the image's name. Takes seconds to minutes; blocks.

        Builds of this user on this machine take turns, so that nothing is built twice. ``say`` gets
        one line of progress at a time. Raises SandboxUnavailable, ProblemError.
        """
        with _turn(say):
            self._pull_base(say)
            chain = self._recipes(problem)
            for recipe in chain:
                if self._id(recipe.tag) is None:
                    say(f"building {recipe.tag}")
                    self._build(recipe, say)
        return chain[-1].tag

    def stale(self, problems: Collection[Problem]) -> list[ImageInfo]:
        """Return our images that neither these problems nor problems without a Dockerfile use now.

        Base images are never among them.
        """
        used = {recipe.tag for problem in (None, *problems) for recipe in self._recipes(problem)}
        return [info for info in held(self._client) if info.kind != "base" and info.tag not in used]

    def _recipes(self, problem: Problem | None) -> tuple[Recipe, ...]:
        return recipes(problem, self._base_image, self._id(self._base_image) or self._base_image)

    def _id(self, name: str) -> str | None:
        with _engine_errors(f"look for the image {name}"):
            try:
                return str(self._client.images.get(name).id)
            except docker.errors.ImageNotFound:
                return None

    def _pull_base(self, say: Say) -> None:
        if self._id(self._base_image) is not None:
            return
        say(f"pulling {self._base_image}")
        try:
            self._client.images.pull(self._base_image)
        except ENGINE_ERRORS as error:
            raise SandboxUnavailable(
                f"The engine does not hold the base image {self._base_image!r} and cannot pull it: {_reason(error)}\n"
                f"Where no registry is reachable, {_script('base_image.sh')} makes one from Debian's packages "
                "(evolve-base:debian). Name the image to use with sandbox.base_image=NAME or EVOLVE_BASE_IMAGE=NAME."
            ) from error

    def _build(self, recipe: Recipe, say: Say) -> None:
        log = _BuildLog(say)
        try:
            with _engine_errors(f"build {recipe.tag}"):
                for event in self._events(recipe):
                    log.read(event)
            if log.error:
                raise SandboxUnavailable(_explain(recipe, log))
        except BaseException as error:
            # The connection goes with the frames that hold it, and with the connection the step that runs.
            traceback.clear_frames(error.__traceback__)
            self._remove_leftover(log.newest_layer)
            raise

    def _events(self, recipe: Recipe) -> Iterator[dict[str, Any]]:
        return self._client.api.build(
            fileobj=io.BytesIO(recipe.archive()),
            custom_context=True,
            dockerfile=DOCKERFILE_IN_CONTEXT,
            tag=recipe.tag,
            buildargs=self._build_arguments(recipe),
            labels={LABEL: "1", **recipe.labels},
            network_mode=self._environment.get("EVOLVE_BUILD_NETWORK"),
            rm=True,
            forcerm=True,
            decode=True,
        )

    def _build_arguments(self, recipe: Recipe) -> dict[str, str]:
        arguments = {"BASE_IMAGE": recipe.base}
        if index := self._environment.get("PIP_INDEX_URL"):
            arguments |= {"PIP_INDEX_URL": index} if "ARG PIP_INDEX_URL" in recipe.dockerfile else {}
        for name in (*_PROXIES, *map(str.lower, _PROXIES)):
            if value := self._environment.get(name):
                arguments[name] = value
        return arguments

    def _remove_leftover(self, layer: str | None) -> None:
        """Remove what a build that failed had committed, up to the image it stood on."""
        give_up_at = time.monotonic() + _LEFTOVER_SECONDS
        while layer is not None:
            try:
                image = self._client.images.get(layer)
                if not image.tags and not image.attrs["RepoDigests"]:
                    self._client.images.remove(layer)
                return
            except docker.errors.APIError as error:
                if error.status_code != HTTPStatus.CONFLICT or time.monotonic() > give_up_at:
                    return  # gone, or another build stands on it by now
            except requests.RequestException:
                return
            time.sleep(0.1)  # the step that was cut off holds it a little longer


class _BuildLog:
    """What the engine says during a build: passed on, with the end kept for the error."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self.step = ""
        self.error = ""
        self.lines: deque[str] = deque(maxlen=_LAST_LINES)
        self.newest_layer: str | None = None

    def read(self, event: Mapping[str, Any]) -> None:
        """Take one event of the engine's stream."""
        self.error = self.error or str(event.get("error", ""))
        for line in _COLOUR.sub("", str(event.get("stream", ""))).splitlines():
            if layer := _LAYER.match(line):
                self.newest_layer = layer[1]
            elif line.strip() and not line.startswith(_NOISE):
                self._keep(line.rstrip())

    def _keep(self, line: str) -> None:
        if line.startswith("Step "):
            self.step = line.partition(" : ")[2]
            self.lines.clear()
        else:
            self.lines.append(line)
        self._say(line)


def _explain(recipe: Recipe, log: _BuildLog) -> str:
    shown = "\n".join(f"  {line}" for line in log.lines)
    advice = _ADVICE.get(recipe.repository, "It is a step of the problem's Dockerfile.")
    return f"Building {recipe.tag} failed at the step {log.step!r}: {log.error.strip()}\n{shown}\n{advice}"


def _info(tag: str, image: Mapping[str, Any]) -> ImageInfo:
    return ImageInfo(
        tag=tag,
        kind=image["Labels"].get(KIND_LABEL, "base"),
        id=image["Id"],
        created=datetime.fromtimestamp(image["Created"], UTC),
        size_mb=image["Size"] / 1e6,
        problem=image["Labels"].get(PROBLEM_LABEL, ""),
    )


@contextlib.contextmanager
def _turn(say: Say) -> Iterator[None]:
    """Wait until no other process of this user on this machine builds."""
    path = Path(tempfile.gettempdir()) / f"evolve-images-{os.getuid()}.lock"
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process builds images; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def _engine_errors(doing: str) -> Iterator[None]:
    try:
        yield
    except ENGINE_ERRORS as error:
        raise SandboxUnavailable(f"The container engine could not {doing}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Return what the engine itself said, where it said something."""
    return str((isinstance(error, docker.errors.APIError) and error.explanation) or error)


def _script(name: str) -> Path:
    return bundled("infra") / name


def _no_engine(error: Exception) -> ConfigurationError:
    host = os.environ.get("DOCKER_HOST", "the usual socket (DOCKER_HOST is not set)")
    return ConfigurationError(
        f"No container engine answers at {host}: {_reason(error)}\n"
        f"Start Docker, set DOCKER_HOST, or on Debian see {_script('engine.sh')}. "
        "sandbox=process needs no engine."
    )
