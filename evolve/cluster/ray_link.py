"""Everything that is said to Ray; the only module of the executor that imports it.

Ray's errors end here: what its actors and nodes do is told in the words of :mod:`evolve.errors`.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import logging
import os
import shutil
import socket
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

# Both are read when Ray is imported: no reports to its makers, no warning about devices of workers without any.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from evolve import __version__
from evolve.cluster.placement import CPU, GPU, MEMORY, Berth, Node, needs
from evolve.cluster.shipped_code import staged_package
from evolve.cluster.wire import JobsMessage, NewsMessage, ReadyMessage, decode, encode
from evolve.cluster.worker import Orders, Worker
from evolve.errors import ConfigurationError, SandboxUnavailable

NAMESPACE: Final = "evolve"
LOCAL: Final = "local"
_DISTRIBUTION: Final = "evolve-search"
_PROBE_SECONDS: Final = 120.0
_CONNECT_SECONDS: Final = 10.0
_GOODBYE_SECONDS: Final = 10.0
_CALLS_AT_ONCE: Final = 16
_OF_RAY: Final = ("node:", "object_store_memory")
"""Begin the names of resources that every node has."""


class WorkerLost(SandboxUnavailable):
    """A worker, its process or its node is gone, or it cannot judge where it is."""


def connect(address: str, ship_code: bool | None = False) -> bool:
    """Connect this process to a cluster, unless it is connected; return whether that was needed.

    ``ship_code``: send this package to the nodes; None if they lack it. Raises SandboxUnavailable that says how
    a cluster is started, and ConfigurationError if its nodes have another version of this package.
    """
    if ray.is_initialized():
        return False
    unreachable = _unreachable(address)
    if unreachable:
        raise SandboxUnavailable(unreachable)
    logging.getLogger("ray").setLevel(logging.ERROR)  # it warns of signals that are not its own here
    _init(address, ship=bool(ship_code))
    if ship_code is None and lacks_package():
        disconnect()
        _init(address, ship=True)
    return True


def _init(address: str, *, ship: bool) -> None:
    staged = staged_package() if ship else None
    try:
        ray.init(
            address=address,
            namespace=NAMESPACE,
            log_to_driver=False,
            configure_logging=False,
            include_dashboard=False if address == LOCAL else None,
            runtime_env={"working_dir": str(staged)} if staged is not None else None,
        )
    except (ConnectionError, ValueError, RuntimeError, RayError, ImportError) as error:
        raise SandboxUnavailable(_no_cluster(address, error)) from error
    finally:
        if staged is not None:
            shutil.rmtree(staged, ignore_errors=True)


def _unreachable(address: str) -> str:
    """Return why nothing listens at an address that names a port, or ''. Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():
        return ""
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        return _no_cluster(address, error)
    return ""


def _no_cluster(address: str, error: Exception) -> str:
    return (
        f"No Ray cluster can be reached at executor.address={address}: {error}. Start one with "
        "`ray start --head`, give its address (HOST:PORT or ray://HOST:10001), or use executor.address=local. One that "
        "asks for a token wants RAY_AUTH_MODE=token here, and the token in ~/.ray/auth_token."
    )


def disconnect() -> None:
    """End the connection; a cluster that was started by it ends too."""
    ray.shutdown()


class ClusterLink:
    """A connection to a cluster from which workers are hired.

    Args:
        address: ``auto``, ``local``, ``HOST:PORT`` or ``ray://HOST:PORT``.
        ship_code: whether workers get this package from here; None if nodes lack it.
    """

    def __init__(self, address: str, ship_code: bool | None) -> None:
        self._mine = connect(address, ship_code)
        self._parcel: Any = None

    def nodes(self) -> list[Node]:
        """Return the machines that are part of the cluster now."""
        return table_of_nodes()

    def hire(self, orders: Orders, parcel_data: bytes, berth: Berth) -> RemoteWorker:
        """Ask for a worker. It is there when ``ready`` returns; where there is no room, Ray waits for some."""
        if self._parcel is None:
            self._parcel = ray.put(parcel_data)  # once: nodes fetch it from each other
        options = _options(berth)
        actor = ray.remote(WorkerActor).options(**options)
        return RemoteWorker(actor.remote(orders, self._parcel, berth.slots))

    def close(self) -> None:
        """Let go of the cluster."""
        self._parcel = None
        if self._mine:
            disconnect()


