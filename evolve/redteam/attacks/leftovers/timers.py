"""Alarms and signals that come when it is gone.

Expected: as seed, crashed
Variants: alarm, timer, many timers, pending signals, parent death
"""

import signal

did("set: " + VARIANT)
if VARIANT == "alarm":
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.alarm(1)
elif VARIANT == "timer":
    signal.signal(signal.SIGALRM, lambda *arguments: None)
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
elif VARIANT == "many timers":
    for number in range(100000):
        identifier = ctypes.c_int()
        event = struct.pack("<Qii", 0, 0, 1).ljust(64, b"\0")
        if syscall((222, 107), 1, event, ctypes.byref(identifier)) < 0:
            break
        if number > 5000:
            did("make 5000 timers")
            break
elif VARIANT == "pending signals":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGRTMIN, signal.SIGUSR1})
    for number in range(20000):
        try:
            syscall(
                (129, 138),
                os.getpid(),
                int(signal.SIGRTMIN),
                struct.pack("<iii", int(signal.SIGRTMIN), 0, -1).ljust(128, b"\0"),
            )
        except OSError as error:
            held(f"signal {number}", errno.errorcode[error.errno])
            break
else:
    if os.fork() == 0:
        _libc.prctl(1, 0, 0, 0, 0)
        _libc.prctl(36, 1, 0, 0, 0)
        os.setsid()
        if os.fork() == 0:
            _libc.prctl(1, 0, 0, 0, 0)
            _sleep(20)
        _sleep(20)
        os._exit(0)
