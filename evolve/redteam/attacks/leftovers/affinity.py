"""Moves itself to another processor, and lowers itself as far as it goes.

Expected: as seed, timed_out
"""

cores = sorted(os.sched_getaffinity(0))
everything = set(range(os.cpu_count() or 1))
try:
    os.sched_setaffinity(0, everything)
    did(f"move from {cores} to {sorted(os.sched_getaffinity(0))}")
except OSError as error:
    held("move to other processors", errno.errorcode[error.errno])
try:
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    did("become a batch process")
except OSError as error:
    held("become a batch process", errno.errorcode[error.errno])
