"""Starts threads until no more are allowed.

Expected: as seed, crashed, timed_out
"""

import threading

started, most = 0, 4 * LIMITS["processes"] + 64
threading.stack_size(64 << 10)
try:
    while started < most:
        threading.Thread(target=_sleep, args=(30,), daemon=True).start()
        started += 1
    breach("more threads than processes are allowed", started)
except (RuntimeError, MemoryError, OSError) as error:
    held(f"thread {started + 1}", type(error).__name__)
