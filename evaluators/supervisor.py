"""The supervisor: starts candidate processes by forking itself, and ends them with all they left.

It is the first process of its own process namespace or container where there is one, and holds no
secret: not the judge, not the problem, not the host's environment. One candidate at a time.
"""

from __future__ import annotations

import fcntl
import gc
import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

import msgspec
import numpy as np

from evaluators import guest, landlock, private_root, seccomp
from evaluators.channel import Channel
from evaluators.leftovers import Cleaner, kill_descendants
from evaluators.linux import Capability, Kernel, Namespace, Unsupported, raise_loopback
from evaluators.messages import End, Ended, Pin, Ready, Setup, Spawn, Walls
from evaluators.protocol import FIRST_SHARED_FD, MOST_SHARED_FDS

CONNECTION_FD: Final = 3
LOG_EXCERPT_BYTES: Final = 8192
_OPEN_FILES = 128
_PARKED_FD = 64  # above all that a supervisor has open
_MESSAGE_BYTES = 1 << 16
_END_SECONDS = 20.0
_FORK_UNAWARE = {"numpy"}
_Call = tuple[Callable[..., object], tuple[object, ...]]
_CAPABILITIES = tuple(Capability)
_LIMIT_NAMES: Final = {
    resource.RLIMIT_AS: "memory of a process",
    resource.RLIMIT_FSIZE: "size of a file",
    resource.RLIMIT_NOFILE: "open files",
    resource.RLIMIT_CORE: "core files",
    resource.RLIMIT_MSGQUEUE: "message queues",
    resource.RLIMIT_MEMLOCK: "locked memory",
    resource.RLIMIT_NPROC: "number of processes",
}


def supervise(control: socket.socket, setup: Setup, candidate_uid: int, libraries: Sequence[str]) -> NoReturn:
    """Isolate this process, say so on ``control``, and serve the judge until it goes away.

    ``candidate_uid`` is -1 where candidates run as this process's own user.
    """
    try:
        supervisor = _Supervisor(control, setup, candidate_uid, libraries)
    except OSError as error:
        control.send(msgspec.msgpack.encode(Ready(error=str(error))))
        control.recv(1)  # the slot ends with this process, and the judge has to pass the reason on first
        os._exit(1)
    control.send(msgspec.msgpack.encode(supervisor.ready))
    np.random.seed(0)
    gc.collect()
    gc.freeze()
    supervisor.serve()


