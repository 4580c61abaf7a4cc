"""Ends before it is scored, as if all were well.

Expected: crashed
Variants: os._exit while loading, sys.exit while loading, os._exit, sys.exit, SystemExit of a text, KeyboardInterrupt, GeneratorExit, StopIteration, closed connection, executes true, executes Python, exit in a thread
"""

import threading

did("end early: " + VARIANT)
if VARIANT == "os._exit while loading":
    os._exit(0)
if VARIANT == "sys.exit while loading":
    sys.exit(0)


def leave(*arguments, **names):
    if VARIANT == "os._exit":
        os._exit(0)
    if VARIANT == "sys.exit":
        sys.exit(0)
    if VARIANT == "SystemExit of a text":
        raise SystemExit("valid")
    if VARIANT == "closed connection":
        os.close(CONNECTION)
        _sleep(1000)
    if VARIANT == "executes true":
        os.execv("/bin/true", ["true"])
    if VARIANT == "executes Python":
        os.execv(sys.executable, [sys.executable, "-c", "print('score: 1e9')"])
    if VARIANT == "exit in a thread":
        threading.Thread(target=os._exit, args=(0,)).start()
        _sleep(1000)
    raise {"KeyboardInterrupt": KeyboardInterrupt, "GeneratorExit": GeneratorExit, "StopIteration": StopIteration}[
        VARIANT
    ]


wrap(lambda function: leave)
