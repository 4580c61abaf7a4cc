"""Waits for ever without using the processor.

Expected: timed_out
Variants: sleep, stopped, stopped child holds the connection, closed output
"""

import signal

did("wait: " + VARIANT)


def wait(*arguments, **names):
    if VARIANT == "stopped":
        os.kill(os.getpid(), signal.SIGSTOP)
    if VARIANT == "stopped child holds the connection":
        if os.fork():
            os._exit(0)
        os.kill(os.getpid(), signal.SIGSTOP)
    if VARIANT == "closed output":
        os.closerange(0, 3)
    while True:
        _sleep(1000)


# A child is a copy whose channel is closed on fork: a duplicate keeps the connection open.
os.dup(CONNECTION)
wrap(lambda function: wait)
