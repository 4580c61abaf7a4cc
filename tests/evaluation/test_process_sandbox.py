"""One slot from start to end, and what it says of itself."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import yaml

from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.errors import SandboxUnavailable
from evolve.evaluation.process_sandbox import ProcessSandbox
from tests.engine import Engine
from tests.evaluation.ready import ready
from tests.evaluation.slots import (
    FALLBACK,
    HONEST,
    NAMESPACES,
    VARIANTS,
    Bench,
    Variant,
    descendants,
    job,
    write_problem,
)

ROOT = Path(__file__).parents[2]
Processes = Callable[[], set[int]]


def bench_with(tmp_path: Path, evaluate: str) -> Bench:
    return Bench(write_problem(tmp_path / "problem", evaluate), NAMESPACES)


# ── outcomes that the judge decides ───────────────────────────────────────────────────────────
def test_an_exception_of_the_judge_is_invalid_with_its_traceback(tmp_path: Path) -> None:
    with bench_with(tmp_path, "def evaluate(candidate, stage, params):\n    return {}['missing']\n") as bench:
        verdict = bench.judge(HONEST)
    assert verdict.outcome is Outcome.INVALID
    assert verdict.feedback.startswith("The judge raised KeyError")
    assert b"evaluate.py" in verdict.artifacts["judge_traceback"]


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ("Score(metrics={'value': True})", "'value'"),
        ("Score(metrics={'value': float('inf')})", "finite"),
        ("Score(metrics={'value': '1'})", "not a number"),
        ("Score(metrics={'value': 1.0}, per_instance={'first': float('nan')})", "'first'"),
        ("invalid('two circles overlap')", "two circles overlap"),
        ("{'value': 1.0}", "expected a Score"),
    ],
)
def test_what_is_no_score_is_invalid_and_says_why(tmp_path: Path, result: str, words: str) -> None:
    source = f"from evaluators import Score, invalid\ndef evaluate(candidate, stage, params):\n    return {result}\n"
    with bench_with(tmp_path, source) as bench:
        verdict = bench.judge(HONEST)
    assert verdict.outcome is Outcome.INVALID
    assert words in verdict.feedback
    assert not verdict.metrics


def test_a_score_arrives_whole(tmp_path: Path) -> None:
    source = """
import numpy as np
from evaluators import Score
def evaluate(candidate, stage, params):
    print("a word from the judge")
    ONE, metrics = {"a": 1}, {"value": np.float32(0.5), "count": np.int64(3)}
    return Score(metrics, feedback="well done", artifacts={"text": "ünïcode", "raw": b"\\x00\\xff"}, per_instance=ONE)
"""
    with bench_with(tmp_path, source) as bench:
        verdict = bench.judge(HONEST)
    assert verdict.outcome is Outcome.VALID
    assert verdict.metrics == {"value": 0.5, "count": 3.0}
    assert verdict.feedback == "well done"
    assert verdict.per_instance == {"a": 1.0}
    assert verdict.artifacts["text"] == "ünïcode".encode()
    assert verdict.artifacts["raw"] == b"\x00\xff"
    assert verdict.artifacts["judge_output"] == b"a word from the judge\n"


def test_a_crash_shows_the_program_s_own_lines_alone(bench: Bench) -> None:
    program = "import json\n\ndef answer(x):\n    return json.loads('[')\n"
    verdict = bench.judge(program)
    assert verdict.outcome is Outcome.CRASHED
    assert verdict.feedback.startswith('File "program.py", line 4, in answer')
    assert "JSONDecodeError" in verdict.feedback
    assert "evaluators" not in verdict.feedback
    assert "/tmp" not in verdict.feedback


def test_a_program_may_have_several_files(bench: Bench) -> None:
    files = {
        "program.py": "from parts.double import double\n\ndef answer(x):\n    return double(x)\n",
        "parts/__init__.py": "",
        "parts/double.py": "def double(x):\n    return 2 * x\n",
    }
    assert bench.judge(files).metrics == {"value": 40.0}


def test_a_program_may_be_named_like_a_standard_module(tmp_path: Path) -> None:
    folder = write_problem(tmp_path / "problem")
    (folder / "seed" / "program.py").rename(folder / "seed" / "random.py")
    with Bench(folder, NAMESPACES) as bench:
        program = "import random\ndef answer(x):\n    return random.choice([42.0])\n"
        assert bench.judge({"random.py": program}).metrics == {"value": 42.0}


def test_unseeded_random_numbers_are_the_same_every_time(bench: Bench) -> None:
    program = (
        "import random, numpy\n"
        "def answer(x): return [random.random(), float(numpy.random.random()), list({'a', 'b', 'c', 'd'})]\n"
    )
    first, second = (bench.judge(program, stage="observe") for _ in range(2))
    assert first.outcome is Outcome.VALID
    assert first.feedback == second.feedback


def test_a_session_keeps_state_and_a_call_does_not(bench: Bench) -> None:
    program = "seen = []\ndef answer(x):\n    seen.append(x)\n    return float(len(seen))\n"
    assert json.loads(bench.judge(program, stage="session").feedback) == [1.0, 2.0, 3.0]
    assert bench.judge(program).metrics == {"value": 1.0}


def test_many_calls_in_one(bench: Bench) -> None:
    assert bench.judge(HONEST, stage="map").metrics == {"value": 2.0 * (0 + 1 + 2 + 3 + 4) + 10}


@pytest.mark.parametrize("error", ["StopIteration", "GeneratorExit", "KeyboardInterrupt", "MemoryError"])
def test_any_exception_in_one_of_many_calls_is_a_crash(bench: Bench, error: str) -> None:
    verdict = bench.judge(f"def answer(x):\n    if x > 2: raise {error}\n    return x", stage="map")
    assert verdict.outcome is Outcome.CRASHED
    assert error in verdict.feedback


def test_the_stage_bounds_the_sum_of_all_calls(tmp_path: Path) -> None:
    source = """
