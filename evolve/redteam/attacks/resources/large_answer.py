"""Answers with more than can be sent.

Expected: invalid, crashed, timed_out
Variants: text, bytes, list of floats, nested, empty lists, unfolding, dictionary, many arrays, array, array of bytes, error message
"""

import numpy

did("answer with too much: " + VARIANT)


def answer(*arguments, **names):
    limit = LIMITS["memory_mb"] << 20
    if VARIANT == "text":
        return "x" * (64 << 20)
    if VARIANT == "bytes":
        return bytes(64 << 20)
    if VARIANT == "list of floats":
        return [0.5] * 2000000
    if VARIANT == "nested":
        nested = []
        for _ in range(100000):
            nested = [nested]
        return nested
    if VARIANT == "empty lists":
        return [[]] * 4000000
    if VARIANT == "unfolding":
        nested = []
        for _ in range(30):
            nested = [nested] * 1000
        return nested
    if VARIANT == "dictionary":
        return {str(i): {} for i in range(400000)}
    if VARIANT == "many arrays":
        return [numpy.zeros(0)] * 300000
    if VARIANT == "error message":
        raise RuntimeError("x" * (64 << 20))
    return numpy.zeros(limit + (1 << 20), numpy.uint8 if VARIANT == "array of bytes" else numpy.float64)


wrap(lambda function: answer)
