"""Programs that do what no program should: each must fail alone, and leave nothing behind."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from evolve.domain.evaluation import Outcome
from evolve.domain.objective import Direction
from evolve.interfaces import Bar
from tests.evaluation.slots import HONEST, HONEST_VALUE, Bench, slot_processes

ENDS_BADLY = {
    "an infinite loop": ("def answer(x):\n    while True: pass", Outcome.TIMED_OUT),
    "an infinite loop while loading": ("while True: pass", Outcome.TIMED_OUT),
    "a loop that ignores signals": (
        "import signal\n"
        "for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}: signal.signal(number, signal.SIG_IGN)\n"
        "def answer(x):\n    while True: pass",
        Outcome.TIMED_OUT,
    ),
    "sleep": ("def answer(x): time.sleep(1000)", Outcome.TIMED_OUT),
    "a quiet exit": ("def answer(x): os._exit(0)", Outcome.CRASHED),
    "sys.exit": ("def answer(x): sys.exit(0)", Outcome.CRASHED),
    "a quiet exit while loading": ("os._exit(0)", Outcome.CRASHED),
    "a segmentation fault": ("import ctypes\ndef answer(x): ctypes.string_at(8)", Outcome.CRASHED),
    "an abort": ("def answer(x): os.abort()", Outcome.CRASHED),
    "50 GB": ("def answer(x): return float(len(bytearray(50 << 30)))", Outcome.CRASHED),
    "memory without end": (
        "def answer(x):\n    kept = []\n    while True: kept.append(bytearray(1 << 22))",
        Outcome.CRASHED,
    ),
    "recursion without end": ("def answer(x): return answer(x)", Outcome.CRASHED),
    "a fork bomb": (
        "def answer(x):\n    while True:\n        try: os.fork()\n        except OSError: pass",
        Outcome.TIMED_OUT,
    ),
    "10 GB of output": (
        "def answer(x):\n    for _ in range(10 << 10): os.write(1, b'x' * (1 << 20))\n    return 1.0",
        Outcome.CRASHED,
    ),
    "a child that keeps the connection": (
        "def answer(x):\n    kept = os.dup(3)\n    if os.fork() == 0: time.sleep(1000)\n    os._exit(0)",
        Outcome.TIMED_OUT,
    ),
    "a closed connection": ("def answer(x): os.closerange(0, 100); time.sleep(1000)", Outcome.CRASHED),
    "an exception that cannot be printed": (
        "class Bad(Exception):\n    def __str__(self): raise SystemExit(3)\ndef answer(x): raise Bad()",
        Outcome.CRASHED,
    ),
    "an object that reduces to a call": (
        "class Bad:\n    def __reduce__(self): return (os.system, ('true',))\ndef answer(x): return Bad()",
        Outcome.INVALID,
    ),
    "an object that poses as a number": (
        "class Bad(float):\n    def __float__(self): return 1e9\n    def __gt__(self, other): return True\n"
        "def answer(x): return Bad(1.0)",
        Outcome.INVALID,
    ),
    "a subclass of an array": (
        "import numpy as np\nclass Bad(np.ndarray): pass\ndef answer(x): return np.zeros(3).view(Bad)",
        Outcome.INVALID,
    ),
    "an array of objects": (
        "import numpy as np\ndef answer(x): return np.array([print, 1], dtype=object)",
        Outcome.INVALID,
    ),
    "not a number": ("def answer(x): return float('nan')", Outcome.INVALID),
    "infinity": ("def answer(x): return float('inf')", Outcome.INVALID),
    "an integer beyond every float": ("def answer(x): return 10 ** 400", Outcome.INVALID),
    "a truth value": ("def answer(x): return True", Outcome.INVALID),
    "text": ("def answer(x): return '42'", Outcome.INVALID),
    "nothing": ("def answer(x): return None", Outcome.INVALID),
    "a list in itself": ("def answer(x):\n    loop = []\n    loop.append(loop)\n    return loop", Outcome.INVALID),
    "no function": ("", Outcome.CRASHED),
    "bad syntax": ("def answer(x) return 1", Outcome.CRASHED),
}  # fmt: skip

# Frames that the program writes itself, to the descriptor it was given: header is id, code, sizes.
FRAME = """
import struct
def frame(body, id=0, code=0, structured=None, buffers=0):
    return struct.pack("<QIIQ", id, code, len(body) if structured is None else structured, buffers) + body
