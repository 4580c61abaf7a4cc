"""Ends in ways that a process can be ended in.

Expected: crashed
Variants: segmentation fault, abort, illegal instruction, killed, floating point, recursion, trap, out of memory
"""

import signal

did("fall: " + VARIANT)


def recurse(*arguments, **names):
    return recurse()


def fall(*arguments, **names):
    numbers = {
        "illegal instruction": signal.SIGILL,
        "killed": signal.SIGKILL,
        "floating point": signal.SIGFPE,
        "trap": signal.SIGTRAP,
    }
    if VARIANT == "segmentation fault":
        ctypes.string_at(8)
    if VARIANT == "abort":
        os.abort()
    if VARIANT == "out of memory":
        bytearray(1 << 46)
    os.kill(os.getpid(), numbers[VARIANT])


wrap(lambda function: recurse if VARIANT == "recursion" else fall)
