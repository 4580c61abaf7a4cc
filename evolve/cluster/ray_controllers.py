"""Controllers as named actors of a Ray cluster: started, found again, watched."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence
from typing import Any, Final

from evolve.cluster.ray_link import NAMESPACE, connect, table_of_nodes  # isort: skip - before ray

import ray
from ray.exceptions import RayError

from evolve.cluster.controller_actor import Assignment, Controller, Snapshot
from evolve.cluster.placement import Node
from evolve.controller.budget import InFlight
from evolve.controller.loop import Progress
from evolve.errors import ConfigurationError, EvolveError, NotFound, SandboxUnavailable

_LINGER_S: Final = 30.0
_POLL_S: Final = 0.5
_START_SECONDS: Final = 600.0
_ANSWER_SECONDS: Final = 30.0
_AGAIN_SECONDS: Final = 300.0
"""How long a lost controller may take to be made again."""


class ControllerActor(Controller):
    """A controller that ends its actor when nobody needs it any more."""

    def __init__(self, assignment: Assignment, parcel_data: bytes) -> None:
        again = ray.get_runtime_context().was_current_actor_reconstructed
        super().__init__(assignment, parcel_data, _end_this_actor, again=again, linger_s=_LINGER_S)


def _end_this_actor() -> None:
    ray.kill(ray.get_runtime_context().current_actor, no_restart=True)


def check_store(url: str) -> None:
    """Raise ConfigurationError if a controller on the cluster could not reach the store wherever it is restarted.

    Only controllers touch the store; workers never do.
    """
    elsewhere = sorted({node.name for node in table_of_nodes()} - {socket.gethostname()})
    if url.startswith("sqlite") and elsewhere:
        raise ConfigurationError(
            f"store.url={url} is a file of this machine, and controller.detached=true lets the controller restart on "
            f"any node, also {', '.join(elsewhere[:3])}: expected store=postgres, or controller.detached=false, where "
            "the controller stays in this command and only programs are judged on the nodes."
        )


def start_controller(assignment: Assignment, parcel_data: bytes) -> None:
    """Start the controller of a run. Raises ConfigurationError if the run has one already."""
    options: dict[str, Any] = {
        "name": assignment.info.id,
        "namespace": NAMESPACE,
        "lifetime": "detached",
        "max_restarts": -1,
        "num_cpus": 0,
    }
    run = assignment.info.id
    _make_way(run)
    try:
        ray.remote(ControllerActor).options(**options).remote(assignment, parcel_data)
    except ValueError as error:
        raise ConfigurationError(
            f"Run {run!r} has a controller on the cluster already: `evolve attach {run}` shows it, `evolve stop {run}` "
            f"ends it. ({error})"
        ) from error


def _make_way(run: str) -> None:
    """End a controller that has ended the run before, and only answers yet."""
    deadline = time.monotonic() + _ANSWER_SECONDS
    while time.monotonic() < deadline:
        try:
            handle: Any = ray.get_actor(run, namespace=NAMESPACE)
            seen: Any = ray.get(handle.snapshot.remote(), timeout=_ANSWER_SECONDS)
        except (ValueError, RayError):
            return
        if not seen.ended:
            return
        ray.kill(handle, no_restart=True)
        time.sleep(_POLL_S)


class Attached:
    """A run on the cluster, seen from here; what ``evolve.terminal.RunView`` shows."""

    def __init__(self, run: str, address: str) -> None:
        """Raises NotFound when the run has no controller on the cluster."""
        connect(address)
        self._run = run
        self._seen = Snapshot(Progress(), InFlight())
        self._handle = _find(run)

    @property
    def progress(self) -> Progress:
        """Where the run stood a moment ago."""
        return self._seen.progress

    @property
    def away(self) -> str:
        """Why its store was away a moment ago, in words; empty if it was not."""
        return self._seen.away

    def in_flight(self) -> InFlight:
        """What was begun and not finished a moment ago."""
        return self._seen.in_flight

    async def until_begun(self) -> None:
        """Wait until the run is on record. Raises EvolveError with what went wrong, and ends the controller then."""
        async with asyncio.timeout(_START_SECONDS):
            while not (self._seen.begun or self._seen.ended):
                await self._look()
        if self._seen.error and not self._seen.begun:
            ray.kill(self._handle, no_restart=True)
            raise EvolveError(self._seen.error)

    async def until_ended(self) -> Snapshot:
        """Wait until the controller has nothing more to do; return how the run ended."""
        while not self._seen.ended:
            await self._look()
            await asyncio.sleep(_POLL_S)
        return self._seen

    async def _look(self) -> None:
        """Ask the controller; one that is being made again is waited for. Raises SandboxUnavailable."""
        deadline = asyncio.get_running_loop().time() + _AGAIN_SECONDS
        while True:
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    self._seen = await self._handle.snapshot.remote()
                    return
            except (RayError, TimeoutError) as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise SandboxUnavailable(
                        f"The controller of {self._run} does not answer: {error}. The record is safe: "
                        f"`evolve resume {self._run}` goes on from it."
                    ) from error
            await asyncio.sleep(_POLL_S)
            self._handle = _find(self._run)


def _find(run: str) -> Any:
    try:
        return ray.get_actor(run, namespace=NAMESPACE)
    except ValueError as error:
        raise NotFound(
            f"Run {run!r} has no controller on the cluster: `evolve show {run}` says how it stands, "
            f"`evolve resume {run}` goes on with it."
        ) from error


def nodes_in_words(nodes: Sequence[Node]) -> str:
    """Return how many nodes there are and what they have together."""
    total: dict[str, float] = {}
    for node in nodes:
        for name, amount in node.has.items():
            total[name] = total.get(name, 0.0) + amount
    memory = total.pop("memory", 0.0)
    parts = [f"{amount:g} {name}" for name, amount in sorted(total.items())]
    return ", ".join([f"{len(nodes)} nodes", *parts, f"{memory / 2**30:.0f} GiB of memory"])
