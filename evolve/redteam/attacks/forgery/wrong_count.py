"""Answers with more or fewer things than it was asked for.

Expected: invalid, crashed, worse, no better
Variants: twice as many, half, one more, one less, wrapped in a list, every answer twice
"""

import numpy

did("answer with another number of things: " + VARIANT)


def recounted(value):
    if VARIANT == "wrapped in a list":
        return [value]
    if VARIANT == "every answer twice":
        return [value, value]
    if isinstance(value, numpy.ndarray) and value.ndim:
        join = lambda *parts: numpy.concatenate(parts)
    elif isinstance(value, (list, tuple, str, bytes)):
        join = lambda *parts: (
            sum((list(part) for part in parts), []) if isinstance(value, (list, tuple)) else type(value)().join(parts)
        )
    else:
        return [value] * 2
    if VARIANT == "twice as many":
        return join(value, value)
    if VARIANT == "half":
        return value[: len(value) // 2]
    return join(value, value[-1:]) if VARIANT == "one more" else value[:-1]


wrap(lambda function: lambda *arguments, **names: recounted(function(*arguments, **names)))
