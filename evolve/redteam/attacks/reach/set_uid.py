"""Runs the system's set-uid programs, and makes one.

Expected: as seed
"""

import shutil, subprocess

status = contents("/proc/self/status")
if "NoNewPrivs:\t1" in status or _libc.prctl(39, 0, 0, 0, 0) == 1:
    held("gain rights by executing", "no new privileges")
else:
    breach("gain rights by executing", "the process may gain privileges")
found = 0
for folder in ("/bin", "/usr/bin", "/sbin", "/usr/sbin", "/usr/lib"):
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        try:
            mode = os.stat(f"{folder}/{name}").st_mode
        except OSError:
            continue
        found += bool(mode & 0o6000)
did(f"find {found} set-uid programs")
for command in (
    ["su", "-c", "id -u"],
    ["sudo", "-n", "id", "-u"],
    ["mount"],
    ["pkexec", "id", "-u"],
    ["newgrp", "root"],
):
    if shutil.which(command[0]) is None:
        held(" ".join(command), "not there")
        continue
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=1, text=True)
        words = done.stdout.strip()
        breach(" ".join(command), words) if words == "0" else held(" ".join(command), f"exit {done.returncode}")
    except (OSError, subprocess.TimeoutExpired) as error:
        held(" ".join(command), type(error).__name__)
shutil.copy(shutil.which("id") or sys.executable, TOKEN)
attempt("own a program of root", os.chown, TOKEN, 0, 0)
os.chmod(TOKEN, 0o6755)
