"""The candidate's side: loads the program and answers calls.

This code shares its process with the program, so it protects nothing and decides nothing. What the
judge believes is decided where the answer is decoded.
"""

from __future__ import annotations

import os
import random  # noqa: TID251 - programs use it, so it is seeded for them
import socket
import subprocess
import sys
import traceback
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np

from evaluators.channel import Channel, Closed
from evaluators.codec import NotData, pack_column, unpack_column
from evaluators.protocol import Answer, Request

_TRACEBACK_FRAMES = 6
_MESSAGE_CHARACTERS = 2000
_REHEARSALS = 20
_REHEARSED = "rehearsal.py"
_REHEARSAL = """import math


def total():
    terms = [math.sqrt(2.0 * index) for index in range(3)]
    return sum(terms)
"""


def serve(channel: Channel, scratch: str) -> NoReturn:
    """Answer requests until the channel closes. Files are written below ``scratch``, the current folder."""
    os.register_at_fork(after_in_child=channel.close)
    program = _Program(scratch)
    try:
        while True:
            _serve_one(channel, program)
    except Closed:
        os._exit(0)


def _serve_one(channel: Channel, program: _Program) -> None:
    id, code, value = channel.receive()
    answer, result = _answer(program, code, value)
    _flush()
    _send(channel, id, answer, result)


def rehearse(channel: Channel, scratch: str) -> None:
    """Load and call a small program of our own, again and again, in the process that candidates are forked from.

    What Python and the dynamic linker remember of it is then inherited, instead of written anew by
    every candidate: each page it is written to costs a copy.
    """
    order = {
        "files": {_REHEARSED: _REHEARSAL},
        "built": [],
        "entry": _REHEARSED,
        "seed": 0,
        "call": [int(Request.CALL), ["total", [], {}]],
    }
    path = list(sys.path)
    judge = Channel()
    for id in range(_REHEARSALS):
        ours, theirs = socket.socketpair()
        judge.attach(ours)
        channel.attach(theirs)
        judge.send(id, Request.LOAD, order)
        _serve_one(channel, _Program(scratch))
        if judge.receive().code != Answer.DONE:
            raise OSError("the program of the rehearsal did not run")
        judge.close()
        channel.close()
        sys.path[:] = path
        del sys.modules["rehearsal"]


def _send(channel: Channel, id: int, answer: Answer, result: object) -> None:
    try:
        channel.send(id, answer, result)
    except NotData as error:
        channel.send(id, Answer.REFUSED, str(error)[:_MESSAGE_CHARACTERS])
    except MemoryError:
        channel.send(id, Answer.RAISED, "MemoryError: no memory left to send the answer")


def _answer(program: _Program, code: int, value: Any) -> tuple[Answer, object]:
    try:
        return Answer.DONE, program.handle(code, value)
    except NotData as error:
        return Answer.REFUSED, str(error)[:_MESSAGE_CHARACTERS]
    except BaseException as error:  # noqa: BLE001 - the border to any program
        return Answer.RAISED, describe(error, program.scratch)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue


