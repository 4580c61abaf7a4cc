"""Makes its clocks stand still, run backwards or fast.

Expected: as seed, crashed
Variants: stand still, backwards, vDSO, preloaded library
"""

import mmap

did("clocks: " + VARIANT)


def spoil():
    if VARIANT == "stand still":
        for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
            setattr(time, name, lambda: 0.0)
            setattr(time, name + "_ns", lambda: 0)
    elif VARIANT == "backwards":
        start = _clock()
        for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
            setattr(time, name, lambda: 2 * start - _clock())
    elif VARIANT == "preloaded library":
        os.environ["LD_PRELOAD"] = os.path.abspath("clock.so")
        open("clock.so", "wb").write(b"\x7fELF")
    else:
        for row in contents("/proc/self/maps").splitlines():
            if "[vdso]" in row or "[vvar]" in row:
                start, end = (int(part, 16) for part in row.split()[0].split("-"))
                result = _libc.mprotect(ctypes.c_void_p(start), ctypes.c_size_t(end - start), 7)
                held(f"make {row.split()[-1]} writable", "refused") if result else did(
                    f"make its own {row.split()[-1]} writable"
                )


def make(function):
    def wrapped(*arguments, **names):
        spoil()
        return function(*arguments, **names)

    return wrapped


wrap(make)
