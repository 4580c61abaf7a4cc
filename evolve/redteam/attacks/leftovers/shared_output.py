"""Does to the descriptors that outlive it what may trouble the next program or the supervisor.

Expected: as seed, crashed
Variants: seals, truncates, seeks, flags, owner, punches, maps, reads, writes over
"""

import fcntl, mmap

did("descriptors that outlive it: " + VARIANT)
for descriptor in (0, 1):
    try:
        if VARIANT == "seals":
            fcntl.fcntl(descriptor, 1033, 1 | 2 | 4 | 8)
            breach("seal the shared output") if descriptor else held("seal")
        elif VARIANT == "truncates":
            os.ftruncate(descriptor, 1 << 20)
        elif VARIANT == "seeks":
            os.lseek(descriptor, 1 << 40, os.SEEK_SET)
            os.write(descriptor, b"x")
        elif VARIANT == "flags":
            fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_APPEND | os.O_NONBLOCK | os.O_ASYNC | os.O_DIRECT)
        elif VARIANT == "owner":
            fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getppid())
            fcntl.fcntl(descriptor, 10, 9)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        elif VARIANT == "punches":
            _libc.fallocate(descriptor, 3, ctypes.c_long(0), ctypes.c_long(1 << 20))
            _libc.fallocate(descriptor, 0, ctypes.c_long(0), ctypes.c_long(1 << 50))
        elif VARIANT == "maps":
            kept = mmap.mmap(descriptor, 4096)
        elif VARIANT == "reads":
            content = os.pread(descriptor, 1 << 16, 0)
            strange = [line for line in content.splitlines() if not line.startswith((b"DID", b"HELD"))]
            breach("output of others", strange[:1]) if strange else held("output of others", "none")
        else:
            os.pwrite(descriptor, b"DID: looked for leftovers\n" * 10, 0)
            os.lseek(descriptor, 0, os.SEEK_END)
    except (OSError, ValueError) as error:
        held(f"{VARIANT} {descriptor}", type(error).__name__)
_put(2, b"\n")
did("go on")
