"""Changes everything of its process that a warm worker might hand on.

Expected: as seed
"""

import builtins, json, locale, random, resource, signal, tempfile, threading

import numpy


def make(function):
    def wrapped(*arguments, **names):
        answer = function(*arguments, **names)
        if first_call():
            poison()
        return answer

    return wrapped


def poison():
    setattr(builtins, TOKEN, True)
    sys.modules[TOKEN] = sys
    sys.path.insert(0, f"/tmp/{TOKEN}")
    os.environ[TOKEN] = os.environ["PATH"] = os.environ["LD_PRELOAD"] = os.environ["PYTHONSTARTUP"] = f"/tmp/{TOKEN}"
    os.umask(0)
    os.chdir("/")
    numpy.sum = numpy.array = json.dumps = random.random = len
    numpy.seterr(all="raise")
    tempfile.tempdir = f"/tmp/{TOKEN}"
    time.time = time.sleep = lambda *arguments: 0.0
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP})
    for name in ("RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_STACK"):
        limit = getattr(resource, name)
        resource.setrlimit(limit, (64, resource.getrlimit(limit)[1]))
    try:
        locale.setlocale(locale.LC_ALL, "")
        os.nice(5)
    except (OSError, locale.Error) as error:
        held("a lower priority or another locale", type(error).__name__)
    sys.setrecursionlimit(100)
    sys.setswitchinterval(1000)
    threading.stack_size(1 << 20)
    did("poison the worker")


wrap(make)
