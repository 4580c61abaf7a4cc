# Stands before every attack. The names of the attack's surroundings, filled in by the suite:
# TOKEN, VARIANT, SEED_TEXT, CANARY, LIMITS, OBJECTIVES; and MODULE, the names that the judge can call.
# An attack has a namespace of its own, and so has the seed: no name of one hides one of the other.
import ctypes, errno, os, re, struct, sys, time, types

_rights = (ctypes.c_uint * 6)()
if ctypes.CDLL(None).capget((ctypes.c_uint * 2)(0x20080522, 0), _rights) or any(_rights) or os.getuid() == 0:
    raise SystemExit("this program must only run in a sandbox")

_libc = ctypes.CDLL(None, use_errno=True)
# Every process of an attack bears a name by which the host finds what is left of it.
_libc.prctl(15, TOKEN.encode()[:15], 0, 0, 0)
_put, _clock, _sleep = os.write, time.monotonic, time.sleep
_ARM = os.uname().machine == "aarch64"
PATTERN = re.compile(rb"EVOLVE-CANARY-[0-9a-f]{32}")
CONNECTION = 3


# What an attack reports: on standard error, so that nothing it patched is in the way.
def _say(word, what, detail=""):
    line = f"{word}: {what}" + (f" ({detail})" if detail else "")
    _put(2, line.replace("\n", " ").encode("ascii", "replace")[:200] + b"\n")


def did(what):
    _say("DID", what)


def held(what, why=""):
    _say("HELD", what, why)


def breach(what, detail=""):
    _say("BREACH", what, detail)


def attempt(what, action, *arguments, harmless=()):
    """Do what must be refused. Only a refusal by the system counts: any other error ends the attack."""
    try:
        result = action(*arguments)
    except OSError as error:
        held(what, errno.errorcode.get(error.errno, type(error).__name__))
        return None
    if result in harmless:
        held(what, f"answered {result!r:.60}")
    else:
        breach(what, f"{result!r:.80}")
    return result


def syscall(numbers, *arguments):
    """Make a system call; ``numbers`` are those of x86_64 and aarch64."""
    number = numbers[_ARM] if isinstance(numbers, tuple) else numbers
    if number is None:
        raise OSError(errno.ENOSYS, "no such call here")
    result = _libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def door(what, numbers, *arguments):
    """A call that must be refused before the kernel looks at its arguments."""
    try:
        result = syscall(numbers, *arguments)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS):
            held(what, errno.errorcode[error.errno])
        else:
            breach(what, "reached the kernel: " + errno.errorcode.get(error.errno, str(error.errno)))
        return
    breach(what, f"returned {result}")


def writable_folders():
    names = {
        ".",
        "/tmp",
        "/dev/shm",
        "/var/tmp",
        "/run/user",
        os.environ.get("HOME", "."),
        os.environ.get("TMPDIR", "."),
    }
    return sorted({os.path.realpath(name) for name in names if _is_writable(name)})


def _is_writable(folder):
    # By trying: the rights of a folder do not tell of Landlock.
    path = f"{folder}/{TOKEN}-tried-{os.getpid()}"
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
        os.unlink(path)
    except OSError:
        return False
    return True


def contents(path):
    """Return the text of a file, or none where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read().decode("latin-1")
    except OSError:
        return ""


def process_numbers():
    """Return the processes in sight."""
    try:
        return [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def frame(body, id=0, code=0, structured=None, buffers=0):
    """A message as the candidate's side of the connection sends it."""
    return struct.pack("<QIIQ", id, code, len(body) if structured is None else structured, buffers) + body


def put_all(data, descriptor=CONNECTION):
    while data:
        data = data[_put(descriptor, data) :]


ONE_BILLION = b"\xcb" + struct.pack(">d", 1e9)


def question():
    """Return the identifier of the question that is being answered, found by walking the stack; 0 without."""
    walked = sys._getframe(1)
    while walked is not None:
        if isinstance(walked.f_locals.get("id"), int) and "channel" in walked.f_locals:
            return walked.f_locals["id"]
        walked = walked.f_back
    return 0


_calls = 0


def first_call():
    """Whether this is asked for the first time: some judges call a program thousands of times."""
    global _calls
    _calls += 1
    return _calls == 1


# Wrapping what the seed offers leaves what it uses itself alone.
_seeded = False


def no_seed():
    global _seeded
    _seeded = True


def seed():
    """Let the seed's code follow; return its public names."""
    return wrap(lambda function: function)


def wrap(make):
    """Let the seed's code follow with every public function replaced by ``make(function)``."""
    global _seeded
    _seeded = True
    space = {"__name__": __name__, "__file__": MODULE.get("__file__", "program.py"), "__builtins__": __builtins__}
    exec(compile(SEED_TEXT, "seed.py", "exec", dont_inherit=True), space)
    for name, value in list(space.items()):
        own = getattr(value, "__module__", None) == __name__ and isinstance(value, types.FunctionType)
        if not name.startswith("__"):
            MODULE[name] = make(value) if own and not name.startswith("_") else value


def finish():
    if not _seeded:
        seed()
