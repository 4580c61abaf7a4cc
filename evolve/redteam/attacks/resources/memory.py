"""Takes memory until no more is given.

Expected: as seed, crashed, timed_out
Variants: of its own, shared, address space
"""

import mmap

step = 16 << 20
most = 2 * (LIMITS["memory_mb"] << 20) + (1 << 30)
kept, taken = [], 0
# Said first: a program that is killed for it cannot say it at the end.
did("take memory: " + VARIANT)
try:
    while taken < most:
        if VARIANT == "of its own":
            kept.append(bytearray(step))
            kept[-1][::4096] = b"x" * (step // 4096)
        elif VARIANT == "shared":
            kept.append(mmap.mmap(-1, step, mmap.MAP_SHARED))
        else:
            kept.append(mmap.mmap(-1, step * 16, mmap.MAP_PRIVATE | 0x4000, mmap.PROT_READ))
            taken += step * 15
        taken += step
    breach("more memory than allowed", f"{taken >> 20} MB of {LIMITS['memory_mb']}")
except (MemoryError, OSError) as error:
    kept.clear()
    held(f"{taken >> 20} MB of {LIMITS['memory_mb']}", type(error).__name__)
kept.clear()
