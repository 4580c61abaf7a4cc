"""Frames between judge and candidate over a stream socket.

A frame is a header (identifier u64, code u32, size of the structured part u32, size of the buffer
part u64, little endian), the structured part and the buffer part of ``codec``.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import Any, Final, NamedTuple

import numpy as np

from evaluators.codec import ALIGNMENT, MAX_BUFFER_BYTES, MAX_STRUCTURED_BYTES, Decoder, Encoder, NotData, contents

_HEADER: Final = struct.Struct("<QIIQ")
_SMALL_BYTES: Final = 1 << 17


class Closed(Exception):
    """The other side is gone."""


class Late(Exception):
    """The other side did not send or take a frame before the deadline."""


class Frame(NamedTuple):
    """One received message."""

    id: int
    code: int
    value: Any


class Channel:
    """Sends and receives values, one at a time, on one connection after the other.

    Args:
        max_buffer_bytes: the largest buffer part to accept.
    """

    def __init__(self, max_buffer_bytes: int = MAX_BUFFER_BYTES) -> None:
        self._socket: socket.socket | None = None
        self._max_buffer_bytes = min(max_buffer_bytes, MAX_BUFFER_BYTES)
        self._encoder, self._decoder = Encoder(), Decoder()
        self._view = memoryview(bytearray(_SMALL_BYTES))

    def attach(self, connection: socket.socket) -> None:
        """Use a connected stream socket, which the channel owns from now on."""
        self._socket = connection

    def send(self, id: int, code: int, value: object, deadline: float | None = None) -> None:
        """Send a frame. Raises NotData (nothing was sent), Closed or Late."""
        structured, arrays = self._encoder.encode(value)
        pieces = contents(arrays)
        size = sum(map(len, pieces))
        if size > MAX_BUFFER_BYTES:
            raise NotData(f"{size} bytes of arrays; at most {MAX_BUFFER_BYTES}")
        header = _HEADER.pack(id, code, len(structured), size)
        together, apart = (pieces, []) if size <= _SMALL_BYTES else ([], pieces)
        for piece in (b"".join((header, structured, *together)), *apart):
            self._put(piece, deadline)

    def receive(self, deadline: float | None = None) -> Frame:
        """Return the next frame. ``deadline`` (monotonic clock) is for all of it, not for each piece.

        Raises NotData, Closed or Late. Bytes beyond the frame are NotData: nobody asked for them.
        """
        have = self._fill(self._view, 0, _HEADER.size, deadline)
        id, code, structured_size, buffer_size = _HEADER.unpack_from(self._view)
        if structured_size > MAX_STRUCTURED_BYTES or buffer_size > self._max_buffer_bytes:
            raise NotData(f"too large: {structured_size} + {buffer_size} bytes")
        return Frame(id, code, self._body(have, structured_size, buffer_size, deadline))

    def close(self) -> None:
        """Close the connection."""
        if self._socket:
            self._socket.close()
        self._socket = None

    def _body(self, have: int, structured_size: int, buffer_size: int, deadline: float | None) -> Any:
        start, size = _HEADER.size, structured_size + buffer_size
        if start + size <= _SMALL_BYTES:
            have = self._fill(self._view, have, start + size, deadline)
        if have > start + size:
            raise NotData("malformed: more was sent than asked for")
        if not buffer_size and have == start + size:
            return self._decoder.decode(self._view[start:have], b"")
        # Arrays begin at a multiple of 16: many compiled routines are slow or wrong elsewhere.
        padding = -structured_size % ALIGNMENT
        view = np.empty(padding + size, np.uint8).data[padding:]
        view[: have - start] = self._view[start:have]
        self._fill(view, have - start, size, deadline)
        return self._decoder.decode(view[:structured_size], view[structured_size:])

    def _put(self, piece: bytes | memoryview, deadline: float | None) -> None:
        try:
            self._connection(deadline).sendall(piece)
        except TimeoutError:
            raise Late from None
        except OSError as error:
            raise Closed(str(error)) from error

    def _fill(self, target: memoryview, have: int, wanted: int, deadline: float | None) -> int:
        while have < wanted:
            try:
                count = self._connection(deadline).recv_into(target[have:])
            except TimeoutError:
                raise Late from None
            except OSError as error:
                raise Closed(str(error)) from error
            if not count:
                raise Closed("end of stream")
            have += count
        return have

    def _connection(self, deadline: float | None) -> socket.socket:
        if not self._socket:
            raise Closed("not connected")
        if deadline is None:
            return self._socket
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._socket