class RemoteWorker:
    """A :class:`evolve.cluster.worker.Worker` on a node. Every method raises WorkerLost when it is gone."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    async def ready(self) -> ReadyMessage:
        """Wait until there is room for it and it is ready to judge."""
        message = decode(await _answer(self._handle.ready_here.remote()), ReadyMessage)
        if message.error:
            raise WorkerLost(f"{message.machine}: {message.error}")
        return message

    def give(self, message: JobsMessage) -> None:
        """Send jobs; whether they arrived is told by what ``news`` says next."""
        self._handle.give.remote(encode(message))

    async def news(self, silence_s: float) -> NewsMessage:
        """Return what happened there. One that says nothing for ``silence_s`` counts as lost."""
        try:
            async with asyncio.timeout(silence_s):
                return decode(await _answer(self._handle.news.remote()), NewsMessage)
        except TimeoutError:
            raise WorkerLost(f"A worker was silent for {silence_s:g} s.") from None

    async def dismiss(self) -> None:
        """Let it end its sandboxes, then end it."""
        with contextlib.suppress(WorkerLost, TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await _answer(self._handle.close.remote())
        self.kill()

    def kill(self) -> None:
        """End it at once; its sandboxes end with it."""
        with contextlib.suppress(RayError, ValueError):
            ray.kill(self._handle)


class WorkerActor(Worker):
    """A worker that knows where Ray has put it."""

    async def ready_here(self) -> bytes:
        """See Worker.ready."""
        return await self.ready(ray.get_runtime_context().get_node_id())


async def _answer(reference: Any) -> bytes:
    # Who stops waiting must not cancel the future: Ray's client may still want to set it, in a thread of its own.
    asking = asyncio.ensure_future(_asked(reference))
    asking.add_done_callback(lambda task: task.cancelled() or task.exception())
    try:
        answer = await asyncio.shield(asking)
    except RayError as error:
        raise WorkerLost(_in_words(error)) from error
    if not isinstance(answer, bytes):
        raise WorkerLost(f"A worker answered with {type(answer).__name__}, expected bytes.")
    return answer


async def _asked(reference: Any) -> object:
    return await reference


def _in_words(error: RayError) -> str:
    said = " ".join(str(error).split())
    if f"No module named '{__name__.partition('.')[0]}" in said:
        return (
            f"A node has no evolve: install version {__version__} there, or let it be sent with "
            "executor.ship_code=true (its dependencies must be there)."
        )
    return said[:1000]


def table_of_nodes() -> list[Node]:
    """Return the machines that are part of the cluster now. Raises SandboxUnavailable."""
    try:
        found: Sequence[Mapping[str, Any]] = cast(Any, ray.nodes)()
    except RayError as error:
        raise SandboxUnavailable(f"The head of the cluster does not answer: {error}") from error
    return [_node(row) for row in found if row["Alive"]]


def _node(found: Mapping[str, Any]) -> Node:
    has = {name: amount for name, amount in found["Resources"].items() if not name.startswith(_OF_RAY)}
    return Node(found["NodeID"], found["NodeManagerHostname"], has)


def _options(berth: Berth) -> dict[str, Any]:
    needed = {name: berth.slots * amount for name, amount in needs(berth.resources).items()}
    options: dict[str, Any] = {
        "num_cpus": needed.pop(CPU, 0),
        "num_gpus": needed.pop(GPU, 0),
        "memory": needed.pop(MEMORY, 0) or None,
        "resources": needed,
        "max_restarts": 0,  # a lost worker's jobs are given to another one; it may have to be elsewhere
        "max_concurrency": _CALLS_AT_ONCE,
        "scheduling_strategy": "SPREAD",
    }
    if berth.node is not None:
        options["scheduling_strategy"] = NodeAffinitySchedulingStrategy(berth.node, soft=False)
    return options


def lacks_package() -> bool:
    """Whether nodes do not have this package. Raises ConfigurationError if it is another version."""
    probe = ray.remote(importlib.metadata.version).options(num_cpus=0, max_retries=3)
    try:
        found = ray.get(probe.remote(_DISTRIBUTION), timeout=_PROBE_SECONDS)
    except importlib.metadata.PackageNotFoundError:
        return True
    except RayError as error:
        raise SandboxUnavailable(f"The cluster does not run even a small task: {_in_words(error)}") from error
    if found != __version__:
        raise ConfigurationError(
            f"The cluster's nodes have evolve {found}, expected {__version__}: scores would not be comparable. Install "
            "the same version there, or send this one with executor.ship_code=true."
        )
    return False