ONE_BILLION = b"\\xcb" + struct.pack(">d", 1e9)
"""
FORGERIES = {
    "an answer ahead of time": ("os.write(3, frame(ONE_BILLION))", Outcome.INVALID),
    "a thousand answers ahead of time": (
        "for i in range(1000): os.write(3, frame(ONE_BILLION, id=i))",
        Outcome.INVALID,
    ),
    "bytes that are no frame": ("os.write(3, b'\\xff' * 24)", Outcome.INVALID),
    "bytes that are no MessagePack": ("os.write(3, frame(b'\\xc1\\xc1\\xc1'))", Outcome.INVALID),
    "4 GB announced": ("os.write(3, frame(b'', structured=0xFFFFFFFF))", Outcome.INVALID),
    "an exabyte of arrays announced": ("os.write(3, frame(b'\\x90', buffers=1 << 60))", Outcome.INVALID),
    "deep nesting": ("os.write(3, frame(b'\\x91' * 100000 + b'\\x90'))", Outcome.INVALID),
    "four million lists": (
        "data = frame(b'\\xdd' + struct.pack('>I', 4000000) + b'\\x90' * 4000000)\n"
        "while data: data = data[os.write(3, data):]",
        Outcome.INVALID,
    ),
    "an array larger than its contents": (
        "os.write(3, frame(b'\\xc7\\x0a\\x01' + struct.pack('<BBQ', 11, 1, 1 << 40)))",
        Outcome.INVALID,
    ),
    "an array of an unknown type": (
        "os.write(3, frame(b'\\xc7\\x0a\\x01' + struct.pack('<BBQ', 200, 1, 0)))",
        Outcome.INVALID,
    ),
    "a dictionary with odd keys": ("os.write(3, frame(b'\\x81\\x01\\x02'))", Outcome.INVALID),
    "one byte at a time": (
        "data = frame(b'\\xc4\\xff' + b'x' * 255)\nfor byte in data: os.write(3, bytes([byte])); time.sleep(0.05)",
        Outcome.TIMED_OUT,
    ),
    "half a frame": ("os.write(3, frame(b'x' * 100)[:50])\ntime.sleep(1000)", Outcome.TIMED_OUT),
}


@pytest.fixture(autouse=True)
def _next_program_is_judged_as_usual(bench: Bench) -> Iterator[None]:
    yield
    verdict = bench.judge(HONEST)
    assert (verdict.outcome, dict(verdict.metrics)) == (Outcome.VALID, {"value": HONEST_VALUE}), verdict
    assert len(slot_processes()) == bench.variant.processes
    assert not processes_of_user(candidate_user(bench))


def candidate_user(bench: Bench) -> int:
    """Return the user that this slot's candidates run as; no other slot of the machine uses it."""
    match = re.search(r"as user (\d+)", " ".join(bench.sandbox.protects()))
    return int(match[1]) if match else -1


def processes_of_user(uid: int) -> list[str]:
    return [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit() and owner(entry) == uid]


def owner(path: Path) -> int:
    try:
        return path.stat().st_uid
    except OSError:
        return -2


@pytest.mark.parametrize("name", ENDS_BADLY)
def test_ends_with_its_own_outcome(bench: Bench, name: str) -> None:
    program, outcome = ENDS_BADLY[name]
    verdict = bench.attack(program, timeout_s=1.0 if outcome is Outcome.TIMED_OUT else 10.0)
    assert verdict.outcome is outcome, verdict
    assert not verdict.metrics
    assert verdict.feedback


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_answers_do_not_score(bench: Bench, name: str) -> None:
    attack, outcome = FORGERIES[name]
    body = "\n".join(f"    {line}" for line in attack.splitlines())
    verdict = bench.attack(f"{FRAME}\ndef answer(x):\n{body}\n    return 1.0", timeout_s=1.0)
    assert verdict.outcome is outcome, verdict


# Messages of the judge to the host, as the program would have to send them.
TO_THE_HOST = """
import struct, msgspec
def say(**message):
    body = msgspec.msgpack.encode(message)
    return struct.pack("<I", len(body)) + body
def everywhere(*messages):
    for number in range(256):
        for message in messages:
            try: os.write(number, message)
            except OSError: pass
"""
LIES = {
    "forged interim results": """
def answer(x):
    everywhere(*(say(type="interim", id=i, metrics={"value": -1e9}) for i in range(200)))
    return 42.0
""",
    "a forged end": """
def answer(x):
    everywhere(*(
        say(type="verdict", id=i, outcome="rejected", metrics={"value": -1e9}, feedback="", artifacts={},
            per_instance={}, seconds=0.0, log="", healthy=True)
        for i in range(200)
    ))
    return 42.0
""",
    "an exception of the harness's name": """
class Hopeless(BaseException): pass
def answer(x): raise Hopeless("stopped: {'value': -1e9}")
""",
    "calls of its own": """
import gc
def answer(x):
    for thing in gc.get_objects():
        for name in ("at_best", "report"):
            call = getattr(type(thing), name, None)
            if call is not None:
                try: call(thing, {"value": -1e9})
                except BaseException: pass
    return 42.0
""",
}


