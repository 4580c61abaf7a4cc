"""The container engine: what containers of candidates are made of, and the calls that make and remove them."""

from __future__ import annotations

import json
import logging
import os
import platform
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from evolve.domain.problem import Limits, Problem
from evolve.errors import SandboxUnavailable
from evolve.evaluation.slot import ENVIRONMENT, granted_gpus
from evolve.paths import bundled

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

SOCKET_FOLDER: Final = "/run/evolve"
SOCKET_NAME: Final = "slot.sock"
_GUEST: Final = "/opt/evolve/evaluators/__main__.py"
_OWNER_LABEL: Final = "evolve.owner"
_CALL_SECONDS: Final = 60
_DEFAULT_ADDRESS: Final = "unix:///var/run/docker.sock"
_ANSWER_SECONDS: Final = 3.0
# The supervisor's own memory, what is loaded before candidates are forked, and what the kernel keeps for them.
_OVERHEAD_MB: Final = 192
_SHARED_MEMORY_MB: Final = 16
_FILES_PER_MB: Final = 64
_OWN_PROCESSES: Final = 8
_RUNTIME_PROCESSES: Final = 512  # a kernel in user space runs every thread of a program as one of the host
_log = logging.getLogger(__name__)
_CAPABILITIES: Final = (
    "SETUID", "SETGID",      # a candidate gets a user of its own
    "KILL",                  # and is killed although it is another user
    "DAC_OVERRIDE", "FOWNER",  # and its files are removed although they are another user's
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """What a container of candidates is made with.

    Args:
        image: name or id of the image.
        limits: of the problem; memory is that of all processes together here.
        cpus: processor time that all processes together may use, in cores.
        runtime: the engine's runtime, such as ``runsc``; None for the engine's default.
        network: a network of the engine; None for none.
        sockets: whether programs may use the internet's families of sockets, wherever these lead.
    """

    image: str
    limits: Limits
    cpus: float
    runtime: str | None = None
    network: str | None = None
    sockets: bool = False

    def options(self, name: str, sockets: str | None, owner: str) -> dict[str, Any]:
        """Return the arguments of the SDK's ``containers.create``.

        ``sockets`` is the folder that holds the socket to connect to, or None for the standard streams.
        """
        limits = self.limits
        memory = f"{limits.memory_mb + limits.scratch_mb + _SHARED_MEMORY_MB + _OVERHEAD_MB}m"
        address = [f"{SOCKET_FOLDER}/{SOCKET_NAME}"] if sockets else []
        return {
            "image": self.image,
            "command": ["python3", "-P", "-s", "-B", _GUEST, "supervisor", *address],
            "name": name,
            "labels": {_OWNER_LABEL: owner},
            "environment": dict(ENVIRONMENT),
            "user": "0:0",
            "working_dir": "/",
            "auto_remove": True,
            "stdin_open": not sockets,
            "runtime": self.runtime,
            "volumes": {sockets: {"bind": SOCKET_FOLDER, "mode": "ro"}} if sockets else {},
            # walls
            "network_mode": self.network or "none",
            "read_only": True,
            "ipc_mode": "private",
            "cap_drop": ["ALL"],
            "cap_add": list(_CAPABILITIES),
            "security_opt": ["no-new-privileges:true", f"seccomp={_seccomp_profile(self.sockets)}"],
            "tmpfs": {
                "/tmp": _tmpfs(limits.scratch_mb),
                "/dev/shm": _tmpfs(min(limits.scratch_mb, _SHARED_MEMORY_MB)),
                "/dev/mqueue": "ro,nosuid,nodev,noexec,size=4k,mode=000",
            },
            # limits
            "mem_limit": memory,
            "memswap_limit": memory,
            "nano_cpus": round(self.cpus * 1e9),
            "pids_limit": limits.processes + (_RUNTIME_PROCESSES if self.runtime else _OWN_PROCESSES),
            "ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
            "log_config": {"Type": "none"},
            "device_requests": _gpus(limits.gpus),
        }


def _tmpfs(size_mb: int) -> str:
    files = max(1024, _FILES_PER_MB * size_mb)
    return f"rw,nosuid,nodev,exec,size={size_mb}m,nr_inodes={files},mode=1777"


def _gpus(count: int) -> list[dict[str, Any]]:
    """Return a request for those GPUs that this process was given, or for any."""
    given = granted_gpus()
    which = {"DeviceIDs": given} if given else {"Count": count}
    return [{**which, "Capabilities": [["gpu"]]}] if count else []


def _seccomp_profile(sockets: bool) -> str:
    text = (bundled("infra") / "seccomp.json").read_text()
    if not sockets:
        return text
    profile = json.loads(text)
    profile["syscalls"] += [
        {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": family, "op": "SCMP_CMP_EQ"}]}
        for family in (socket.AF_INET, socket.AF_INET6)
    ]
    return json.dumps(profile)


@dataclass(frozen=True, slots=True)
class Use:
    """What a running container uses now.

    Args:
        process: its first process, as the engine's machine counts them.
        memory_mb: of all its processes and of files in memory; without what the kernel may drop.
        processes: with threads, as the engine counts them.
    """

    name: str
    process: int
    memory_mb: float
    processes: int


# ── who owns a container ──────────────────────────────────────────────────────────────────────
def this_owner() -> str:
    """Return a name for this process that no other process, of any machine and any time, has."""
    return f"{platform.node()}:{os.getpid()}:{_started(os.getpid())}"


def owner_is_gone(owner: str) -> bool:
    """Whether the process of this name ran on this machine and does not any more."""
    node, _, process = owner.rpartition(":")[0].rpartition(":")
    return node == platform.node() and process.isdigit() and owner != f"{node}:{process}:{_started(int(process))}"


def _started(process: int) -> str:
    """Return the clock tick at which a process started, or ''."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


# ── the engine ────────────────────────────────────────────────────────────────────────────────
def shares_this_kernel(runtime: str | None) -> bool:
    """Whether containers can connect to sockets of this machine: the engine is local and so is its kernel."""
    return runtime is None and os.environ.get("DOCKER_HOST", "unix://").startswith("unix://")


def answers() -> bool:
    """Whether an engine answers at the address of DOCKER_HOST, or at the usual one; asks without loading the SDK."""
    address = os.environ.get("DOCKER_HOST") or _DEFAULT_ADDRESS
    if not address.startswith("unix://"):
        return True  # somebody named it, and will want to hear why it does not answer
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_ANSWER_SECONDS)
        try:
            connection.connect(address.removeprefix("unix://"))
            connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in connection.recv(64)
        except OSError:
            return False


class Engine:
    """A connection to the engine that DOCKER_HOST names, or the local one. Blocks; not for several threads at once.

    Every method raises SandboxUnavailable for the engine's failures.
    """

    def __init__(self) -> None:
        self._connection: docker.DockerClient | None = None

    def client(self) -> docker.DockerClient:
        """Return the SDK's client, which connects anew for a call whenever the engine was away."""
        import docker

        with _explained("The container engine does not answer"):
            _knock(os.environ.get("DOCKER_HOST") or _DEFAULT_ADDRESS)
            if self._connection is None:
                self._connection = docker.from_env(timeout=_CALL_SECONDS)
        return self._connection

    def close(self) -> None:
        """End the connection; the next call makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def version(self) -> str:
        """Return the version of the engine."""
        with _explained("The container engine does not answer"):
            return str(self.client().version()["Version"])

    def has_image(self, problem: Problem, base_image: str) -> bool:
        """Whether the image for a problem is there, made of what its parts are now."""
        from evolve.evaluation.images import Images

        with _explained("The engine cannot look for images"):
            return Images(self.client(), base_image).exists(problem)

    def image_of(self, problem: Problem, base_image: str, say: Callable[[str], None] = _log.info) -> str:
        """Return the image for a problem, which is built first where it is missing. May take minutes."""
        from evolve.evaluation.images import Images

        with _explained("The engine cannot look for images"):
            images = Images(self.client(), base_image)
            return images.tag(problem) if images.exists(problem) else images.build(problem, say)

    def create(self, box: Box, name: str, sockets: str | None) -> None:
        """Create a container, which is not started yet."""
        with _explained("The engine refuses to make a container"):
            self.client().containers.create(**box.options(name, sockets, this_owner()))

    def attach(self, name: str) -> socket.socket:
        """Return a connection to the standard streams of a container that is not started yet."""
        with _explained("The engine cannot attach to a container"):
            connection = self.client().api.attach_socket(name, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            # A raw stream over a socket, which the SDK keeps open and offers no other way to close.
            theirs = connection._sock
            own = socket.socket(fileno=os.dup(theirs.fileno()))
            connection.close()
            theirs.close()
            return own

    def start(self, name: str) -> None:
        """Start a container."""
        with _explained("The engine cannot start a container"):
            self.client().api.start(name)

    def is_running(self, name: str) -> bool:
        """Whether a container runs."""
        import docker.errors

        with _explained("The engine cannot tell how a container is"):
            try:
                return bool(self.client().api.inspect_container(name)["State"]["Running"])
            except docker.errors.NotFound:
                return False

    def remove(self, name: str) -> None:
        """Kill and remove a container, if there is one; it is gone when this returns."""
        import docker.errors

        with _explained("The engine cannot remove a container"), suppress(docker.errors.NotFound):
            try:
                self.client().api.remove_container(name, force=True)
            except docker.errors.APIError as error:
                if error.status_code != 409:
                    raise
                self.client().api.wait(name, timeout=_CALL_SECONDS, condition="removed")  # it is being removed already

    def abandoned(self) -> list[str]:
        """Return the names of containers whose owner on this machine is gone."""
        with _explained("The engine cannot list containers"):
            found: list[Container] = self.client().containers.list(all=True, filters={"label": _OWNER_LABEL})
            return [str(one.name) for one in found if owner_is_gone(str(one.labels.get(_OWNER_LABEL, "")))]

    def owned_by(self, owner: str) -> list[str]:
        """Return the names of an owner's containers, in whatever state they are."""
        return [str(one.name) for one in self._containers(owner)]

    def uses(self, owner: str) -> list[Use]:
        """Return what each running container of an owner uses."""
        import docker.errors

        found = []
        for container in self._containers(owner):
            with _explained("The engine cannot tell what a container uses"), suppress(docker.errors.NotFound):
                name = str(container.name)
                state = self.client().api.inspect_container(name)["State"]
                if state["Running"]:
                    stats = self.client().api.stats(name, stream=False, one_shot=True)
                    found.append(_use(name, int(state["Pid"]), stats))
        return found

    def dangling(self) -> tuple[int, int]:
        """Return how many volumes and how many images nothing refers to, whoever made them."""
        with _explained("The engine cannot list volumes and images"):
            unused = {"dangling": True}
            return len(self.client().volumes.list(filters=unused)), len(self.client().images.list(filters=unused))

    def runtimes(self) -> list[str]:
        """Return the names of the engine's runtimes."""
        with _explained("The container engine does not answer"):
            return sorted(self.client().info()["Runtimes"])

    def _containers(self, owner: str) -> list[Container]:
        with _explained("The engine cannot list containers"):
            every = self.client().containers
            return list(every.list(all=True, ignore_removed=True, filters={"label": f"{_OWNER_LABEL}={owner}"}))


def _use(name: str, process: int, stats: Mapping[str, Any]) -> Use:
    memory = stats["memory_stats"]
    details = memory.get("stats", {})
    droppable = details.get("total_inactive_file", details.get("inactive_file", 0))  # cgroup v1, v2
    used = (memory.get("usage", 0) - droppable) / 1e6
    return Use(name, process, used, stats.get("pids_stats", {}).get("current", 0))


def _knock(address: str) -> None:
    """Raise OSError if nobody listens at a socket of this machine: at each try the SDK would leave one open."""
    scheme, _, path = address.partition("://")
    if scheme == "unix":
        with socket.socket(socket.AF_UNIX) as visitor:
            visitor.settimeout(_CALL_SECONDS)
            visitor.connect(path)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn errors of the SDK into SandboxUnavailable."""
    import docker.errors
    import requests

    try:
        yield
    except docker.errors.ImageNotFound as error:
        raise SandboxUnavailable(f"{what}: {error.explanation}. `evolve image build` makes the images.") from error
    except docker.errors.APIError as error:
        raise SandboxUnavailable(f"{what}: {error.explanation or error}") from error
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise SandboxUnavailable(f"{what}: {error}") from error
