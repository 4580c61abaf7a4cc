"""The judge's side of a program that runs elsewhere: implements ``Candidate`` and ``Session``."""

from __future__ import annotations

import math
import os
import select
import signal
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import msgspec
import numpy as np

from evaluators.builds import Build, Builds, build_key
from evaluators.candidate import CandidateCrashed, CandidateError, CandidateRefused, CandidateTimedOut, Finished
from evaluators.channel import Channel, Closed, Frame, Late
from evaluators.claims import Claim, claim_core
from evaluators.codec import NotData, pack_column, unpack_column
from evaluators.interim import Interim
from evaluators.messages import End, Ended, Job, Limits, Pin, Spawn
from evaluators.protocol import Answer, Request

_END_SECONDS: Final = 30.0
_MESSAGE_BYTES: Final = 1 << 16
_LOG_CHARACTERS: Final = 20000


class SupervisorLost(Exception):
    """The supervisor is gone or does not answer: our failure."""


class Supervisor:
    """The judge's line to the process that starts and ends candidates.

    ``lost`` says why the line is broken; a problem's judge might have swallowed the exception.
    With ``pin``, supervisor and judge move to one core before the first candidate starts, and not
    before: slots that are kept in reserve take up none.
    """

    def __init__(self, control: socket.socket, limits: Limits, *, pin: bool = False) -> None:
        self.channel = Channel(limits.memory_mb << 20)
        self._control = control
        self._control.settimeout(_END_SECONDS)
        self._decoder = msgspec.msgpack.Decoder(Ended)
        self._end = msgspec.msgpack.encode(End())
        self._pin = pin
        self._core: Claim | None = None
        self.lost = ""

    def spawn(self, cpu_s: int, shared: Sequence[int] = ()) -> socket.socket:
        """Start a candidate process that inherits the open files ``shared``; return the socket to it at once."""
        if self._pin and self._core is None:
            self._move_to_own_core()
        ours, theirs = socket.socketpair()
        try:
            socket.send_fds(self._control, [msgspec.msgpack.encode(Spawn(cpu_s))], [theirs.fileno(), *shared])
        except OSError as error:
            ours.close()
            self.lost = str(error)
            raise SupervisorLost(self.lost) from error
        finally:
            theirs.close()
        return ours

    def wait_beside(self, descriptor: int) -> None:
        """Wait until something else can be read. Raises SupervisorLost if the supervisor is gone by then."""
        both = select.poll()
        both.register(self._control, select.POLLIN)
        both.register(descriptor, select.POLLIN)
        # Between programs the supervisor has nothing to say.
        if any(ready == self._control.fileno() for ready, _ in both.poll()):
            self.lost = "The supervisor ended while no program ran."
            raise SupervisorLost(self.lost)

    def _move_to_own_core(self) -> None:
        core, self._core = claim_core()
        os.sched_setaffinity(0, {core})
        self._control.send(msgspec.msgpack.encode(Pin(core)))

    def end(self) -> Ended:
        """End the candidate with everything it started, and remove what it wrote."""
        try:
            self._control.send(self._end)
            return self._decoder.decode(self._control.recv(_MESSAGE_BYTES))
        except (OSError, msgspec.MsgspecError) as error:
            self.lost = str(error)
            raise SupervisorLost(self.lost) from error


@dataclass
class _Turn:
    """What all programs of one evaluation share: its time, and that one process runs at a time."""

    seconds_left: float
    interim: Interim
    process: _Process | None = None
    clean: bool = True


