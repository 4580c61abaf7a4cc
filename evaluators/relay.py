"""Carries what judge and supervisor exchange over one stream of bytes, where no socket can reach.

A container whose runtime does not share this kernel, or whose engine is on another machine, has
nothing but its standard streams. A relay at either end makes the stream look like the sockets that
judge and supervisor have otherwise: the control socket, and one candidate's socket at a time.

::

    judge ══ relay ──── engine ──── relay ══ supervisor
                        (stdio)          ╚═══ candidate

A frame is its kind (u8), its size (u32, little endian) and that many bytes. Each side sends at most
``_WINDOW`` bytes of a candidate's data that were not acknowledged: what a candidate does not read
never holds up control messages.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from enum import IntEnum
from typing import Final, NoReturn

import msgspec

from evaluators.messages import End

_FRAME: Final = struct.Struct("<BI")
_ENGINE_HEADER: Final = struct.Struct(">B3xI")
_STANDARD_OUTPUT: Final = 1
_WINDOW: Final = 1 << 20
_PIECE: Final = 1 << 16
_END: Final = msgspec.msgpack.encode(End())


class _Kind(IntEnum):
    CONTROL = 0
    CONTROL_WITH_SOCKET = 1
    DATA = 2
    END_OF_DATA = 3
    ACKNOWLEDGED = 4


class Stream:
    """Two file descriptors, one to read and one to write; ``wrapped`` if the engine marks what arrives."""

    def __init__(self, reading: int, writing: int, *, wrapped: bool) -> None:
        self.reading, self.writing = reading, writing
        self._wrapped = wrapped
        self._raw = bytearray()
        self._received = bytearray()
        os.set_blocking(writing, False)

    def receive(self) -> bool:
        """Take what there is to read; False at the end of the stream."""
        piece = os.read(self.reading, _PIECE)
        if self._wrapped:
            self._raw += piece
            self._unwrap()
        else:
            self._received += piece
        return bool(piece)

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """Yield the frames that have arrived whole."""
        while len(self._received) >= _FRAME.size:
            kind, size = _FRAME.unpack_from(self._received)
            end = _FRAME.size + size
            if len(self._received) < end:
                return
            yield kind, bytes(self._received[_FRAME.size : end])
            del self._received[:end]

    def _unwrap(self) -> None:
        while len(self._raw) >= _ENGINE_HEADER.size:
            source, size = _ENGINE_HEADER.unpack_from(self._raw)
            end = _ENGINE_HEADER.size + size
            if len(self._raw) < end:
                return
            piece = self._raw[_ENGINE_HEADER.size : end]
            if source == _STANDARD_OUTPUT:
                self._received += piece
            else:
                os.write(2, piece)
            del self._raw[:end]


class Relay:
    """One end of the stream. Runs until either the stream or the control socket closes."""

    def __init__(self, stream: Stream, control: socket.socket) -> None:
        self._stream, self._control = stream, control
        self._candidate: socket.socket | None = None
        self._to_stream = bytearray()
        self._to_candidate = bytearray()
        self._window = _WINDOW
        self._local_end = False  # the candidate's socket here has no more to read
        self._remote_end = False  # no more will come for it

    def run(self) -> NoReturn:
        """Carry messages until one side goes away, then end this process."""
        while True:
            poll = select.poll()
            for descriptor, events in self._interests().items():
                poll.register(descriptor, events)
            ready = dict(poll.poll())
            if not self._step(ready):
                os._exit(0)

    def _interests(self) -> dict[int, int]:
        interests = {self._stream.reading: select.POLLIN, self._control.fileno(): select.POLLIN}
        if self._to_stream:
            writing = self._stream.writing
            interests[writing] = interests.get(writing, 0) | select.POLLOUT
        if self._candidate:
            reading = select.POLLIN if self._window and not self._local_end else 0
            writing = select.POLLOUT if self._to_candidate else 0
            if reading or writing:
                interests[self._candidate.fileno()] = reading | writing
        return interests

    def _step(self, ready: dict[int, int]) -> bool:
        candidate = self._candidate.fileno() if self._candidate else -1
        if self._stream.reading in ready and ready[self._stream.reading] & ~select.POLLOUT:
            if not self._stream.receive():
                return False
            for kind, body in self._stream.frames():
                self._received(kind, body)
        if self._control.fileno() in ready and not self._pass_on_control():
            return False
        if candidate in ready and self._candidate and self._candidate.fileno() == candidate:
            if self._to_candidate:
                self._feed_candidate()
            if ready[candidate] & ~select.POLLOUT and self._window and not self._local_end:
                self._take_from_candidate()
        if self._to_stream:
            self._flush()
        return True

    def _pass_on_control(self) -> bool:
        """Pass on a message of the local side; False when that side is gone."""
        message, descriptors, _, _ = socket.recv_fds(self._control, _PIECE, 1)
        if not message:
            return False
        if descriptors:
            self._attach(socket.socket(fileno=descriptors[0]))
            self._put(_Kind.CONTROL_WITH_SOCKET, message)
        else:
            if message == _END:
                self._detach()  # what still comes of this candidate must not be taken for the next one's
            self._put(_Kind.CONTROL, message)
        return True

    def _received(self, kind: int, body: bytes) -> None:
        if kind == _Kind.CONTROL:
            if body == _END:
                self._detach()
            self._control.send(body)
            return
        if kind == _Kind.CONTROL_WITH_SOCKET:
            ours, theirs = socket.socketpair()
            self._attach(ours)
            socket.send_fds(self._control, [body], [theirs.fileno()])
            theirs.close()
            return
        if self._candidate is None:
            return
        if kind == _Kind.DATA:
            self._to_candidate += body
            self._feed_candidate()
        elif kind == _Kind.ACKNOWLEDGED:
            self._window += int.from_bytes(body, "little")
        elif kind == _Kind.END_OF_DATA:
            self._remote_end = True
            self._feed_candidate()

    def _attach(self, candidate: socket.socket) -> None:
        self._detach()
        candidate.setblocking(False)
        self._candidate = candidate

    def _detach(self) -> None:
        if self._candidate:
            self._candidate.close()
        self._candidate, self._window = None, _WINDOW
        self._local_end = self._remote_end = False
        self._to_candidate.clear()

    def _feed_candidate(self) -> None:
        if not self._candidate:
            return
        if self._to_candidate:
            try:
                sent = self._candidate.send(self._to_candidate)
            except BlockingIOError:
                return
            except OSError:
                sent = len(self._to_candidate)  # nobody reads any more
            del self._to_candidate[:sent]
            self._put(_Kind.ACKNOWLEDGED, sent.to_bytes(4, "little"))
        if self._remote_end and not self._to_candidate:
            with suppress(OSError):
                self._candidate.shutdown(socket.SHUT_WR)

    def _take_from_candidate(self) -> None:
        if not self._candidate:
            return
        try:
            piece = self._candidate.recv(min(self._window, _PIECE))
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        self._window -= len(piece)
        self._local_end = not piece
        self._put(_Kind.DATA if piece else _Kind.END_OF_DATA, piece)

    def _put(self, kind: _Kind, body: bytes) -> None:
        self._to_stream += _FRAME.pack(kind, len(body)) + body

    def _flush(self) -> None:
        try:
            sent = os.write(self._stream.writing, self._to_stream)
        except BlockingIOError:
            return
        except BrokenPipeError:
            os._exit(0)
        del self._to_stream[:sent]
