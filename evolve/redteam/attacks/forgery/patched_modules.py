"""Replaces functions of the library and of the guest's code by its own.

Expected: as seed, invalid, crashed
Variants: time, random, numpy, json and msgspec, struct, guest, candidate, builtins, import
"""

import builtins, json, random

import evaluators.candidate, evaluators.channel, evaluators.codec, evaluators.guest, evaluators.judge, evaluators.score
import msgspec, numpy

did("patch " + VARIANT)


def replace():
    if VARIANT == "time":
        time.time = time.perf_counter = time.monotonic = time.process_time = lambda: 0.0
        time.perf_counter_ns = time.monotonic_ns = time.time_ns = lambda: 0
    elif VARIANT == "random":
        random.random = numpy.random.random = lambda *arguments: 0.5
        numpy.random.default_rng = lambda *arguments: None
    elif VARIANT == "numpy":
        for name in ("isfinite", "isnan", "allclose", "array_equal", "any", "all"):
            setattr(numpy, name, lambda *arguments, **names: numpy.bool_(True))
    elif VARIANT == "json and msgspec":
        json.dumps = json.loads = lambda *arguments, **names: {}
        msgspec.msgpack.decode = msgspec.msgpack.encode = lambda *arguments, **names: b""
    elif VARIANT == "struct":
        struct.pack = lambda *arguments: b""
    elif VARIANT == "guest":
        evaluators.codec._check = lambda *arguments: None
        evaluators.codec.NotData = evaluators.channel.NotData = type("Never", (Exception,), {})
        evaluators.guest.describe = lambda *arguments: "valid"
        evaluators.judge._checked = lambda score: score
    elif VARIANT == "candidate":
        evaluators.score.Score.metrics = {name: 1e9 for name in OBJECTIVES}
        evaluators.candidate.CandidateError.__init__ = lambda *arguments: None
        evaluators.judge._evaluated = lambda *arguments: ("valid", None)
    elif VARIANT == "builtins":
        builtins.isinstance = lambda *arguments: True
        builtins.abs = builtins.max = builtins.min = lambda *arguments, **names: 0
        builtins.float = builtins.sum = lambda *arguments: 1e9
    else:
        builtins.__import__ = lambda *arguments, **names: (_ for _ in ()).throw(ImportError("no"))
        sys.modules["evaluate"] = sys.modules["evaluators.judge"]


def make(function):
    def wrapped(*arguments, **names):
        answer = function(*arguments, **names)
        replace()
        return answer

    return wrapped


wrap(make)
