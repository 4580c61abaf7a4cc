"""A run in a thread with an event loop of its own, so that it works wherever it is called from."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any

from evolve.api.progress import Progress, snapshot
from evolve.controller.loop import Loop
from evolve.controller.run import Interrupts, Observer, Parts, Result

Begin = Callable[[Observer], Coroutine[Any, Any, Result]]
Tell = Callable[[Progress | None], None]
_LOOK_EVERY_S = 0.1


class Worker:
    """Works on a run. ``tell``, in its thread, gets the progress from time to time, and None at the end.

    A loop that runs already, as in a notebook, is neither needed nor blocked; signals are the caller's.
    """

    def __init__(self, parts: Parts, run: str, begin: Begin) -> None:
        self.run = run
        self.on_record = False
        self._parts = parts
        self._begin = begin
        self._tell: Tell = print
        self._thread = threading.Thread(target=self._work, name=f"evolve {run}")
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._interrupts: Interrupts | None = None
        self._watching: asyncio.Task[None] | None = None
        self._result: Result | None = None
        self._error: BaseException | None = None

    def start(self, tell: Tell) -> None:
        """Begin; return when it can be interrupted."""
        self._tell = tell
        self._thread.start()
        self._ready.wait()

    def interrupt(self) -> None:
        """Begin nothing new, from any thread; a second time: leave what is in flight."""
        assert self._loop is not None and self._interrupts is not None  # set before start returns
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended
            self._loop.call_soon_threadsafe(self._interrupts)

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def result(self) -> Result:
        """Return how it ended, or raise what it raised; CancelledError after a second interrupt."""
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result

    def _work(self) -> None:
        try:
            self._result = asyncio.run(self._until_done())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            self._error = error
        finally:
            self._ready.set()
            self._tell(None)

    async def _until_done(self) -> Result:
        task = asyncio.current_task()
        assert task is not None  # a coroutine runs in a task
        self._loop, self._interrupts = asyncio.get_running_loop(), Interrupts(task)
        self._ready.set()
        try:
            return await self._begin(self._observe)
        finally:
            if self._watching is not None:
                self._watching.cancel()
                await asyncio.gather(self._watching, return_exceptions=True)

    def _observe(self, loop: Loop) -> None:
        assert self._interrupts is not None
        self.on_record = True
        self._interrupts.watch(loop)
        self._watching = asyncio.create_task(self._watch(loop))

    async def _watch(self, loop: Loop) -> None:
        """Tell the progress whenever an attempt has ended, and at last."""
        told: Progress | None = None
        try:
            while True:
                now = snapshot(self.run, self._parts.problem, loop)
                if told is None or (now.proposals, now.away) != (told.proposals, told.away):
                    self._tell(now)
                    told = now
                await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            self._tell(snapshot(self.run, self._parts.problem, loop))


OnProgress = Callable[[Progress], None]


def work_here(worker: Worker, on_progress: OnProgress | None) -> None:
    """Work to the end while this thread waits; progress is told in this thread, and what it raises ends the run."""
    heard: queue.SimpleQueue[Progress | None] = queue.SimpleQueue()
    with _ctrl_c(worker):
        worker.start(heard.put)
        try:
            while (progress := heard.get()) is not None:
                if on_progress is not None:
                    on_progress(progress)
        except BaseException:
            worker.interrupt()
            raise
        finally:
            worker.join()


async def work_beside(worker: Worker, on_progress: OnProgress | None) -> None:
    """Work to the end while this event loop goes on; progress is told in it. Cancelled, it ends the run cleanly
    first, or at once if it is cancelled again."""
    here = asyncio.get_running_loop()
    heard: asyncio.Queue[Progress | None] = asyncio.Queue()

    def tell(progress: Progress | None) -> None:
        with contextlib.suppress(RuntimeError):  # the caller's loop is closed: nobody listens any more
            here.call_soon_threadsafe(heard.put_nowait, progress)

    worker.start(tell)
    try:
        while (progress := await heard.get()) is not None:
            if on_progress is not None:
                on_progress(progress)
    except BaseException:
        worker.interrupt()
        await _ended(worker)
        raise
    await _ended(worker)


async def _ended(worker: Worker) -> None:
    joining = asyncio.create_task(asyncio.to_thread(worker.join))
    while not joining.done():
        try:
            await asyncio.shield(joining)
        except asyncio.CancelledError:
            worker.interrupt()


@contextlib.contextmanager
def _ctrl_c(worker: Worker) -> Iterator[None]:
    """Let Ctrl+C interrupt the worker, where it comes here: to the main thread, and if it is not ignored."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before in (signal.SIG_IGN, None):
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        worker.interrupt()

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
