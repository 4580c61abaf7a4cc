"""The turnstile: never too many, never too fast, first come first served, and no trace of those who left."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.llm.limits import Limits


class Time:
    """A clock that its sleepers move."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def limits(time: Time, concurrency: int | None = None, per_minute: float | None = None) -> Limits:
    return Limits(concurrency, per_minute, clock=time.clock, sleep=time.sleep)


async def test_no_more_than_so_many_at_once() -> None:
    turnstile, busy, most = Limits(concurrency=3), 0, 0

    async def call() -> None:
        nonlocal busy, most
        async with turnstile.turn():
            busy += 1
            most = max(most, busy)
            await asyncio.sleep(0.001)
            busy -= 1

    await asyncio.gather(*(call() for _ in range(20)))
    assert (most, busy, turnstile.full()) == (3, 0, False)


@settings(max_examples=30, deadline=None)
@given(per_minute=st.sampled_from([1.0, 7.5, 60.0, 600.0]), calls=st.integers(1, 120))
def test_no_window_holds_more_than_its_share_and_a_burst(per_minute: float, calls: int) -> None:
    time, started = Time(), []

    async def all_of_them() -> None:
        turnstile = limits(time, per_minute=per_minute)

        async def call() -> None:
            async with turnstile.turn():
                started.append(time.now)

        await asyncio.gather(*(call() for _ in range(calls)))

    asyncio.run(all_of_them())
    per_second = per_minute / 60
    burst = max(1.0, per_second * 6)
    for index, begin in enumerate(started):
        for count, end in enumerate(started[index:], start=1):
            assert count <= burst + (end - begin) * per_second + 1e-6
    assert time.now <= calls / per_second


async def test_turns_come_in_the_order_of_arrival() -> None:
    time, order = Time(), []
    turnstile = limits(time, concurrency=1, per_minute=60)

    async def call(number: int) -> None:
        async with turnstile.turn():
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(call(number) for number in range(30)))
    assert order == list(range(30))


async def test_those_who_leave_while_waiting_cost_nobody_anything() -> None:
    turnstile = Limits(concurrency=1)
    async with turnstile.turn():
        waiting = [asyncio.create_task(_enter(turnstile)) for _ in range(5)]
        await asyncio.sleep(0)
        assert turnstile.full()
        for task in waiting[:4]:
            task.cancel()
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await waiting[4]
    assert not turnstile.full()


async def test_a_cancelled_wait_for_the_rate_uses_no_share_and_lets_the_next_through() -> None:
    never = asyncio.Event()
    time = Time()

    async def sleep(seconds: float) -> None:
        if time.now == 0.0:
            await never.wait()
        time.now += seconds

    turnstile = Limits(2, 1.0, clock=time.clock, sleep=sleep)
    await _enter(turnstile)
    assert turnstile.full()
    first, second = (asyncio.create_task(_enter(turnstile)) for _ in range(2))
    await asyncio.sleep(0)
    time.now = 60.0
    first.cancel()
    async with asyncio.timeout(5):
        await second
    assert time.now == 60.0
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_place_is_free_again_after_a_failure() -> None:
    turnstile = Limits(concurrency=1)
    with pytest.raises(KeyError):
        async with turnstile.turn():
            raise KeyError
    async with asyncio.timeout(5):
        await _enter(turnstile)


async def test_without_limits_nobody_waits() -> None:
    turnstile = Limits()
    await asyncio.gather(*(_enter(turnstile) for _ in range(100)))
    assert not turnstile.full()


async def _enter(turnstile: Limits) -> None:
    async with turnstile.turn():
        pass
