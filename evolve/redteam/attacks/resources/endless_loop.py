"""A loop without end that ignores every signal.

Expected: timed_out
Variants: while loading, when called
"""

import signal

for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
did("ignore signals")


def loop(*arguments, **names):
    while True:
        pass


if VARIANT == "while loading":
    loop()
wrap(lambda function: loop)