from evaluators import CandidateTimedOut, Score
def evaluate(candidate, stage, params):
    for number in range(100):
        candidate.call("answer", 0.1)
    return Score({"value": 1.0})
"""
    with bench_with(tmp_path, source) as bench:
        verdict = bench.judge("import time\ndef answer(x): time.sleep(x)", timeout_s=0.5)
    assert verdict.outcome is Outcome.TIMED_OUT


def test_one_call_may_be_bounded_more_narrowly(tmp_path: Path) -> None:
    source = """
from evaluators import CandidateTimedOut, Score
def evaluate(candidate, stage, params):
    try:
        candidate.call("answer", 100.0, timeout_s=0.2)
    except CandidateTimedOut:
        return Score({"value": candidate.call("answer", 0.0, timeout_s=2.0)})
"""
    with bench_with(tmp_path, source) as bench:
        verdict = bench.judge("import time\ndef answer(x): time.sleep(x); return 1.0")
    assert verdict.metrics == {"value": 1.0}, verdict


def test_a_session_that_the_judge_leaves_open_is_ended(tmp_path: Path, new_processes: Processes) -> None:
    source = """
from evaluators import Score
def evaluate(candidate, stage, params):
    candidate.session().__enter__()
    return Score({"value": 1.0})
"""
    with bench_with(tmp_path, source) as bench:
        assert [bench.judge(HONEST).outcome for _ in range(2)] == [Outcome.VALID, Outcome.VALID]
        assert len(new_processes()) == 3


def test_programs_in_other_languages_are_built_and_run(tmp_path: Path) -> None:
    source = """
from evaluators import Score, invalid
def evaluate(candidate, stage, params):
    built = candidate.build(["/bin/sh", "build.sh"])
    finished = candidate.run(["./tool", "20"], stdin=b"22")
    if finished.returncode != 3:
        return invalid(str(finished))
    return Score({"value": float(finished.stdout)}, feedback=finished.stderr.decode() + built.stdout.decode())
