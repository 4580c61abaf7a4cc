"""Opens what /proc shows of every other process.

Expected: as seed
"""

mine = {os.getpid()}
others = {1, os.getppid(), CANARY["host"], CANARY["process"]}
try:
    others |= {int(name) for name in os.listdir("/proc") if name.isdigit()}
    did(f"see {len(others)} processes")
except OSError as error:
    held("list /proc", errno.errorcode[error.errno])


def read(path):
    with open(path, "rb") as file:
        return file.read(16)


def write(path):
    os.close(os.open(path, os.O_WRONLY))
    return "opened"


for pid in sorted(others - mine):
    for name in ("mem", "maps", "environ", "auxv", "stack", "syscall", "pagemap"):
        attempt(f"read {name} of process {pid}", read, f"/proc/{pid}/{name}", harmless=(b"",))
    for name in ("cwd", "root", "exe", "ns/net", "ns/mnt"):
        attempt(f"follow {name} of process {pid}", os.readlink, f"/proc/{pid}/{name}")
    for name in ("fd", "fdinfo", "map_files"):
        attempt(f"list {name} of process {pid}", os.listdir, f"/proc/{pid}/{name}", harmless=([],))
    for name in ("mem", "clear_refs", "oom_score_adj", "comm", "timerslack_ns", "coredump_filter"):
        attempt(f"write {name} of process {pid}", write, f"/proc/{pid}/{name}")
