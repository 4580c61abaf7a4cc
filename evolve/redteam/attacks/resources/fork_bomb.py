"""Starts processes until no more are allowed, and leaves them running.

Expected: as seed, timed_out, crashed
Variants: wide, deep, of another session
"""

import mmap

counter = mmap.mmap(-1, 4096)
most = 4 * LIMITS["processes"] + 64


def bump():
    # Not exact between processes, which is enough for a bound.
    counter[0:4] = struct.pack("<I", struct.unpack("<I", counter[0:4])[0] + 1)
    return struct.unpack("<I", counter[0:4])[0]


def stay():
    # Ends itself long after the suite has looked, should nobody end it.
    os.closerange(0, 2)
    deadline = _clock() + 20
    while _clock() < deadline:
        _sleep(0.05)
    os._exit(0)


def child():
    if VARIANT == "of another session":
        os.setsid()
    if VARIANT == "deep":
        spread()
    stay()


def spread():
    while bump() < most:
        if os.fork() == 0:
            child()
        if VARIANT == "deep":
            break


try:
    while bump() < most:
        if os.fork() == 0:
            child()
    breach("more processes than allowed", f"{most}")
except OSError as error:
    held(f"process {struct.unpack('<I', counter[0:4])[0]} of {LIMITS['processes']}", errno.errorcode[error.errno])
