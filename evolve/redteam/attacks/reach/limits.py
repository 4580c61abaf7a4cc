"""Sets limits, priorities and processors of others, and raises its own.

Expected: as seed
"""

import resource

for pid in (1, os.getppid(), CANARY["process"], CANARY["host"]):
    attempt(f"limit process {pid}", resource.prlimit, pid, resource.RLIMIT_CPU, (0, 0))
    attempt(f"read the limits of process {pid}", resource.prlimit, pid, resource.RLIMIT_CPU)
    attempt(f"move process {pid}", os.sched_setaffinity, pid, {0})
    attempt(f"make process {pid} idle", os.sched_setscheduler, pid, os.SCHED_IDLE, os.sched_param(0))
    attempt(f"lower process {pid}", os.setpriority, os.PRIO_PROCESS, pid, 19)
    attempt(f"lower the input and output of process {pid}", syscall, (251, 30), 1, pid, 0x6007)
for name in (
    "RLIMIT_AS",
    "RLIMIT_NPROC",
    "RLIMIT_NOFILE",
    "RLIMIT_FSIZE",
    "RLIMIT_CPU",
    "RLIMIT_CORE",
    "RLIMIT_MEMLOCK",
):
    limit = getattr(resource, name)
    hard = resource.getrlimit(limit)[1]
    try:
        resource.setrlimit(limit, (-1, -1))
        held(name, "was not limited") if hard == -1 else breach(f"raise {name}", hard)
    except (OSError, ValueError) as error:
        held(f"raise {name}", type(error).__name__)
attempt("real-time priority", os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1))
attempt("a higher priority", os.setpriority, os.PRIO_PROCESS, 0, -5)
attempt("everybody's priority", os.setpriority, os.PRIO_USER, 0, 5)
attempt("lock memory", lambda: syscall((151, 230), 3))
