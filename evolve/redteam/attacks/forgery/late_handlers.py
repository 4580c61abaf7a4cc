"""Code that runs when nobody calls it: at exit, on signals, on every line, when objects end.

Expected: as seed, invalid, crashed
Variants: atexit, signals, trace, profile, finaliser, collector, fork, audit, excepthook, stream, codec
"""

import atexit, codecs, gc, io, signal, threading

connection = os.dup(CONNECTION)
did("hook into " + VARIANT)


def forge(*arguments):
    try:
        os.write(connection, frame(ONE_BILLION))
    except OSError:
        pass


class Final:
    __del__ = forge


class Stream(io.StringIO):
    def flush(self):
        forge()


if VARIANT == "atexit":
    atexit.register(forge)
elif VARIANT == "signals":
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGUSR1):
        signal.signal(number, forge)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
elif VARIANT == "trace":
    sys.settrace(lambda *arguments: forge())
    threading.settrace(lambda *arguments: forge())
elif VARIANT == "profile":
    sys.setprofile(lambda *arguments: forge())
elif VARIANT == "finaliser":
    loop = Final()
    loop.itself = loop
    del loop
elif VARIANT == "collector":
    gc.callbacks.append(lambda *arguments: forge())
    gc.set_threshold(1)
elif VARIANT == "fork":
    os.register_at_fork(before=forge, after_in_child=forge, after_in_parent=forge)
elif VARIANT == "audit":
    sys.addaudithook(lambda *arguments: forge())
elif VARIANT == "excepthook":
    sys.excepthook = sys.unraisablehook = threading.excepthook = forge
elif VARIANT == "stream":
    sys.stdout = sys.stderr = Stream()
else:
    codecs.register(forge)
