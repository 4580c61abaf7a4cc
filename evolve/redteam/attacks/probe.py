"""Looks for what the attack before it left, then goes on as the seed; it is no attack itself."""

import builtins, json, random, resource, signal

import numpy

if os.fstat(2).st_size:
    first = b"".join(os.pread(2, 200, 0).splitlines()[:1])
    if not first.startswith((b"DID", b"HELD")):
        breach("the output of an earlier program is still there", first[:80])

for folder in writable_folders():
    for name in os.listdir(folder):
        if TOKEN in name:
            breach("an earlier program's file is still there", f"{folder}/{name}")
for name in os.environ:
    if TOKEN in name or TOKEN in os.environ[name]:
        breach("an earlier program's environment is still there", name)
for entry in process_numbers():
    if int(entry) != os.getpid() and contents(f"/proc/{entry}/comm").strip() == TOKEN[:15]:
        breach("an earlier program's process is still there", entry)
for path in ("/proc/sysvipc/shm", "/proc/sysvipc/sem", "/proc/sysvipc/msg"):
    rows = [row.split() for row in contents(path).splitlines()[1:]]
    if any(str(os.getuid()) in row for row in rows):
        breach("System V objects of an earlier program are still there", path)

poisoned = [name for name in sys.modules if TOKEN in name] + [name for name in vars(builtins) if TOKEN in name]
poisoned += [path for path in sys.path if TOKEN in path]
if poisoned:
    breach("an earlier program changed this interpreter", poisoned)
for function in (time.time, time.perf_counter, time.monotonic, time.sleep, len, sum, os.fork, numpy.sum, numpy.array):
    if TOKEN in str(getattr(function, "__doc__", "")) or TOKEN in getattr(function, "__name__", ""):
        breach("a function is not the library's own", function)
if json.dumps.__module__ != "json" or random.random.__name__ != "random":
    breach("a module of the library was changed")
if os.umask(0o077) == 0:
    breach("the umask was changed")
if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL or signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL:
    breach("signal handlers were left")
if signal.getitimer(signal.ITIMER_REAL)[0]:
    breach("a timer was left")
if os.getpriority(os.PRIO_PROCESS, 0) > 0:
    breach("the priority was lowered", os.getpriority(os.PRIO_PROCESS, 0))
for limit, least in ((resource.RLIMIT_NOFILE, 32), (resource.RLIMIT_FSIZE, 1 << 20), (resource.RLIMIT_STACK, 1 << 20)):
    if 0 <= resource.getrlimit(limit)[0] < least:
        breach("a limit was lowered", limit)
did("looked for leftovers")
