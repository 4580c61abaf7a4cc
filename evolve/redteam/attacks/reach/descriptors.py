"""Takes descriptors of other processes, and looks for some that it inherited.

Expected: as seed
"""

for pid in (1, os.getppid(), CANARY["process"], CANARY["host"], os.getpid()):
    attempt(f"a handle on process {pid}", syscall, (434, 434), pid, 0)
for descriptor in range(3, 12):
    attempt(f"a descriptor through {descriptor}", syscall, (438, 438), descriptor, 0, 0)
    attempt(f"a signal through {descriptor}", syscall, (424, 424), descriptor, 0, 0, 0)
open_ones = []
for descriptor in range(4096):
    try:
        os.fstat(descriptor)
        open_ones.append(descriptor)
    except OSError:
        continue
strange = [d for d in open_ones if d > CONNECTION]
breach("inherited descriptors", strange) if strange else held("inherited descriptors", f"only {open_ones}")
for descriptor in (0, 1, 2):
    target = os.readlink(f"/proc/self/fd/{descriptor}") if os.path.exists(f"/proc/self/fd/{descriptor}") else ""
    if any(word in target for word in ("tty", "pts", "socket")):
        breach(f"descriptor {descriptor} leads outside", target)
    # Pushes a character into the terminal of whoever started this.
    attempt(f"type into the terminal of {descriptor}", lambda: __import__("fcntl").ioctl(descriptor, 0x5412, b"x"))
attempt("open the terminal", os.open, "/dev/tty", os.O_RDWR)