@pytest.mark.parametrize("name", LIES)
def test_a_program_can_neither_stop_its_evaluation_nor_report(bench: Bench, name: str) -> None:
    seen: list[Mapping[str, float]] = []
    bar = Bar("value", Direction.MAXIMIZE, 10.0)
    verdict = bench.attack(TO_THE_HOST + LIES[name], stage="interim", bar=bar, watch=seen.append)
    assert verdict.outcome in (Outcome.VALID, Outcome.INVALID, Outcome.CRASHED), verdict
    assert -1e9 not in verdict.metrics.values()
    assert seen == [{"value": 50.0}]


def test_a_program_is_stopped_by_what_the_judge_makes_of_its_answers(bench: Bench) -> None:
    bar = Bar("value", Direction.MAXIMIZE, 10.0)
    verdict = bench.judge("def answer(x): return 3.0", stage="interim", bar=bar)
    assert (verdict.outcome, verdict.metrics) == (Outcome.REJECTED, {"value": 3.0})


def test_what_a_stopped_program_left_behind_ends_with_it(bench: Bench) -> None:
    stays = """
def answer(x):
    open("left", "w").write("x")
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 100)
            while True: time.sleep(0.01)
        os._exit(0)
    time.sleep(0.1)
    return 3.0
"""
    verdict = bench.attack(stays, stage="interim", bar=Bar("value", Direction.MAXIMIZE, 10.0))
    assert verdict.outcome is Outcome.REJECTED, verdict


def test_answering_twice_is_found_at_the_next_question(bench: Bench) -> None:
    twice = """
import socket
connection = socket.socket(fileno=os.dup(3))
def answer(x):
    for frame in sys._getframe().f_back.f_back.f_back.f_locals, sys._getframe().f_back.f_back.f_locals:
        if "id" in frame:
            connection.sendall(struct.pack("<QIIQ", frame["id"], 0, 9, 0) + ONE_BILLION)
    return x
"""
    verdict = bench.attack(FRAME + twice, stage="session", timeout_s=1.0)
    assert verdict.outcome is Outcome.INVALID, verdict


def test_feedback_names_the_number_that_is_none(bench: Bench) -> None:
    verdict = bench.judge("def answer(x): return float('nan')")
    assert "'value'" in verdict.feedback
    assert "nan" in verdict.feedback


def test_output_is_bounded_and_reported(bench: Bench) -> None:
    verdict = bench.judge("import os\ndef answer(x):\n    for i in range(60000): print(i)\n    return 42.0")
    assert verdict.outcome is Outcome.VALID
    assert verdict.log.startswith("0\n1\n")
    assert verdict.log.endswith("59999\n")
    assert len(verdict.log) < 21000


def test_daemons_end_with_the_program(bench: Bench) -> None:
    verdict = bench.attack("""
def answer(x):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 100)
            while True: time.sleep(0.01)
        os._exit(0)
    time.sleep(0.1)
    return 42.0
""")
    assert verdict.metrics == {"value": 42.0}, verdict


def observe(bench: Bench, program: str) -> list[object]:
    """Return what an attack reports of its tries."""
    verdict = bench.attack(
        "def tries(*functions):\n"
        "    seen = []\n"
        "    for function in functions:\n"
        "        try: seen.append(function())\n"
        "        except BaseException as error: seen.append(type(error).__name__)\n"
        "    return seen\n" + program,
        stage="observe",
    )
    assert verdict.outcome is Outcome.VALID, verdict
    found = json.loads(verdict.feedback)
    assert isinstance(found, list)
    return found


DENIED = {"PermissionError", "FileNotFoundError", "OSError", "ProcessLookupError", "NotADirectoryError"}


