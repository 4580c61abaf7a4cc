"""Reads, lists and writes files of the host and of the problem.

Expected: as seed
"""

private = [
    "/etc/shadow",
    "/root/.bashrc",
    "/root/.ssh",
    "/home",
    "/proc/kcore",
    "/boot",
    "/var/lib/docker",
    f"/proc/{CANARY['host']}/root",
    "/proc/1/root/etc/shadow",
    "/proc/1/cwd/.",
    f"/proc/{os.getppid()}/cwd/.",
    CANARY["problem"] + "/evaluate.py",
    CANARY["problem"] + "/problem.yaml",
    *CANARY["files"],
]


def read(path):
    if os.path.isdir(path):
        return os.listdir(path)
    with open(path, "rb") as file:
        return file.read(64)


def write(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o666))
    return "written"


for path in private:
    attempt(f"read {path}", read, path, harmless=([],))
for path in CANARY["files"]:
    attempt(f"change {path}", lambda: open(path, "ab").write(b"x"))
    attempt(f"remove {path}", os.unlink, path)
    attempt(f"touch {path}", os.utime, path)
for folder in (*CANARY["folders"], CANARY["problem"], CANARY["problem"] + "/seed"):
    attempt(f"list {folder}", os.listdir, folder, harmless=([],))
    attempt(f"write in {folder}", write, f"{folder}/{TOKEN}")
working = CANARY["working_folder"]
if working != "/":
    # The interpreter itself may live there.
    libraries = [path for path in (sys.prefix, sys.base_prefix, *sys.path) if path.startswith(working + "/")]
    ways = sorted({path.removeprefix(working + "/").partition("/")[0] for path in libraries})
    attempt(f"read {working}", lambda: sorted(os.listdir(working + "/.")), harmless=([], ways))
