"""Replaces every number of the answer by one that comparisons go wrong with.

Expected: invalid, crashed, timed_out, no better
Variants: nan, inf, -inf, 1e308, -0.0, denormal, huge integer, true, one nan, complex, long double, half, overflow in int64
"""

import numpy

NUMBERS = {
    "nan": float("nan"),
    "inf": float("inf"),
    "-inf": float("-inf"),
    "1e308": 1e308,
    "-0.0": -0.0,
    "denormal": 5e-324,
    "huge integer": 10**400,
    "true": True,
    "one nan": float("nan"),
    "complex": 1j,
    "long double": numpy.longdouble(1),
    "half": numpy.float16(65504),
    "overflow in int64": -(2**63),
}
number = NUMBERS[VARIANT]
did("answer with " + VARIANT)


def changed(value):
    if isinstance(value, numpy.ndarray):
        if VARIANT in ("complex", "long double", "half"):
            return numpy.full(value.shape, number)
        if VARIANT == "true":
            return numpy.ones(value.shape, bool)
        if VARIANT == "overflow in int64":
            return numpy.full(value.shape, number, numpy.int64)
        if VARIANT == "huge integer":
            return numpy.full(value.shape, number, object)
        other = numpy.array(value, dtype=float)
        if VARIANT == "one nan" and other.size:
            other.flat[-1] = number
        elif VARIANT != "one nan":
            other[...] = number
        return other
    if isinstance(value, (list, tuple)):
        return [changed(item) for item in value]
    if isinstance(value, dict):
        return {key: changed(item) for key, item in value.items()}
    return number if isinstance(value, (int, float, numpy.generic)) else value


wrap(lambda function: lambda *arguments, **names: changed(function(*arguments, **names)))
