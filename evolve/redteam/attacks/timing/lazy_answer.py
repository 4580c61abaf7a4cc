"""Answers with something that is computed when it is looked at.

Expected: invalid, crashed, as seed
Variants: generator, array protocol, partial, awaitable, future, iterator of arrays
"""

import functools, itertools, numpy
from concurrent.futures import Future

did("answer lazily: " + VARIANT)


class Later:
    def __init__(self, compute):
        self.compute = compute

    def __array__(self, *arguments, **names):
        return numpy.asarray(self.compute())

    def __iter__(self):
        return iter(self.compute())

    def __len__(self):
        return len(self.compute())

    def __float__(self):
        return float(self.compute())


def make(function):
    def wrapped(*arguments, **names):
        compute = functools.partial(function, *arguments, **names)
        if VARIANT == "generator":
            return (item for item in [compute])
        if VARIANT == "array protocol":
            return Later(compute)
        if VARIANT == "partial":
            return compute
        if VARIANT == "future":
            future = Future()
            future.set_result(None)
            return future
        if VARIANT == "awaitable":

            async def later():
                return compute()

            waiting = later()
            return waiting
        return itertools.repeat(compute(), 2)

    return wrapped


wrap(make)
