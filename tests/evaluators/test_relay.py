"""Two relays, an engine's stream between them: what comes out is what went in, whoever is slow."""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec
import numpy as np
import pytest

from evaluators.messages import End, Ended, Pin, Spawn
from evaluators.relay import Relay, Stream

END = msgspec.msgpack.encode(End())
SPAWN = msgspec.msgpack.encode(Spawn(1))
ENDED = msgspec.msgpack.encode(Ended(0, b"", b"", 0, True))


class Ends:
    """The judge's and the supervisor's control sockets, with both relays between them."""

    def __init__(self, judge: socket.socket, supervisor: socket.socket) -> None:
        self.judge, self.supervisor = judge, supervisor
        self.opened = [judge, supervisor]

    def spawn(self) -> tuple[socket.socket, socket.socket]:
        """Start a candidate; return the judge's socket to it, and its own."""
        ours, theirs = socket.socketpair()
        socket.send_fds(self.judge, [SPAWN], [theirs.fileno()])
        theirs.close()
        message, descriptors, _, _ = socket.recv_fds(self.supervisor, 1 << 16, 1)
        assert message == SPAWN
        candidate = socket.socket(fileno=descriptors[0])
        self.opened += [ours, candidate]
        for connection in (ours, candidate):
            connection.settimeout(10)
        return ours, candidate

    def end(self) -> None:
        """End the candidate, as judge and supervisor do."""
        self.judge.send(END)
        assert self.supervisor.recv(1 << 16) == END
        self.supervisor.send(ENDED)
        assert self.judge.recv(1 << 16) == ENDED


def engine(inner: socket.socket, outer: socket.socket, noise: bytes) -> None:
    """Be the engine: pass on what the container reads; mark what it writes, in pieces of odd sizes."""
    sizes = iter([1, 2, 3, 5, 8, 1000] * 10**6)
    while True:
        ready, _, _ = select.select([inner, outer], [], [])
        for source in ready:
            piece = source.recv(next(sizes) if source is inner else 1 << 16)
            if not piece:
                return
            if source is outer:
                inner.sendall(piece)
                continue
            outer.sendall(struct.pack(">B3xI", 1, len(piece)) + piece)
            if noise:
                outer.sendall(struct.pack(">B3xI", 2, len(noise)) + noise)


def forked(work: object, *kept: socket.socket) -> int:
    """Run ``work`` in a process that holds no other socket of this one."""
    pid = os.fork()
    if pid:
        return pid
    keep = {connection.fileno() for connection in kept} | {0, 1, 2}
    for descriptor in range(256):
        if descriptor not in keep:
            with suppress(OSError):
                os.close(descriptor)
    try:
        work()  # type: ignore[operator]
    finally:
        os._exit(0)


@contextmanager
def relays(noise: bytes = b"") -> Iterator[Ends]:
    judge, outer_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    supervisor, inner_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    outer, engine_outer = socket.socketpair()
    inner, engine_inner = socket.socketpair()
    judge.settimeout(10)
    supervisor.settimeout(10)
    ends = Ends(judge, supervisor)

    def relay(stream: socket.socket, control: socket.socket, wrapped: bool) -> None:
        Relay(Stream(stream.fileno(), stream.fileno(), wrapped=wrapped), control).run()

    processes = [
        forked(lambda: relay(outer, outer_control, True), outer, outer_control),
        forked(lambda: relay(inner, inner_control, False), inner, inner_control),
        forked(lambda: engine(engine_inner, engine_outer, noise), engine_inner, engine_outer),
    ]
    for connection in (outer_control, inner_control, outer, inner, engine_outer, engine_inner):
        connection.close()
    try:
        yield ends
    finally:
        for connection in ends.opened:
            connection.close()
        for process in processes:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)


def received(connection: socket.socket, size: int) -> bytes:
    pieces = []
    while size:
        piece = connection.recv(min(size, 1 << 20))
        assert piece
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def test_control_messages_pass_both_ways() -> None:
    with relays() as ends:
        for number in range(50):
            message = msgspec.msgpack.encode(Pin(number))
            ends.judge.send(message)
            assert ends.supervisor.recv(1 << 16) == message
        ends.supervisor.send(ENDED)
        assert ends.judge.recv(1 << 16) == ENDED


@pytest.mark.parametrize("noise", [b"", b"a warning on standard error"])
def test_what_is_sent_arrives(noise: bytes) -> None:
    rng = np.random.default_rng(1)
    with relays(noise) as ends:
        for size in (1, 100, 70_000):
            judge, candidate = ends.spawn()
            question, answer = rng.bytes(size), rng.bytes(size)
            judge.sendall(question)
            assert received(candidate, size) == question
            candidate.sendall(answer)
            assert received(judge, size) == answer
            ends.end()


def test_more_than_the_window_arrives_when_it_is_read() -> None:
    size = 3 << 20
    data = np.random.default_rng(1).bytes(size)
    with relays() as ends:
        judge, candidate = ends.spawn()
        sender = forked(lambda: judge.sendall(data), judge)
        assert received(candidate, size) == data
        os.waitpid(sender, 0)
        ends.end()


def test_a_candidate_that_never_reads_holds_up_no_control_message() -> None:
    with relays() as ends:
        judge, _candidate = ends.spawn()
        judge.settimeout(0.3)
        with pytest.raises(TimeoutError):
            judge.sendall(bytes(64 << 20))
        ends.end()


def test_a_candidate_that_never_stops_writing_holds_up_no_control_message() -> None:
    with relays() as ends:
        _judge, candidate = ends.spawn()
        candidate.settimeout(0.3)
        with pytest.raises(TimeoutError):
            candidate.sendall(bytes(64 << 20))
        ends.end()


def test_nothing_of_one_candidate_reaches_the_next() -> None:
    with relays() as ends:
        for number in range(20):
            judge, candidate = ends.spawn()
            candidate.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    candidate.send(bytes([number]) * 10_000)
            candidate.close()
            ends.end()
            judge.close()
            judge, candidate = ends.spawn()
            candidate.sendall(b"fresh")
            assert received(judge, 5) == b"fresh"
            ends.end()


def test_the_end_of_a_candidate_s_data_is_seen_after_all_of_it() -> None:
    with relays() as ends:
        judge, candidate = ends.spawn()
        candidate.sendall(b"last words")
        candidate.close()
        assert received(judge, 10) == b"last words"
        assert judge.recv(1) == b""
        ends.end()


def test_when_the_judge_goes_the_supervisor_is_told() -> None:
    with relays() as ends:
        ends.judge.close()
        assert ends.supervisor.recv(1) == b""
