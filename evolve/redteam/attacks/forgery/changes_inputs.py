"""Changes the judge's arguments in place, once it has its own answer.

Expected: as seed
"""

import numpy

did("change the arguments")


def spoil(value):
    if isinstance(value, numpy.ndarray):
        try:
            value.flags.writeable = True
        except ValueError:
            return
        value[...] = 0
    elif isinstance(value, list):
        for item in value:
            spoil(item)
        value.clear()
    elif isinstance(value, dict):
        for item in value.values():
            spoil(item)
        value.clear()


def copied(value):
    return value.copy() if isinstance(value, numpy.ndarray) else list(value) if isinstance(value, list) else value


def make(function):
    def wrapped(*arguments, **names):
        answer = copied(function(*arguments, **names))
        for value in (*arguments, *names.values()):
            spoil(value)
        return answer

    return wrapped


wrap(make)
