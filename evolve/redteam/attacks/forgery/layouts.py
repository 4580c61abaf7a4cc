"""Answers with the seed's numbers in memory that is laid out otherwise.

Expected: as seed, invalid
Variants: read only, Fortran order, negative strides, spread out, unaligned, memory map, big endian, overlapping, no strides, single precision and back
"""

import numpy

did("lay out: " + VARIANT)


def laid(value):
    if isinstance(value, (list, tuple)):
        return [laid(item) for item in value]
    if not isinstance(value, numpy.ndarray):
        return value
    if VARIANT == "read only":
        value = value.copy()
        value.flags.writeable = False
    elif VARIANT == "Fortran order":
        return numpy.asfortranarray(value)
    elif VARIANT == "negative strides":
        return numpy.ascontiguousarray(value[::-1])[::-1] if value.ndim else value
    elif VARIANT == "spread out" and value.ndim:
        wide = numpy.full((value.shape[0] * 3, *value.shape[1:]), 7, value.dtype)
        wide[::3] = value
        return wide[::3]
    elif VARIANT == "unaligned":
        raw = numpy.zeros(value.nbytes + 1, numpy.uint8)
        raw[1:] = numpy.ascontiguousarray(value).reshape(-1).view(numpy.uint8)
        return raw[1:].view(value.dtype).reshape(value.shape)
    elif VARIANT == "memory map" and value.size and first_call():
        mapped = numpy.memmap(f"mapped-{os.urandom(8).hex()}", value.dtype, "w+", shape=value.shape)
        mapped[...] = value
        return numpy.asarray(mapped)
    elif VARIANT == "big endian":
        return value.astype(value.dtype.newbyteorder(">"))
    elif VARIANT == "overlapping" and value.ndim:
        return numpy.lib.stride_tricks.as_strided(value, value.shape, value.strides)
    elif VARIANT == "no strides" and value.ndim:
        return numpy.broadcast_to(value, (1, *value.shape))[0]
    elif VARIANT == "single precision and back":
        return numpy.array(value.tolist(), dtype=value.dtype).reshape(value.shape)
    return value


wrap(lambda function: lambda *arguments, **names: laid(function(*arguments, **names)))