class RemoteCandidate:
    """One program during one evaluation. Not safe for use from several threads.

    ``log`` and ``clean`` tell, once every session has ended, what the program printed and whether
    everything of it, and of every ``other`` program, is gone.
    """

    def __init__(
        self,
        job: Job,
        limits: Limits,
        supervisor: Supervisor,
        interim: Interim,
        builds: Builds,
        turn: _Turn | None = None,
    ) -> None:
        self.files: Mapping[str, str] = MappingProxyType(dict(job.files))
        self.log = ""
        self._job, self._limits, self._supervisor, self._builds = job, limits, supervisor, builds
        self._turn = turn or _Turn(job.timeout_s, interim)
        self._built: dict[str, tuple[str, int, Any]] = {}
        self._shared: tuple[int, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether every process of this evaluation that has ended left nothing behind."""
        return self._turn.clean

    def close(self) -> None:
        """End a session that ``evaluate`` left open."""
        if self._turn.process:
            self._finish(self._turn.process)

    def at_best(self, **metrics: float) -> None:
        """See ``Candidate.at_best``."""
        self._turn.interim.report(metrics)

    def other(self, files: Mapping[str, str], entry: str | None = None) -> RemoteCandidate:
        """See ``Candidate.other``."""
        entry = self._job.entry if entry is None else entry
        if entry and entry not in files:
            raise ValueError(f"entry {entry!r} is not among the files of the other program: {sorted(files)}")
        job = msgspec.structs.replace(self._job, files=dict(files), entry=entry)
        return RemoteCandidate(job, self._limits, self._supervisor, self._turn.interim, self._builds, self._turn)

    def share(self, descriptors: Sequence[int]) -> None:
        """Let every later process of this program inherit open files, at numbers from FIRST_SHARED_FD in order.

        Where the container does not share this kernel they do not arrive.
        """
        self._shared = tuple(descriptors)

    def call(self, function: str, *args: Any, timeout_s: float | None = None, **kwargs: Any) -> Any:
        """See ``Candidate.call``."""
        with self._started(timeout_s) as process:
            return process.load(self._order([int(Request.CALL), [function, args, kwargs]]))

    @contextmanager
    def session(self, timeout_s: float | None = None) -> Iterator[RemoteSession]:
        """See ``Candidate.session``."""
        with self._started(timeout_s) as process:
            process.load(self._order(None))
            yield RemoteSession(process)

    def run(self, command: Sequence[str], stdin: bytes = b"", timeout_s: float | None = None) -> Finished:
        """See ``Candidate.run``."""
        return self._run(command, stdin, timeout_s, keep=False).finished

    def build(self, command: Sequence[str], timeout_s: float | None = None) -> Finished:
        """See ``Candidate.build``. Equal files built with an equal command before are not built again."""
        key = build_key(self.files, list(self._built.values()), command, self._job.seed)
        kept = self._builds.find(key)
        if kept is None:
            kept = self._run(command, b"", timeout_s, keep=True)
            if kept.finished.returncode:
                words = (kept.finished.stderr or kept.finished.stdout)[-4000:].decode("utf-8", "replace")
                raise CandidateCrashed(f"{command[0]} ended with exit code {kept.finished.returncode}:\n{words}")
            self._builds.keep(key, kept)
        else:
            self._take(kept.finished.seconds, timeout_s)
        self._built |= {made[0]: made for made in kept.made}
        return kept.finished

    def _take(self, seconds: float, timeout_s: float | None) -> None:
        """Count a build that was made before as if it were made now: no outcome may depend on luck."""
        self._check_turn()
        allowed = self._turn.seconds_left if timeout_s is None else min(self._turn.seconds_left, timeout_s)
        self._turn.seconds_left -= min(seconds, allowed)
        if seconds > allowed:
            raise CandidateTimedOut(f"no answer within {allowed:.3g} s")

    def _check_turn(self) -> None:
        """Raise where no process may be started."""
        self._turn.interim.go_on()
        if self._turn.process:
            raise RuntimeError("a session of this evaluation is still open; only one process at a time")
        if self._turn.seconds_left <= 0:
            raise CandidateTimedOut(f"the program used up its {self._job.timeout_s:g} s")

    def _run(self, command: Sequence[str], stdin: bytes, timeout_s: float | None, keep: bool) -> Build:
        max_bytes = self._limits.output_mb << 20
        request = [int(Request.RUN), [list(command), np.frombuffer(stdin, np.uint8), keep, max_bytes]]
        with self._started(timeout_s) as process:
            answer = process.load(self._order(request, entry=""))
            seconds = process.seconds
        try:
            returncode, stdout, stderr, made = answer
            finished = Finished(int(returncode), bytes(stdout), bytes(stderr), seconds)
            return Build(finished, [(str(path), int(mode), np.asarray(raw)) for path, mode, raw in made])
        except (TypeError, ValueError) as error:
            raise CandidateRefused(f"malformed: {error}") from None

    def _order(self, call: list[Any] | None, entry: str | None = None) -> dict[str, Any]:
        return {
            "files": dict(self.files),
            "built": list(self._built.values()),
            "entry": self._job.entry if entry is None else entry,
            "seed": self._job.seed,
            "call": call,
        }

    @contextmanager
    def _started(self, timeout_s: float | None) -> Iterator[_Process]:
        self._check_turn()
        line = _Line(self._supervisor, self._limits, self._shared)
        process = self._turn.process = _Process(line, self._turn.seconds_left, timeout_s)
        try:
            yield process
        finally:
            self._finish(process)

    def _finish(self, process: _Process) -> None:
        if self._turn.process is process:
            self._turn.process = None
            self._turn.seconds_left -= process.seconds
            ended = process.end()
            self._turn.clean = self._turn.clean and ended.clean
            self.log = _shortened(self.log + _text(ended))


class RemoteSession:
    """One candidate process between two calls; see ``Session``."""

    def __init__(self, process: _Process) -> None:
        self._process = process

    @property
    def seconds(self) -> float:
        """Wall time of all calls so far, by the judge's clock."""
        return self._process.call_seconds

    def call(self, function: str, *args: Any, timeout_s: float | None = None, **kwargs: Any) -> Any:
        """See ``Session.call``."""
        return self._process.ask(Request.CALL, [function, args, kwargs], timeout_s)

    def map(self, function: str, calls: Iterable[Sequence[Any]], timeout_s: float | None = None) -> list[Any]:
        """See ``Session.map``."""
        rows = list(calls)
        if not rows:
            return []
        if len(set(map(len, rows))) == 1:
            request = [function, len(rows), [pack_column(column) for column in zip(*rows, strict=True)], None]
        else:
            request = [function, len(rows), [], rows]
        answer = self._process.ask(Request.MAP, request, timeout_s)
        try:
            return unpack_column(answer, len(rows))
        except NotData as error:
            raise CandidateRefused(str(error)) from None


@dataclass(frozen=True)
class _Line:
    """What it takes to start a process."""

    supervisor: Supervisor
    limits: Limits
    shared: tuple[int, ...]

    def spawn(self, seconds: float) -> socket.socket:
        """Start one that lives for so long at most."""
        return self.supervisor.spawn(_cpu_seconds(seconds, self.limits), self.shared)


class _Process:
    """A candidate process from its start to its end."""

    def __init__(self, line: _Line, seconds_left: float, timeout_s: float | None) -> None:
        self._supervisor = line.supervisor
        self._seconds_left = seconds_left if timeout_s is None else min(seconds_left, timeout_s)
        self._failure: CandidateError | None = None
        self._ended: Ended | None = None
        self.seconds = 0.0
        self.call_seconds = 0.0
        self._channel = line.supervisor.channel
        self._channel.attach(line.spawn(seconds_left))

    def load(self, order: dict[str, Any]) -> Any:
        """Load the program and return the answer to the request that ``order`` carries."""
        return self._exchange(Request.LOAD, order, None)

    def ask(self, code: Request, value: object, timeout_s: float | None) -> Any:
        """Send a request and return the answer. Raises a CandidateError."""
        before = self.seconds
        try:
            return self._exchange(code, value, timeout_s)
        finally:
            self.call_seconds += self.seconds - before

    def end(self) -> Ended:
        """End the process, once."""
        if self._ended is None:
            self._ended = self._supervisor.end()
            self._channel.close()
        return self._ended

    def _exchange(self, code: Request, value: object, timeout_s: float | None) -> Any:
        if self._failure:
            raise self._failure
        started = time.monotonic()
        allowed = self._seconds_left - self.seconds
        allowed = allowed if timeout_s is None else min(allowed, timeout_s)
        # Nobody can answer a request that was not sent yet, nor answer one twice.
        id = int.from_bytes(os.urandom(8), "little")
        try:
            self._send(id, code, value, started + allowed)
            frame = self._channel.receive(started + allowed)
        except Late:
            self._failure = CandidateTimedOut(f"no answer within {allowed:.3g} s")
        except Closed:
            self._failure = CandidateCrashed(_obituary(self.end()))
        except NotData as error:
            self._failure = CandidateRefused(str(error))
        finally:
            self.seconds += time.monotonic() - started
        if self._failure:
            self.end()
            raise self._failure
        return _result(frame, id)

    def _send(self, id: int, code: Request, value: object, deadline: float) -> None:
        try:
            self._channel.send(id, code, value, deadline)
        except NotData as error:
            raise TypeError(f"arguments for a candidate must be plain data: {error}") from error


def _cpu_seconds(seconds: float, limits: Limits) -> int:
    """Return a bound on the CPU time of one process, for the case that nobody watches the clock."""
    return math.ceil(seconds + 1) * min(limits.processes, os.cpu_count() or 1)


def _result(frame: Frame, id: int) -> Any:
    if frame.id != id:
        raise CandidateRefused("an answer to a question that was not asked")
    if frame.code == Answer.DONE:
        return frame.value
    words = frame.value if type(frame.value) is str else ""
    if frame.code == Answer.RAISED:
        raise CandidateCrashed(words)
    raise CandidateRefused(words)


def _obituary(ended: Ended) -> str:
    if ended.returncode is None:
        return "the program could not be started"
    if ended.returncode >= 0:
        return f"the program exited with code {ended.returncode} before it answered"
    number = signal.Signals(-ended.returncode)
    if number is signal.SIGKILL:
        return "the program was killed (out of memory or CPU time), or it closed its connection"
    return f"the program was killed by {number.name}"


def _text(ended: Ended) -> str:
    head, tail = (part.decode("utf-8", "replace") for part in (ended.head, ended.tail))
    return f"{head}\n[... {ended.skipped} bytes ...]\n{tail}" if ended.skipped else head + tail


def _shortened(log: str) -> str:
    """Return the beginning and the end of what several processes printed."""
    if len(log) <= _LOG_CHARACTERS:
        return log
    half = _LOG_CHARACTERS // 2
    return f"{log[:half]}\n[...]\n{log[-half:]}"
