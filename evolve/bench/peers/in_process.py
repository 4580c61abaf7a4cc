"""The same judge and program without any wall: run by `evolve bench sandbox` as a process of its own.

Arguments: the problem's folder, the stage, the parameters (JSON), the entry file. For each line on
standard input it judges the seed once and answers with the seconds that took. It contains nothing.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from contextlib import contextmanager
from pathlib import Path


class InProcess:
    """A candidate, and the session of one, in the judge's own process."""

    def __init__(self, files, entry):
        self.files, self.entry, self.seconds = files, entry, 0.0
        self._code = compile(files[entry], entry, "exec")
        self._names = {}

    def call(self, function, *args, timeout_s=None, **kwargs):
        with self.session() as session:
            return session.function(function)(*args, **kwargs)

    @contextmanager
    def session(self, timeout_s=None):
        self._names = {"__name__": "candidate"}
        exec(self._code, self._names)
        yield Session(self._names)


class Session:
    """Functions of a loaded program."""

    def __init__(self, names):
        self._names, self.seconds = names, 0.0

    def function(self, name):
        return self._names[name]

    def call(self, function, *args, timeout_s=None, **kwargs):
        began = time.perf_counter()
        try:
            return self._names[function](*args, **kwargs)
        finally:
            self.seconds += time.perf_counter() - began

    def map(self, function, calls, timeout_s=None):
        return [self.call(function, *arguments) for arguments in calls]


def main(folder, stage, params, entry):
    sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location("evaluate", Path(folder, "evaluate.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules["evaluate"] = module
    sys.dont_write_bytecode = True
    spec.loader.exec_module(module)
    seed = Path(folder, "seed")
    files = {path.relative_to(seed).as_posix(): path.read_text() for path in seed.rglob("*.py")}
    for _ in sys.stdin:
        began = time.perf_counter()
        score = module.evaluate(InProcess(files, entry), stage, json.loads(params))
        print(time.perf_counter() - began if score.valid else f"INVALID: {score.feedback}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
