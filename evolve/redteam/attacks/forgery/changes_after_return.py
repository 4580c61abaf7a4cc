"""Goes on changing what it returned.

Expected: as seed, invalid, crashed, no better
Variants: by a thread, shared with a child, truncated file
"""

import mmap, numpy, threading

did("change the answer after returning it: " + VARIANT)


def make(function):
    def wrapped(*arguments, **names):
        value = function(*arguments, **names)
        if not first_call():
            return value
        array = value if isinstance(value, numpy.ndarray) and value.size else numpy.zeros(100000)
        if VARIANT == "by a thread":
            original = array.copy()

            def toggle():
                for _ in range(2000):
                    array[...] = 1e9 if array.dtype.kind == "f" else 1
                    array[...] = original

            if array.flags.writeable:
                threading.Thread(target=toggle, daemon=True).start()
            return value
        if not isinstance(value, numpy.ndarray):
            return value
        size = max(array.nbytes, 1 << 20)
        with open("shared", "wb") as file:
            file.truncate(size)
        with open("shared", "r+b") as file:
            memory = mmap.mmap(file.fileno(), size)
        copy = numpy.frombuffer(memory, array.dtype, array.size).reshape(array.shape)
        copy[...] = array
        if os.fork() == 0:
            for _ in range(200):
                if VARIANT == "truncated file":
                    os.truncate("shared", 0)
                    os._exit(0)
                copy[...] = 1e9 if array.dtype.kind == "f" else 1
                copy[...] = array
            os._exit(0)
        return copy

    return wrapped


wrap(make)
