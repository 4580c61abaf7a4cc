"""Keeps every processor busy while the judge works, and fills the memory's ways.

Expected: as seed, timed_out, crashed
Variants: processes, memory, system calls
"""

did("slow the judge down: " + VARIANT)
try:
    for _ in range(2 * (os.cpu_count() or 1)):
        if os.fork() == 0:
            os.closerange(0, 100)
            try:
                os.sched_setaffinity(0, range(os.cpu_count() or 1))
            except OSError:
                pass
            deadline, block = _clock() + 10, bytearray(8 << 20)
            while _clock() < deadline:
                if VARIANT == "memory":
                    block[:] = bytes(8 << 20)
                elif VARIANT == "system calls":
                    for _ in range(1000):
                        os.getppid()
            os._exit(0)
except OSError as error:
    held("start another", errno.errorcode[error.errno])
