from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from evaluators.channel import Channel, Closed, Late
from evaluators.codec import NotData


@pytest.fixture
def pair() -> Iterator[tuple[Channel, Channel]]:
    channels = (Channel(), Channel())
    for channel, end in zip(channels, socket.socketpair(), strict=True):
        channel.attach(end)
    yield channels
    for channel in channels:
        channel.close()


@pytest.fixture
def raw() -> Iterator[tuple[socket.socket, Channel]]:
    ours, theirs = socket.socketpair()
    channel = Channel(max_buffer_bytes=1 << 20)
    channel.attach(theirs)
    yield ours, channel
    ours.close()
    channel.close()


def soon() -> float:
    return time.monotonic() + 0.2


@pytest.mark.parametrize("count", [0, 1, 1000, 16381, 16384, 1_000_000])
def test_frames_of_all_sizes_arrive(pair: tuple[Channel, Channel], count: int) -> None:
    sent = [{"x": np.arange(float(count))}, "text", np.arange(count) % 2 == 0]
    sender = threading.Thread(target=pair[0].send, args=(2**64 - 1, 7, sent))
    sender.start()
    frame = pair[1].receive(time.monotonic() + 30)
    sender.join()
    assert (frame.id, frame.code) == (2**64 - 1, 7)
    np.testing.assert_array_equal(frame.value[0]["x"], sent[0]["x"])
    np.testing.assert_array_equal(frame.value[2], sent[2])
    assert frame.value[0]["x"].flags.aligned


def test_a_kept_answer_does_not_change_with_the_next(pair: tuple[Channel, Channel]) -> None:
    kept = []
    for number in range(3):
        pair[0].send(number, 0, [np.full(3, float(number)), b"%d" % number, str(number)])
        kept.append(pair[1].receive(soon()).value)
    assert [(value[0][0], value[1], value[2]) for value in kept] == [
        (0.0, b"0", "0"),
        (1.0, b"1", "1"),
        (2.0, b"2", "2"),
    ]


def test_one_deadline_is_for_the_whole_frame(raw: tuple[socket.socket, Channel]) -> None:
    ours, channel = raw
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.02):
            ours.send(b"\0")

    dripping = threading.Thread(target=drip)
    dripping.start()
    with pytest.raises(Late):
        channel.receive(soon())
    stop.set()
    dripping.join()


def test_a_reader_that_does_not_read_is_late(raw: tuple[socket.socket, Channel]) -> None:
    with pytest.raises(Late):
        raw[1].send(0, 0, np.zeros(1 << 22), soon())


def test_the_end_of_the_stream_is_told_from_silence(raw: tuple[socket.socket, Channel]) -> None:
    ours, channel = raw
    with pytest.raises(Late):
        channel.receive(soon())
    ours.send(b"half")
    ours.close()
    with pytest.raises(Closed):
        channel.receive(soon())


@pytest.mark.parametrize(
    "frame",
    [
        struct.pack("<QIIQ", 0, 0, 0xFFFFFFFF, 0),
        struct.pack("<QIIQ", 0, 0, 1, (1 << 20) + 1),
        struct.pack("<QIIQ", 0, 0, 1, 0) + b"\xc0" + b"more",
    ],
)
def test_frames_beyond_the_bounds_are_refused(raw: tuple[socket.socket, Channel], frame: bytes) -> None:
    raw[0].send(frame)
    with pytest.raises(NotData):
        raw[1].receive(soon())
