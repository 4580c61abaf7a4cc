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
    """Sends and receives values, one at a time.

    Args:
        connection: a connected stream socket; owned by the channel from now on.
        max_buffer_bytes: the largest buffer part to accept.
    """

    def __init__(self, connection: socket.socket, max_buffer_bytes: int = MAX_BUFFER_BYTES) -> None:
        self._socket = connection
        self._max_buffer_bytes = min(max_buffer_bytes, MAX_BUFFER_BYTES)
        self._encoder, self._decoder = Encoder(), Decoder()
        self._small = bytearray(_SMALL_BYTES)
        self._view = memoryview(self._small)

    def send(self, id: int, code: int, value: object, deadline: float | None = None) -> None:
        """Send a frame. Raises NotData (nothing was sent), Closed or Late."""
        structured, arrays = self._encoder.encode(value)
        pieces = contents(arrays)
        size = sum(map(len, pieces))
        if size > MAX_BUFFER_BYTES:
            raise NotData(f"{size} bytes of arrays; at most {MAX_BUFFER_BYTES}")
        header = _HEADER.pack(id, code, len(structured), size)
        together, apart = (pieces, []) if size <= _SMALL_BYTES else ([], pieces)
        try:
            for piece in (b"".join((header, structured, *together)), *apart):
                self._socket.settimeout(_left(deadline))
                self._socket.sendall(piece)
        except TimeoutError:
            raise Late from None
        except OSError as error:
            raise Closed(str(error)) from error

    def receive(self, deadline: float | None = None) -> Frame:
        """Return the next frame. ``deadline`` (monotonic clock) is for all of it, not for each piece.

        Raises NotData, Closed or Late. Bytes beyond the frame are NotData: nobody asked for them.
        """
        have = self._fill(self._view, 0, _HEADER.size, deadline)
        id, code, structured_size, buffer_size = _HEADER.unpack_from(self._small)
        if structured_size > MAX_STRUCTURED_BYTES or buffer_size > self._max_buffer_bytes:
            raise NotData(f"too large: {structured_size} + {buffer_size} bytes")
        return Frame(id, code, self._body(have, structured_size, buffer_size, deadline))

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _body(self, have: int, structured_size: int, buffer_size: int, deadline: float | None) -> Any:
        start, size = _HEADER.size, structured_size + buffer_size
        if start + size <= _SMALL_BYTES:
            have = self._fill(self._view, have, start + size, deadline)
        if have > start + size:
            raise NotData("malformed: more was sent than asked for")
        # Arrays begin at a multiple of 16: many compiled routines are slow or wrong elsewhere.
        padding = -structured_size % ALIGNMENT
        body = np.empty(padding + size, np.uint8)
        view = body.data[padding:]
        view[: have - start] = self._view[start:have]
        self._fill(view, have - start, size, deadline)
        return self._decoder.decode(view[:structured_size], view[structured_size:])

    def _fill(self, target: memoryview, have: int, wanted: int, deadline: float | None) -> int:
        while have < wanted:
            try:
                self._socket.settimeout(_left(deadline))
                count = self._socket.recv_into(target[have:])
            except TimeoutError:
                raise Late from None
            except OSError as error:
                raise Closed(str(error)) from error
            if not count:
                raise Closed("end of stream")
            have += count
        return have


def _left(deadline: float | None) -> float | None:
    if deadline is None:
        return None
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
