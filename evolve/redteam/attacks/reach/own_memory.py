"""Searches its own memory, which was the supervisor's, for what the judge or the host left there.

Expected: as seed, timed_out
"""

import gc

found = searched = 0
try:
    maps = open("/proc/self/maps").read().splitlines()
    memory = open("/proc/self/mem", "rb", buffering=0)
except OSError as error:
    held("read its own memory", errno.errorcode[error.errno])
else:
    for row in maps:
        span, rights = row.split()[:2]
        start, end = (int(part, 16) for part in span.split("-"))
        if "r" not in rights or "w" not in rights or row.endswith(("[vvar]", "[vsyscall]")) or searched > 200 << 20:
            continue
        try:
            memory.seek(start)
            content = memory.read(min(end - start, 64 << 20))
        except (OSError, OverflowError):
            continue
        searched += len(content)
        found += len(PATTERN.findall(content))
    breach("secrets in its memory", found) if found else held(f"secrets in {searched >> 20} MB of memory", "none")
kinds = [
    type(o).__name__ for o in gc.get_objects() if type(o).__name__ in ("Job", "RemoteCandidate", "_Process", "Verdict")
]
breach("objects of the judge", set(kinds)) if kinds else held("objects of the judge", "none")
modules = [name for name in ("evaluate", "secret") if name in sys.modules]
breach("modules of the judge", modules) if modules else held("modules of the judge", "none")
