"""The container engine of this machine, for tests that need one."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import docker
import pytest
from docker.errors import ImageNotFound

from evolve.errors import ConfigurationError
from evolve.evaluation.image_recipes import DEFAULT_BASE_IMAGE
from evolve.evaluation.images import Images, connect

DEBIAN_BASE_IMAGE = "evolve-base:debian"


@dataclass(frozen=True)
class Engine:
    """An engine that answers, with a base image that it holds."""

    client: docker.DockerClient
    base_image: str

    def images(self) -> Images:
        """Return the images of this engine, on its base image."""
        return Images(self.client, self.base_image)


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Return the engine; without one the test is skipped, or fails where EVOLVE_TEST_ENGINE=1 promises one."""
    client = _connected()
    if isinstance(client, str):
        _unavailable(client)
    try:
        yield Engine(client, _base_image(client))
    finally:
        client.close()


def _connected() -> docker.DockerClient | str:
    """Return a client, or why there is none; then without the warning about the socket that the SDK leaves open."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            return connect()
        except ConfigurationError as error:
            reason = str(error)
        gc.collect()
        return reason


def _base_image(client: docker.DockerClient) -> str:
    stated = os.environ.get("EVOLVE_BASE_IMAGE")
    for name in [stated] if stated else [DEBIAN_BASE_IMAGE, DEFAULT_BASE_IMAGE]:
        try:
            client.images.get(name)
        except ImageNotFound:
            continue
        return name
    client.close()
    _unavailable(f"the engine holds no {stated or DEBIAN_BASE_IMAGE}; infra/base_image.sh makes one")


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get("EVOLVE_TEST_ENGINE") == "1":
        pytest.fail(f"EVOLVE_TEST_ENGINE=1, but {reason}")
    pytest.skip(reason)
