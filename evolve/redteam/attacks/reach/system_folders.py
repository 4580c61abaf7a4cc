"""Writes in every folder of the system, of the interpreter and of the judge's own code.

Expected: as seed
"""

import evaluators, numpy

folders = {
    "/",
    "/bin",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/sys",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/var",
    "/var/spool/cron",
    "/etc/cron.d",
    "/etc/ld.so.conf.d",
    sys.prefix,
    sys.base_prefix,
    os.path.dirname(os.__file__),
    os.path.dirname(numpy.__file__),
    os.path.dirname(evaluators.__file__),
    "/proc/self/fd",
    "/proc/1/root/tmp",
    *(path for path in sys.path if path and not path.startswith(os.getcwd())),
}


def write(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o666))
    return "written"


for folder in sorted(folders):
    attempt(f"write in {folder}", write, f"{folder}/{TOKEN}")
for path in (evaluators.__file__, os.__file__, numpy.__file__, sys.executable, "/etc/passwd", "/etc/ld.so.preload"):
    attempt(f"open {path} for writing", os.open, path, os.O_WRONLY)
    attempt(f"replace {path}", os.rename, path, path + TOKEN)
    attempt(f"change the mode of {path}", os.chmod, path, 0o777)