class _Program:
    """The program under judgement, loaded into this process."""

    def __init__(self, scratch: str) -> None:
        self.scratch = scratch
        self._entry = ""
        self._names: dict[str, Any] = {}

    def handle(self, code: int, value: Any) -> object:
        """Do what a request asks for."""
        if code == Request.LOAD:
            return self._load(value)
        if code == Request.CALL:
            function, arguments, keywords = value
            return self._function(function)(*arguments, **keywords)
        if code == Request.MAP:
            return self._map(*value)
        if code == Request.RUN:
            return self._run(*value)
        raise NotData(f"unknown request {code}")

    def _load(self, order: Mapping[str, Any]) -> object:
        for path, text in order["files"].items():
            self._write(path, text.encode())
        for path, mode, content in order["built"]:
            self._write(path, content.tobytes(), mode)
        sys.path.insert(0, self.scratch)
        seed_generators(order["seed"])
        if order["entry"]:
            self._execute(order["entry"], order["files"][order["entry"]])
        call = order["call"]
        return self.handle(call[0], call[1]) if call else None

    def _write(self, path: str, content: bytes, mode: int = 0o600) -> None:
        if "/" in path:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        while content:
            content = content[os.write(descriptor, content) :]
        os.close(descriptor)

    def _execute(self, entry: str, text: str) -> None:
        self._entry = entry
        code = compile(text, entry, "exec", dont_inherit=True)
        module = types.ModuleType(_module_name(entry))
        module.__file__ = f"{self.scratch}/{entry}"
        sys.modules[module.__name__] = module
        self._names = module.__dict__
        exec(code, self._names)

    def _function(self, name: str) -> Callable[..., Any]:
        function = self._names.get(name)
        if not callable(function):
            raise NameError(f"{self._entry} defines no function {name!r}")
        return cast("Callable[..., Any]", function)

    def _map(self, name: str, count: int, columns: list[Any], rows: list[Any] | None) -> list[Any]:
        function = self._function(name)
        if rows is not None:
            return pack_column([function(*row) for row in rows])
        arguments = [unpack_column(column, count) for column in columns]
        rows = list(zip(*arguments, strict=True)) if arguments else [()] * count
        # Not map(): it would take a StopIteration out of the program for the end of the calls.
        return pack_column([function(*row) for row in rows])

    def _run(self, command: list[str], stdin: Any, keep: bool, max_bytes: int) -> object:
        """Run a command; return its exit code, what it printed and, on request, the files it made."""
        folder = Path(os.environ["TMPDIR"]).parent / ".streams"
        folder.mkdir(mode=0o700, exist_ok=True)
        before = dict(self._files()) if keep else {}
        (folder / "in").write_bytes(stdin.tobytes())
        with open(folder / "in", "rb") as source, open(folder / "out", "wb") as out, open(folder / "err", "wb") as err:
            code = subprocess.run(command, stdin=source, stdout=out, stderr=err, check=False).returncode
        printed = [self._printed(folder / name, max_bytes) for name in ("out", "err")]
        changed = [path for path, state in self._files() if before.get(path) != state] if keep and code == 0 else []
        made = [[path, os.stat(path).st_mode & 0o777, np.fromfile(path, np.uint8)] for path in changed]
        return [code, *printed, made]

    def _printed(self, path: Path, max_bytes: int) -> object:
        if path.stat().st_size > max_bytes:
            raise NotData(f"the command printed more than {max_bytes} bytes")
        return np.fromfile(path, np.uint8)

    def _files(self) -> Iterator[tuple[str, tuple[int, int]]]:
        """Yield the path of every file in the folder with what changes when it is written."""
        for folder, _, names in os.walk("."):
            for name in names:
                path = os.path.relpath(f"{folder}/{name}")
                if os.path.isfile(path):
                    state = os.stat(path)
                    yield path, (state.st_mtime_ns, state.st_ino)


def _module_name(entry: str) -> str:
    name = entry.removesuffix(".py").replace("/", ".")
    return f"program_{name}" if name in sys.modules or name in sys.stdlib_module_names else name


def seed_generators(seed: int) -> None:
    """Make the global random numbers the same in every run.

    Seed 0 was set before the fork, which numpy's generator keeps and Python's own does not.
    """
    random.seed(seed)
    if seed:
        np.random.seed(seed)


def describe(error: BaseException, scratch: str) -> str:
    """Return the error as Python prints it, with the frames of the program alone and relative paths."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.startswith(scratch + "/") or not frame.filename.startswith(("/", "<"))
    ]
    lines = [f'  File "{frame.filename.removeprefix(scratch + "/")}", line {frame.lineno}, in {frame.name}\n'
             + (f"    {frame.line}\n" if frame.line else "") for frame in frames[-_TRACEBACK_FRAMES:]]  # fmt: skip
    text = "".join((*lines, *traceback.format_exception_only(error)))
    return text.replace(scratch + "/", "")[-_MESSAGE_CHARACTERS:].strip().encode("utf-8", "replace").decode()
