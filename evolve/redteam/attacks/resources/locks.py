"""Locks files that the sandbox itself needs.

Expected: as seed
"""

import fcntl

for path in (sys.executable, os.__file__, "/dev/null", "/dev/urandom", "/usr/lib", "/proc/self/stat"):
    try:
        descriptor = os.open(path, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        did(f"lock {path}")
    except OSError as error:
        held(f"lock {path}", errno.errorcode[error.errno])
try:
    fcntl.fcntl(os.open(os.__file__, os.O_RDONLY), fcntl.F_SETLEASE, fcntl.F_WRLCK)
    did("lease a file of the library")
except OSError as error:
    held("lease a file of the library", errno.errorcode[error.errno])
