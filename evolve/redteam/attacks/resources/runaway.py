"""A process that forks and ends at once, again and again: whoever kills it comes too late.

Expected: as seed, timed_out, crashed
"""

did("run away")
if os.fork() == 0:
    os.setsid()
    os.closerange(0, 64)
    deadline = _clock() + 8
    while _clock() < deadline:
        try:
            if os.fork():
                os._exit(0)
        except OSError:
            _sleep(0.001)
    os._exit(0)
