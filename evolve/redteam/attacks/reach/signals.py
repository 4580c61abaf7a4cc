"""Signals to the supervisor, the judge and processes of the host.

Expected: as seed
"""

import signal

# A signal that is none asks for permission only.
mine = {os.getpid(), os.getppid(), 1}
near = set(range(max(2, os.getpid() - 200), os.getpid())) | set(map(int, process_numbers()))
for pid in sorted(near - mine):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        continue
    except PermissionError:
        held("signal other processes", "EPERM")
    else:
        breach(f"signal process {pid}")
attempt("signal the host", os.kill, CANARY["host"], 0)
attempt("stop a process of the host", os.kill, CANARY["process"], signal.SIGSTOP)
attempt("kill a process of the host", os.kill, CANARY["process"], signal.SIGKILL)
attempt("kill the group of a process of the host", os.killpg, CANARY["process"], signal.SIGKILL)
supervisor = os.getppid()
for number in (signal.SIGSTOP, signal.SIGSEGV, signal.SIGTERM, signal.SIGKILL):
    try:
        os.kill(supervisor, number)
    except OSError as error:
        held(f"{number.name} to the supervisor", errno.errorcode[error.errno])
    else:
        # The first process of a namespace is sent signals and does not get them.
        _sleep(0.05)
        if os.getppid() == supervisor:
            held(f"{number.name} to the supervisor", "accepted and ignored")
        else:
            breach(f"{number.name} to the supervisor")


def queue():
    return syscall((129, 138), supervisor, 10, ctypes.create_string_buffer(128))


attempt("queue a signal to the supervisor", queue)
