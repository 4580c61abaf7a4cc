"""Answers with an object that poses as what the seed answers.

Expected: invalid, crashed, as seed
Variants: subclass, object array, structured array, masked array, matrix, generator, callable, named tuple, mapping, memory view, range, decimal, date, equal to everything, array interface, pickled call, lazy list
"""

import collections, datetime, decimal, numpy

did("lie about the type: " + VARIANT)


class Equal:
    def __eq__(self, other):
        return True

    __lt__ = __gt__ = __le__ = __ge__ = __ne__ = __eq__
    __hash__ = None

    def __float__(self):
        return 1e9

    def __len__(self):
        return 1

    def __iter__(self):
        return iter([1e9])

    def __reduce__(self):
        return os._exit, (0,)


class Interface:
    def __init__(self, value):
        self.value = value

    def __array__(self, *arguments, **names):
        return numpy.full(10, 1e9)

    @property
    def __array_interface__(self):
        return numpy.full(10, 1e9).__array_interface__


class Lazy(list):
    def __iter__(self):
        return iter([1e9] * 10)

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return 1e9


def posed(value):
    if VARIANT == "subclass":
        kind = type(value)
        if kind is numpy.ndarray:
            return value.view(type("Posed", (numpy.ndarray,), {}))
        return type("Posed", (kind,), {})(value) if kind in (int, float, str, bytes, list, dict) else Equal()
    if VARIANT == "object array":
        return numpy.array([value, print], dtype=object)
    if VARIANT == "structured array":
        return numpy.zeros(3, dtype=[("x", "f8"), ("y", "f8")])
    if VARIANT == "masked array":
        return numpy.ma.masked_array(value)
    if VARIANT == "matrix":
        return (
            numpy.asmatrix(numpy.atleast_2d(value)) if isinstance(value, numpy.ndarray) and value.ndim < 3 else Equal()
        )
    if VARIANT == "generator":
        return (value for _ in range(1))
    if VARIANT == "callable":
        return lambda: value
    if VARIANT == "named tuple":
        return collections.namedtuple("Posed", "value")(value)
    if VARIANT == "mapping":
        return collections.OrderedDict(value=value)
    if VARIANT == "memory view":
        return memoryview(b"123")
    if VARIANT == "range":
        return range(10)
    if VARIANT == "decimal":
        return decimal.Decimal("1e9")
    if VARIANT == "date":
        return datetime.datetime.now()
    if VARIANT == "array interface":
        return Interface(value)
    if VARIANT == "lazy list":
        return Lazy([value])
    return Equal()


wrap(lambda function: lambda *arguments, **names: posed(function(*arguments, **names)))
