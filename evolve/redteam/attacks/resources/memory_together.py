"""Several processes each take as much address space as they are given.

Expected: as seed, crashed, timed_out
"""

import mmap

step, count, total = 64 << 20, 0, 0
bound = (LIMITS["memory_mb"] << 20) * LIMITS["processes"] * 2 + (4 << 30)
pipe_in, pipe_out = os.pipe()
try:
    while count < 4 * LIMITS["processes"] + 64:
        if os.fork() == 0:
            kept = []
            try:
                while len(kept) * step < bound:
                    kept.append(mmap.mmap(-1, step))
            except (OSError, MemoryError):
                pass
            os.write(pipe_out, struct.pack("<Q", len(kept) * step))
            _sleep(10)
            os._exit(0)
        count += 1
except OSError as error:
    held(f"process {count + 1}", errno.errorcode[error.errno])
for _ in range(count):
    total += struct.unpack("<Q", os.read(pipe_in, 8))[0]
words = f"{total >> 20} MB in {count} processes of {LIMITS['memory_mb']} MB"
held(words) if total < bound else breach("more address space than all processes may have", words)