"""
    files = {
        "program.py": "",
        "build.sh": "echo built; cp tool.sh tool; chmod +x tool",
        "tool.sh": "#!/bin/sh\nread n; echo $(($1 + n)); echo hm >&2; exit 3\n",
    }
    with bench_with(tmp_path, source) as bench:
        verdict = bench.judge(files)
        assert verdict.metrics == {"value": 42.0}, verdict
        assert verdict.feedback == "hm\nbuilt\n"
        failed = bench.judge({**files, "build.sh": "echo no such type >&2; exit 1"})
    assert failed.outcome is Outcome.CRASHED
    assert "no such type" in failed.feedback


def test_a_command_cannot_print_without_end(tmp_path: Path) -> None:
    source = "def evaluate(candidate, stage, params):\n    candidate.run(['/bin/sh', '-c', 'cat /dev/zero'])\n"
    with bench_with(tmp_path, source) as bench:
        assert bench.judge(HONEST, timeout_s=3.0).outcome is Outcome.INVALID


# ── our own failures ──────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("victim", range(3))
async def test_any_process_of_the_slot_dying_is_our_failure_and_start_mends_it(
    problem_folder: Path, new_processes: Processes, victim: int
) -> None:
    problem = Problem.load(problem_folder)
    sandbox = ProcessSandbox(problem)
    await sandbox.start()
    processes = sorted(new_processes())
    task = asyncio.create_task(
        sandbox.judge(job(problem, "import time\ndef answer(x): time.sleep(100)", timeout_s=100))
    )
    while len(new_processes()) < 4:
        await asyncio.sleep(0.01)
    os.kill(processes[victim], signal.SIGKILL)
    with pytest.raises(SandboxUnavailable):
        await task
    assert not new_processes()
    await sandbox.start()
    assert (await sandbox.judge(job(problem))).outcome is Outcome.VALID
    await sandbox.close()
    assert not new_processes()


async def test_a_judge_that_ends_its_process_is_our_failure(tmp_path: Path) -> None:
    problem = Problem.load(
        write_problem(
            tmp_path / "problem",
            "import os\nprint('last words', flush=True)\nos._exit(3)\ndef evaluate(c, s, p): ...\n",
        )
    )
    sandbox = ProcessSandbox(problem)
    await sandbox.start()
    with pytest.raises(SandboxUnavailable, match="last words"):
        await sandbox.judge(job(problem))
    await sandbox.close()


async def test_an_interpreter_that_cannot_start_is_named(problem_folder: Path) -> None:
    sandbox = ProcessSandbox(Problem.load(problem_folder), python="/nonexistent/python")
    with pytest.raises(SandboxUnavailable, match="/nonexistent/python"):
        await sandbox.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives candidates a user of their own")
async def test_without_namespaces_an_interpreter_is_refused_exactly_if_others_cannot_read_it(
    problem_folder: Path, new_processes: Processes
) -> None:
    sandbox = ProcessSandbox(Problem.load(problem_folder), namespaces=False)
    libraries = [Path(os.__file__), Path(str(np.__file__))]
    if all(parent.stat().st_mode & 0o001 for library in libraries for parent in library.parents):
        await sandbox.start()
        await sandbox.close()
    else:
        with pytest.raises(SandboxUnavailable, match="cannot be started"):
            await sandbox.start()
    assert not new_processes()


async def test_a_cancelled_job_does_not_answer_the_next_one(problem_folder: Path) -> None:
    problem = Problem.load(problem_folder)
    sandbox = ProcessSandbox(problem)
    await sandbox.start()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await sandbox.judge(job(problem, "import time\ndef answer(x): time.sleep(100)", timeout_s=100))
    with pytest.raises(SandboxUnavailable):
        await sandbox.judge(job(problem))
    await sandbox.start()
    assert (await sandbox.judge(job(problem))).metrics == {"value": 42.0}
    await sandbox.close()


HOST = """
import asyncio, sys
from pathlib import Path
from evolve.domain.problem import Problem
from tests.evaluation.slots import Variant, job

async def main():
    problem = Problem.load(Path(sys.argv[1]))
    sandbox = Variant(*sys.argv[2:]).make(problem)
    await sandbox.start()
    print("started", flush=True)
    program = "import os, time\\ndef answer(x):\\n    os.fork()\\n    time.sleep(1000)"
    await sandbox.judge(job(problem, program, timeout_s=1000))

asyncio.run(main())
"""


def in_containers(request: pytest.FixtureRequest, variant: Variant, host: int) -> set[int]:
    """Return the processes in the containers of a host."""
    if variant.name != "docker":
        return set()
    engine: Engine = request.getfixturevalue("engine")
    owned = [
        container
        for container in engine.client.containers.list(filters={"label": "evolve.owner"})
        if container.labels["evolve.owner"].split(":")[1] == str(host)
    ]
    return {int(row[1]) for container in owned for row in container.top()["Processes"]}


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_nothing_outlives_a_host_that_is_killed(
    request: pytest.FixtureRequest, problem_folder: Path, variant: Variant
) -> None:
    variant = ready(variant, request)
    arguments = [sys.executable, "-c", HOST, str(problem_folder), variant.name, variant.python, variant.base_image]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == b"started\n"
        wanted = variant.processes + (3 if variant.name == "docker" else 2)  # the program, and what it forked
        while len(guests := descendants(host.pid) | in_containers(request, variant, host.pid)) < wanted:
            time.sleep(0.02)
        host.kill()
    for _ in range(500):
        if not any(Path(f"/proc/{pid}").exists() for pid in guests):
            break
        time.sleep(0.02)
    assert not [pid for pid in guests if Path(f"/proc/{pid}").exists()]


# ── as an ordinary user ───────────────────────────────────────────────────────────────────────
ORDINARY = """
import asyncio, json, os, sys
from pathlib import Path
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
from evolve.domain.problem import Problem
from evolve.evaluation.process_sandbox import ProcessSandbox
from tests.evaluation.slots import GUARD, HONEST, job, slot_processes

