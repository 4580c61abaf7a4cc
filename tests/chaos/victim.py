"""Controllers as processes of their own, forked from one that has imported everything already.

``python -m tests.chaos.victim`` reads one order per line (JSON), forks, and prints the child's process
id and, when it has ended, its exit status. Starting a controller thus costs a tenth of what it costs a
person; what it does is the same.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from evolve import configuration, wiring
from evolve.bench.processes import die_with_parent
from evolve.cli.main import main as command_line
from evolve.controller.loop import Loop
from evolve.controller.run import resume_run, start_run
from evolve.errors import EvolveError
from tests.chaos.stopping import Moment, StoppingStore, When

_LEASE_S = 3.0
"""Short, so that it is renewed soon."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a child does.

    Args:
        arguments: of the command ``evolve``; of ``run`` and ``resume`` with a moment, overrides follow.
        output: file that gets what it prints.
        url: of the store, for a controller that dies at a moment or has a clock of its own.
        moment: kind, when and number of the write at which it dies.
        jumps: seconds by which the wall clock is off, after so many looks at it: [[looks, seconds], ...].
    """

    arguments: Sequence[str]
    output: str
    url: str = ""
    moment: Sequence[Any] = ()
    jumps: Sequence[Sequence[float]] = ()

    def line(self) -> str:
        """Return it as it is sent."""
        return json.dumps(asdict(self))


def jumping_clock(jumps: Sequence[Sequence[float]]) -> Callable[[], float]:
    """Return a wall clock that jumps after so many looks at it."""
    looks = 0

    def clock() -> float:
        nonlocal looks
        looks += 1
        return time.time() + sum(seconds for after, seconds in jumps if looks > after)

    return clock


def obey(order: Order) -> None:
    """Do what an order says, in the process of its own that this is."""
    if not order.url:
        sys.argv = ["evolve", *order.arguments]
        command_line()
        return
    verb, *overrides = order.arguments
    moment = Moment(order.moment[0], When(order.moment[1]), int(order.moment[2])) if order.moment else None
    clock = jumping_clock(order.jumps)
    if verb == "run":
        config = configuration.configure(overrides)
    else:
        config = configuration.for_resume(wiring.find_run(order.url, "r").config, overrides)
    parts = replace(wiring.build(config), open_store=lambda: StoppingStore(order.url, moment, clock), lease_s=_LEASE_S)

    def unobserved(loop: Loop) -> None:
        pass

    begin = start_run(parts, wiring.new_run(config, parts), unobserved) if verb == "run" else None
    asyncio.run(begin or resume_run(parts, "r", unobserved))


def _child(order: Order) -> None:
    output = os.open(order.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.close(0)
    code = 0
    try:
        obey(order)
    except EvolveError as error:
        print(f"evolve: {error}", flush=True)
        code = 1
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def load() -> None:
    """Import what every controller imports; none of it starts a thread or opens anything."""
    for module in ("aiohttp", "cmaes", "jinja2", "numpy.ma", "numpy.polynomial", "evolve.cli.running"):
        importlib.import_module(module)
    wiring.build(configuration.configure(["problem=bin_packing", "llm=http://127.0.0.1:9/v1#m"]))


def serve() -> None:
    """Obey orders from standard input, one after the other, until it is closed."""
    die_with_parent()
    load()
    print("ready", flush=True)
    for line in sys.stdin:
        order = Order(**json.loads(line))
        pid = os.fork()
        if pid == 0:
            die_with_parent()
            _child(order)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
