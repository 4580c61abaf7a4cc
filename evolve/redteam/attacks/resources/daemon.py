"""A grandchild that left the session, closed everything and goes on.

Expected: as seed
Variants: sleeping, busy, ignoring signals, executed
"""

import signal

ready_in, ready_out = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    os.write(ready_out, b"x")
    os.closerange(0, 100)
    deadline = _clock() + 20
    if VARIANT == "ignoring signals":
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
    if VARIANT == "executed":
        os.execv(sys.executable, [TOKEN, "-c", "import time; time.sleep(20)"])
    while _clock() < deadline:
        VARIANT == "busy" or _sleep(0.01)
    os._exit(0)
os.read(ready_in, 1)
did("leave a daemon: " + VARIANT)