ATTACK = '''
def tries(*functions):
    seen = []
    for function in functions:
        try: seen.append(function())
        except BaseException as error: seen.append(type(error).__name__)
    return seen
def answer(x):
    import socket, signal, resource
    return tries(
        lambda: open("FOLDER/secret.py").read(),
        lambda: os.kill(HOST, signal.SIGKILL) or "killed the host",
        lambda: open("/proc/HOST/environ").read() and "read the host's environment",
        lambda: str(socket.socket()),
        lambda: open("/etc/evil", "w").close() or "wrote",
        lambda: resource.prlimit(1, resource.RLIMIT_CPU, (0, 0)) and "limited the supervisor",
        lambda: open("/proc/1/mem", "rb").read(1) and "read the supervisor",
    )
'''

async def main():
    folder = Path(sys.argv[1])
    problem = Problem.load(folder)
    sandbox = ProcessSandbox(problem, namespaces=sys.argv[2] == "True")
    await sandbox.start()
    attack = ATTACK.replace("FOLDER", str(folder)).replace("HOST", str(os.getpid()))
    observed = await sandbox.judge(job(problem, GUARD + attack, stage="observe"))
    honest = await sandbox.judge(job(problem, HONEST))
    left = len(slot_processes())
    caveats = list(sandbox.does_not_protect())
    await sandbox.close()
    print(json.dumps([json.loads(observed.feedback), honest.metrics["value"], left, caveats]))

asyncio.run(main())
"""


def _copy_for_everybody(target: Path) -> Path:
    """Copy the code, and the libraries it needs, out of a checkout that other users may not read."""
    for name in ("evolve", "evaluators", "tests/evaluation"):
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", target)
    (target / "problems").mkdir()
    libraries = target / "site-packages"
    for module in (np, msgspec, yaml):
        package = Path(str(module.__file__)).parent
        shutil.copytree(package, libraries / package.name, ignore=shutil.ignore_patterns("tests", "__pycache__"))
        bundled = package.with_name(f"{package.name}.libs")
        if bundled.is_dir():
            shutil.copytree(bundled, libraries / bundled.name)
    return libraries


@pytest.mark.skipif(os.geteuid() != 0, reason="changes to another user, which root alone can")
@pytest.mark.parametrize("namespaces", [True, False])
def test_an_ordinary_user_has_a_sandbox_too(namespaces: bool) -> None:
    python = FALLBACK.python
    if not FALLBACK.usable():
        pytest.skip(f"{python} is not there")
    with tempfile.TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o755)
        folder = write_problem(Path(temporary) / "problem")
        libraries = _copy_for_everybody(Path(temporary))
        finished = subprocess.run(
            [python, "-c", ORDINARY, str(folder), str(namespaces)],
            cwd=temporary,
            env={
                "PATH": "/usr/bin:/bin",
                "PYTHONPATH": os.pathsep.join([temporary, str(libraries)]),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert finished.returncode == 0, finished.stderr
    seen, value, left, caveats = json.loads(finished.stdout)
    assert set(seen) <= {"PermissionError", "FileNotFoundError", "ProcessLookupError", "OSError"}, seen
    assert value == 42.0
    assert left == 3
    said = " ".join(caveats)
    assert ("same user" in said) == namespaces
    assert ("no namespaces" in said) != namespaces


@pytest.mark.parametrize("pin", [True, False])
async def test_a_slot_keeps_to_one_core(problem_folder: Path, new_processes: Processes, pin: bool) -> None:
    usable = os.sched_getaffinity(0)
    sandbox_problem = Problem.load(problem_folder)
    sandboxes = [ProcessSandbox(sandbox_problem, pin=pin) for _ in range(len(usable))]
    await asyncio.gather(*(sandbox.start() for sandbox in sandboxes))
    assert {frozenset(os.sched_getaffinity(pid)) for pid in new_processes()} == {frozenset(usable)}
    try:
        await asyncio.gather(*(sandbox.judge(job(sandbox_problem)) for sandbox in sandboxes))
        allowed = [frozenset(os.sched_getaffinity(pid)) for pid in new_processes()]
    finally:
        await asyncio.gather(*(sandbox.close() for sandbox in sandboxes))
    pinned = [cores for cores in allowed if cores != usable]
    assert len(allowed) == 3 * len(sandboxes)  # a judge, a supervisor, and what watches over them
    assert len(pinned) == (2 * len(sandboxes) if pin else 0)
    assert all(len(cores) == 1 for cores in pinned)