def test_host_files_are_out_of_reach(bench: Bench) -> None:
    paths = [
        *(bench.problem.folder / name for name in ("evaluate.py", "secret.py", "problem.yaml")),
        Path(__file__),
        Path("/etc/shadow"),
        Path("/proc/1/environ"),
        Path(f"/proc/{os.getpid()}/environ"),
        Path(f"/proc/{os.getppid()}/mem"),
        Path("/root/.bashrc"),
        Path("/dev/mem"),
    ]
    seen = observe(
        bench, f"def answer(x): return tries(*[lambda p=p: open(p, 'rb').read(10) for p in {[*map(str, paths)]}])"
    )
    assert set(map(str, seen)) <= DENIED, dict(zip(paths, seen, strict=True))


def test_the_judge_is_not_in_the_program_s_memory(bench: Bench) -> None:
    seen = observe(
        bench,
        """
import gc
def answer(x):
    texts = [o for o in gc.get_objects() if isinstance(o, dict) and "ANSWERS" in o and "GUARD" not in o]
    return [len(texts), "evaluate" in sys.modules, "secret" in sys.modules]
""",
    )
    assert seen == [0, False, False]


def test_the_environment_is_clean(bench: Bench, request: pytest.FixtureRequest) -> None:
    allowed = {
        "PATH", "LANG", "HOME", "TMPDIR", "PYTHONHASHSEED", "OMP_NUM_THREADS", "LC_CTYPE",
        "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    }  # fmt: skip
    if bench.variant.name == "docker":
        image = request.getfixturevalue("engine").client.images.get(bench.variant.base_image)
        allowed |= {"HOSTNAME", *(setting.partition("=")[0] for setting in image.attrs["Config"]["Env"])}
    [names] = observe(bench, "def answer(x): return [list(os.environ)]")
    assert isinstance(names, list)
    assert set(names) <= allowed


def test_nothing_outside_the_scratch_folder_can_be_written(bench: Bench, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    folders = [
        "/",
        "/usr",
        "/usr/lib",
        "/etc",
        "/proc/sys/kernel",
        sys.prefix,
        sys.base_prefix,
        "/root",
        str(tmp_path),
        "/var/tmp",
    ]
    folders.append(str(bench.problem.folder))
    seen = observe(
        bench, f"def answer(x): return tries(*[lambda f=f: open(f + '/evil', 'w').close() for f in {folders}])"
    )
    assert set(map(str, seen)) <= DENIED, dict(zip(folders, seen, strict=True))
    assert not [folder for folder in folders if (Path(folder) / "evil").exists()]


def test_there_is_no_network(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = server.getsockname()
        seen = observe(
            bench,
            f"import socket\ndef answer(x): return tries(lambda: str(socket.create_connection({address!r}, 1)),"
            "lambda: str(socket.socket(socket.AF_UNIX)),"
            "lambda: str(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)))",
        )
        assert set(map(str, seen)) <= DENIED
        with pytest.raises(BlockingIOError):
            server.accept()


def test_other_processes_are_out_of_reach(bench: Bench) -> None:
    slot = sorted(slot_processes())
    seen = observe(
        bench,
        f"""
import ctypes, resource, signal
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    result = libc.syscall(number, *arguments)
    return "OSError" if result < 0 else f"call {{number}} worked"
targets = [1, os.getppid(), *{[os.getpid(), *slot]}]
def answer(x):
    seen = []
    for pid in targets:
        # A signal to the first process of the namespace is accepted and ignored, so it proves nothing.
        if pid != os.getppid(): seen += tries(lambda: os.kill(pid, signal.SIGKILL) or f"killed {{pid}}")
        seen += [call(101, 16, pid, 0, 0), call(310, pid, 0, 0, 0, 0, 0), call(434, pid, 0)]
        seen += tries(lambda: resource.prlimit(pid, resource.RLIMIT_CPU, (0, 0)) or f"limited {{pid}}")
        seen += tries(lambda: os.sched_setaffinity(pid, {{0}}) or f"moved {{pid}}")
        seen += tries(lambda: open(f"/proc/{{pid}}/mem", "rb").read(1) and f"read {{pid}}")
        seen += tries(lambda: os.listdir(f"/proc/{{pid}}/fd") and f"listed {{pid}}")
    return seen
""",
    )
    assert set(map(str, seen)) - {"killed 1"} <= DENIED, seen
    assert ("killed 1" in seen) <= bench.variant.walled
    assert slot_processes() == set(slot)


def test_the_kernel_s_wider_doors_are_closed(bench: Bench) -> None:
    calls = {
        "unshare": (272, 0x10000000), "mount": (165, 0, 0, 0, 0, 0), "setns": (308, 3, 0), "bpf": (321, 0, 0, 0),
        "io_uring_setup": (425, 1, 0), "userfaultfd": (323, 0), "keyctl": (250, 0, 0), "mq_open": (240, 0, 0),
        "perf_event_open": (298, 0, 0, 0, 0, 0), "shmget": (29, 0, 4096, 0o1600), "memfd_create": (319, 0, 0),
        "personality": (135, 0x40000), "clone(NEWUSER)": (56, 0x10000011, 0, 0, 0, 0), "clone3": (435, 0, 0),
        "setpriority": (141, 0, 0, 5), "inotify_init": (253,), "inotify_init1": (294, 0),
        "inotify_add_watch": (254, 0, 0, 0),
    }  # fmt: skip
    seen = observe(
        bench,
        f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    result = libc.syscall(*arguments)
    return ctypes.get_errno() if result < 0 else f"worked: {{result}}"
def answer(x): return [call(*arguments) for arguments in {list(calls.values())}]
""",
    )
    assert set(seen) <= {1, 38}, dict(zip(calls, seen, strict=True))


def test_only_its_own_processes_are_seen(bench: Bench) -> None:
    [count] = observe(bench, "def answer(x): return tries(lambda: sum(name.isdigit() for name in os.listdir('/proc')))")
    assert count == (2 if bench.variant.walled else "PermissionError")


def test_the_next_program_sees_no_trace(bench: Bench) -> None:
    poison = """
import numpy, json, random, tempfile
def answer(x):
    numpy.sum = json.dumps = len
    sys.path.insert(0, "/tmp/evil")
    sys.modules["heapq"] = None
    for folder in ("/tmp", "/dev/shm", ".", "..", "/var/tmp", os.environ["TMPDIR"]):
        try:
            open(f"{folder}/trace-of-the-last", "w").write("hello")
            os.makedirs(f"{folder}/.trace/a/b", mode=0o000)
            os.symlink("/etc", f"{folder}/trace-link")
        except OSError: pass
    os.environ["TRACE"] = "1"
    return 42.0
"""
    assert bench.attack(poison).outcome is Outcome.VALID
    seen = observe(
        bench,
        """
import numpy, json, heapq
def names(folder):
    try: return [n for n in os.listdir(folder) if "trace" in n]
    except OSError: return []
def answer(x):
    traces = [names(f) for f in ("/tmp", "/dev/shm", ".", "..", "/var/tmp", os.environ["TMPDIR"])]
    return [sum(traces, []), numpy.sum is len, json.dumps is len, "/tmp/evil" in sys.path, "TRACE" in os.environ]
""",
    )
    assert seen == [[], False, False, False, False]


@pytest.mark.parametrize(
    "fill",
    [
        "open('big', 'wb').write(bytes(1 << 30))",
        "[open(f'part{i}', 'wb').write(bytes(1 << 20)) for i in range(1000)]",
        "[open(f'/dev/shm/part{i}', 'wb').write(bytes(1 << 20)) for i in range(1000)]",
        "[open(f'empty{i}', 'w').close() for i in range(1000000)]",
    ],
)
def test_the_disk_is_bounded(bench: Bench, fill: str) -> None:
    if not bench.variant.walled:
        assert any("scratch" in sentence or "disk" in sentence for sentence in bench.sandbox.does_not_protect())
        return
    seen = observe(bench, f"def answer(x): return tries(lambda: {fill} and 'filled')")
    assert set(map(str, seen)) <= DENIED | {"MemoryError"}


def test_folders_nested_deeper_than_any_path_are_removed(bench: Bench) -> None:
    verdict = bench.attack("""
def answer(x):
    for i in range(900):
        os.mkdir("d" * 50)
        os.chdir("d" * 50)
    return 42.0
""")
    assert verdict.outcome is Outcome.VALID


def test_a_program_s_words_do_nothing_to_a_terminal(bench: Bench) -> None:
    words = "\x1b[2J\x1b]52;c;b3duZWQ=\x1b\\\x9b2J\x00 caf\u00e9\tx"
    verdict = bench.judge(f"def answer(x):\n    print({words!r})\n    raise ValueError({words!r})")
    assert verdict.outcome is Outcome.CRASHED
    for text in (verdict.feedback, verdict.log):
        assert "caf\u00e9\tx" in text
        assert not set(text) & {"\x1b", "\x9b", "\x00"}