class _Supervisor:
    def __init__(self, control: socket.socket, setup: Setup, candidate_uid: int, libraries: Sequence[str]) -> None:
        self._control, self._setup, self._uid = control, setup, candidate_uid
        # Candidates see files and processes that are theirs alone; else those of this machine.
        self._walled = setup.walls is not Walls.NONE
        self._kernel = kernel = Kernel()
        # Other libraries may have threads, or count on being told of a fork.
        self._fork = kernel.fork if set(setup.preload) <= _FORK_UNAWARE else os.fork
        self._requests = msgspec.msgpack.Decoder(Spawn | Pin | End)
        self._null = os.open("/dev/null", os.O_RDWR)
        self._log = os.memfd_create("log")
        # Made here and not in each candidate: what is forked costs less than what is made.
        self._channel = Channel()
        self._candidate: int | None = None
        if setup.sockets and not self._walled:
            raise OSError(
                "sockets are for sandboxes with a network of their own, which takes namespaces or a container"
            )
        readable = private_root.readable_paths(libraries)
        if setup.limits.gpus:
            readable += private_root.gpu_knowledge()
        if setup.walls is Walls.NAMESPACES:
            kernel.unshare(Namespace.MOUNTS | Namespace.NETWORK | Namespace.IPC | Namespace.HOSTNAME)
            socket.sethostname("sandbox")
            if setup.sockets:
                raise_loopback()
            devices = (*private_root.HARMLESS_DEVICES, *(private_root.gpus() if setup.limits.gpus else ()))
            private_root.build(kernel, readable, setup.hidden, setup.limits.scratch_mb, devices)
        if not self._walled:
            kernel.adopt_orphans()
            signal.signal(signal.SIGTERM, self._leave)
        self._writable = ["/tmp", "/dev/shm"] if self._walled else [setup.scratch]
        self._scratch = self._writable[0] + "/program"
        kept = [f"{folder}/{name}" for folder in self._writable for name in os.listdir(folder)]
        self._cleaner = Cleaner(self._writable, -1 if self._walled else candidate_uid, kept)
        if candidate_uid >= 0:
            self._prepare_user()
        kernel.hide_memory()
        kernel.forbid_new_privileges()
        self._files = self._file_rules(readable)
        if self._files and setup.walls is Walls.NAMESPACES:
            self._files.apply()
        unlimited = self._limit()
        os.environ.update(HOME=self._scratch, TMPDIR=self._scratch)
        os.environ.pop("LD_BIND_NOW", None)
        kernel.keep_capabilities(_CAPABILITIES if self._may_hold_capabilities() else ())
        self.ready = Ready(
            walls=setup.walls,
            user_namespace=setup.walls is Walls.NAMESPACES and candidate_uid < 0,
            candidate_uid=candidate_uid,
            landlock=landlock.version(kernel) if self._files else 0,
            seccomp=self._filter_calls(),
            scratch_bounded=self._walled,
            unlimited=unlimited,
        )
        self._isolation = self._isolating_calls()
        self._rehearse()

    def _rehearse(self) -> None:
        """Isolate a process that then does nothing. Raises OSError when a candidate could not start."""
        os.mkdir(self._scratch, 0o700)
        os.chdir(self._scratch)
        guest.rehearse(self._channel, self._scratch)
        os.chdir("/")
        self._end()
        pid = self._fork()
        if pid == 0:
            try:
                self._become_candidate(Spawn(cpu_s=10), os.dup(self._null))
                with open(os.__file__):
                    os._exit(0)
            except OSError as error:
                os.write(2, str(error).encode())
            finally:
                os._exit(1)
        status = os.waitpid(pid, 0)[1]
        ended = self._end()
        if status or not ended.clean:
            raise OSError(f"a candidate cannot be started: {ended.head.decode() or ended}")

    def serve(self) -> NoReturn:
        """Answer the judge until its socket closes."""
        while True:
            message, descriptors, _, _ = socket.recv_fds(self._control, _MESSAGE_BYTES, 1 + MOST_SHARED_FDS)
            if not message:
                self._leave()
            request = self._requests.decode(message)
            if isinstance(request, Spawn):
                self._spawn(request, descriptors)
            elif isinstance(request, Pin):
                with suppress(OSError):  # a core that the container may not use
                    os.sched_setaffinity(0, {request.core})
            else:
                self._control.send(msgspec.msgpack.encode(self._end()))

    def _leave(self, *_: object) -> NoReturn:
        """End this process and the candidate, because the slot has ended."""
        self._kill()
        os._exit(0)

    def _spawn(self, request: Spawn, descriptors: Sequence[int]) -> None:
        pid = self._fork()
        if pid == 0:
            try:
                self._become_candidate(request, *descriptors)
                guest.serve(self._channel, CONNECTION_FD, self._scratch)
            finally:
                os._exit(70)
        self._candidate = pid
        for descriptor in descriptors:
            os.close(descriptor)

    def _become_candidate(self, request: Spawn, connection: int, *shared: int) -> None:
        """Give up everything but the socket, the log, the scratch folder and what the judge shares."""
        resource.setrlimit(resource.RLIMIT_CPU, (request.cpu_s, request.cpu_s + 1))
        for call, arguments in self._isolation:
            call(*arguments)
        parked = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, _PARKED_FD) for descriptor in shared]
        if connection != CONNECTION_FD:
            os.dup2(connection, CONNECTION_FD)
        for place, descriptor in enumerate(parked, FIRST_SHARED_FD):
            os.dup2(descriptor, place)
        os.closerange(FIRST_SHARED_FD + len(shared), _OPEN_FILES)

    def _isolating_calls(self) -> tuple[_Call, ...]:
        """Return the calls that make a new process a candidate; the order matters.

        They are looked up before the fork: in the candidate every look-up writes to a page, which is then copied.
        """
        uid, scratch, supervisor = self._uid, self._scratch, os.getpid()
        calls: list[_Call] = [(os.setsid, ()), (os.umask, (0o077,))]
        if self._setup.walls is Walls.CONTAINER:
            # Out of memory, the kernel must choose the candidate, never this process.
            calls += [(_write, ("/proc/self/oom_score_adj", b"1000"))]
        if uid >= 0:
            calls += [(os.setresgid, (uid, uid, uid)), (os.setresuid, (uid, uid, uid))]
        calls += [(os.mkdir, (scratch, 0o700)), (os.chdir, (scratch,))]
        if not self._walled:
            # The first process of a namespace takes the others with it.
            calls += [(signal.signal, (signal.SIGTERM, signal.SIG_DFL)), (self._kernel.die_with_parent, (supervisor,))]
        if self._files and self._setup.walls is not Walls.NAMESPACES:
            calls.append((self._files.apply, ()))
        if uid < 0:
            calls.append((self._kernel.set_capabilities, (0,)))
        calls += [(os.dup2, (source, target)) for target, source in ((0, self._null), (1, self._log), (2, self._log))]
        return tuple(calls)

    def _end(self) -> Ended:
        status, dead = self._kill()
        clean = dead and self._cleaner.clean()
        head, tail, skipped = self._take_log()
        return Ended(None if status is None else os.waitstatus_to_exitcode(status), head, tail, skipped, clean)

    def _kill(self) -> tuple[int | None, bool]:
        """Kill and reap every process of the candidate; return its status and whether all are gone."""
        if not self._walled:
            kill_descendants(os.getpid(), self._uid)
        elif os.getpid() == 1 or self._setup.walls is Walls.CONTAINER:
            with suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
        deadline = time.monotonic() + _END_SECONDS
        statuses, dead = _reap(deadline)
        if os.getpid() != 1 and self._setup.walls is Walls.CONTAINER:
            dead = dead and _is_alone(deadline)
        candidate, self._candidate = self._candidate, None
        return (None if candidate is None else statuses.get(candidate)), dead

    def _take_log(self) -> tuple[bytes, bytes, int]:
        size = os.fstat(self._log).st_size
        if not size:
            return b"", b"", 0
        head = os.pread(self._log, LOG_EXCERPT_BYTES, 0)
        start = max(len(head), size - LOG_EXCERPT_BYTES)
        tail = os.pread(self._log, LOG_EXCERPT_BYTES, start)
        os.ftruncate(self._log, 0)
        os.lseek(self._log, 0, os.SEEK_SET)
        return head, tail, start - len(head)

    def _prepare_user(self) -> None:
        os.setgroups([])
        if not self._walled:
            os.chown(self._setup.scratch, self._uid, self._uid)

    def _may_hold_capabilities(self) -> bool:
        return self._uid >= 0 or self._walled

    def _file_rules(self, readable: list[str]) -> landlock.Ruleset | None:
        """Return the rules for candidates, or None without Landlock."""
        if self._setup.walls is Walls.NAMESPACES:
            reading, writing = ["/"], ["/tmp", "/dev"]
        elif self._setup.walls is Walls.CONTAINER:
            # All of the image but its devices: terminals and queues are rooms of their own, without limits.
            reading = [f"/{name}" for name in os.listdir("/") if name != "dev"]
            devices = [f"/dev/{name}" for name in (*private_root.HARMLESS_DEVICES, *private_root.gpus())]
            writing = [*self._writable, *devices]
        else:
            reading, writing = [*readable, "/dev/urandom", "/dev/zero"], [*self._writable, "/dev/null"]
        try:
            return landlock.Ruleset(self._kernel, reading, writing, sockets=self._setup.sockets)
        except OSError:
            return None

    def _filter_calls(self) -> bool:
        try:
            seccomp.install(self._kernel, sockets=self._setup.sockets)
        except Unsupported:
            return False
        return True

    def _limit(self) -> list[str]:
        """Set the limits that every candidate inherits; return the names of those this kernel does not have."""
        limits = self._setup.limits
        largest_file = max(limits.output_mb, limits.scratch_mb) << 20
        values = {
            resource.RLIMIT_AS: _own_address_space_bytes() + (limits.memory_mb << 20),
            resource.RLIMIT_FSIZE: largest_file,
            resource.RLIMIT_NOFILE: _OPEN_FILES,
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_MSGQUEUE: 0,
            resource.RLIMIT_MEMLOCK: 0,
        }
        if self._uid >= 0 or self._walled:
            # With a user namespace the slot's own two processes count as the same user.
            own = 0 if self._uid >= 0 else 2
            values[resource.RLIMIT_NPROC] = limits.processes + own
        if limits.gpus:
            del values[resource.RLIMIT_AS], values[resource.RLIMIT_MEMLOCK]
        missing = []
        for limit, value in values.items():
            try:
                resource.setrlimit(limit, (value, value))
            except ValueError:
                missing.append(_LIMIT_NAMES[limit])
        return missing


def _write(path: str, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    os.write(descriptor, content)
    os.close(descriptor)


def _own_address_space_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _is_alone(deadline: float) -> bool:
    """Whether all processes but this one and the container's first, which gets the orphans, are gone in time."""
    own = {"1", str(os.getpid())}
    while any(name.isdigit() and name not in own for name in os.listdir("/proc")):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def _reap(deadline: float) -> tuple[dict[int, int], bool]:
    """Return the status of every child by pid, and whether none is left."""
    statuses: dict[int, int] = {}
    while time.monotonic() < deadline:
        try:
            pid, status = os.waitpid(-1, 0)
        except ChildProcessError:
            return statuses, True
        statuses[pid] = status
    return statuses, False
