"""Races in real sandboxes: what a program does about the clock gains it nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve.domain.evaluation import Outcome
from evolve.interfaces import Verdict
from tests.evaluation.ready import ready
from tests.evaluation.slots import HONEST, HONEST_VALUE, VARIANTS, Bench, write_problem

FOLDER = Path(__file__).parents[1] / "fixtures" / "timed_ranks"
SEED = (FOLDER / "seed" / "program.py").read_text("utf-8")
EXPLOITS = sorted(path.stem for path in (FOLDER / "exploits").iterdir())
# What the cheats below pretend to is a time of nearly nothing; what the seed gets against itself is 1.
NO_GAIN = 0.6


@pytest.fixture(scope="module", params=VARIANTS, ids=lambda variant: variant.name)
def track(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A started sandbox of each kind for the timed problem."""
    with Bench(FOLDER, ready(request.param, request)) as bench:
        yield bench


def raced(bench: Bench, program: str) -> Verdict:
    """Race a program that may be hostile; its own lines come after the guard."""
    return bench.attack(program, timeout_s=60.0)


def valid(verdict: Verdict) -> dict[str, float]:
    assert verdict.outcome is Outcome.VALID, verdict
    return dict(verdict.metrics)


# ── what is faster and slower comes out so ────────────────────────────────────────────────────
def test_more_work_is_slower_beyond_doubt(track: Bench) -> None:
    metrics = valid(
        raced(track, f"{SEED}\nonce = ranks\ndef ranks(values): return [once(values) for _ in range(4)][0]")
    )
    assert metrics["ratio"] > 2
    assert metrics["ratio_low"] > 1


def test_less_work_is_faster_beyond_doubt(track: Bench) -> None:
    metrics = valid(
        raced(
            track,
            "def ranks(values):\n    place = {value: rank for rank, value in enumerate(sorted(values))}\n"
            "    return [place[value] for value in values]",
        )
    )
    assert metrics["ratio"] < 0.5
    assert metrics["ratio_high"] < 1


# ── cheats ────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", EXPLOITS)
def test_exploits_of_the_example_do_not_score(track: Bench, name: str) -> None:
    text = (FOLDER / "exploits" / f"{name}.py").read_text("utf-8")
    assert text.startswith("# expect: invalid\n")
    verdict = raced(track, text)
    assert verdict.outcome is Outcome.INVALID, verdict
    assert not verdict.metrics


def test_one_wrong_answer_among_many_is_invalid(track: Bench) -> None:
    wrong_once = f"{SEED}\nright = ranks\ncalls = 0\n" + (
        "def ranks(values):\n    global calls\n    calls += 1\n    answer = right(values)\n"
        "    if calls == 8: answer[0], answer[1] = answer[1], answer[0]\n    return answer"
    )
    verdict = raced(track, wrong_once)
    assert verdict.outcome is Outcome.INVALID, verdict
    assert "wrong answer in a timed call" in verdict.feedback


GAINS_NOTHING = {
    "clocks that stand still": """
import sys, time
for name in ("time", "perf_counter", "monotonic", "process_time", "thread_time"):
    setattr(time, name, lambda: 0.0)
    setattr(time, name + "_ns", lambda: 0)
for module in list(sys.modules.values()):
    if (getattr(module, "__name__", None) or "").startswith("evaluators"):
        module.time = time
""",
    # Would pay if the round trip were measured in this process, and taken off.
    "round trips made long": """
import time
from evaluators import channel
original = channel.Channel.send
def send(self, *arguments):
    time.sleep(0.01)
    return original(self, *arguments)
channel.Channel.send = send
""",
    # Would pay if something of this program ran while the baseline does.
    "a process that keeps the core busy": """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 100)
        while True: pass
    os._exit(0)
""",
    "a thread that keeps the interpreter busy": """
import threading
def spin():
    while True: pass
threading.Thread(target=spin, daemon=True).start()
""",
}


@pytest.mark.parametrize("name", GAINS_NOTHING)
def test_what_a_program_does_about_the_clock_gains_nothing(track: Bench, name: str) -> None:
    metrics = valid(raced(track, GAINS_NOTHING[name] + SEED))
    assert metrics["ratio"] > NO_GAIN


def test_nothing_is_remembered_from_one_block_to_the_next(track: Bench) -> None:
    remembers = """
import tempfile
for folder in (".", "/tmp", "/dev/shm", tempfile.gettempdir()):
    path = folder + "/answers"
    if os.path.exists(path):
        raise RuntimeError("this block knows of the last one")
for folder in (".", "/tmp", "/dev/shm", tempfile.gettempdir()):
    try: open(folder + "/answers", "w").close()
    except OSError: pass
"""
    assert valid(raced(track, remembers + SEED))["ratio"] > NO_GAIN


def test_a_program_that_takes_too_long_is_timed_out(track: Bench) -> None:
    verdict = track.judge("import time\ndef ranks(values): time.sleep(1000)", timeout_s=1.0)
    assert verdict.outcome is Outcome.TIMED_OUT, verdict


def test_a_crash_in_a_race_is_the_program_s_own(track: Bench) -> None:
    verdict = track.judge("def ranks(values): return values[len(values)]", timeout_s=10.0)
    assert verdict.outcome is Outcome.CRASHED, verdict
    assert "IndexError" in verdict.feedback


# ── two programs of one evaluation ────────────────────────────────────────────────────────────
def bench_with(tmp_path: Path, body: str) -> Bench:
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    source = "from evaluators import CandidateTimedOut, Score\ndef evaluate(candidate, stage, params):\n" + lines
    return Bench(write_problem(tmp_path / "problem", source), VARIANTS[0])


def test_another_program_has_its_own_files_and_state(tmp_path: Path) -> None:
    body = """
other = candidate.other({"there.py": "import near\\nanswer = near.answer", "near.py": "def answer(x): return -x"}, "there.py")
same = candidate.other({"program.py": "def answer(x): return 1000 * x"})
with other.session() as session:
    values = [candidate.files != other.files, session.call("answer", 1.0)]
values += [candidate.call("answer", 1.0), same.call("answer", 1.0), other.call("answer", 2.0)]
return Score({"value": 1.0}, feedback=repr(values))
"""  # noqa: E501
    with bench_with(tmp_path, body) as bench:
        assert bench.judge(HONEST).feedback == "[True, -1.0, 4.0, 1000.0, -2.0]"


@pytest.mark.parametrize("first", ["candidate", "other"])
def test_two_programs_never_run_at_the_same_time(tmp_path: Path, first: str) -> None:
    body = f"""
other = candidate.other(candidate.files)
second = other if {first!r} == "candidate" else candidate
with {first}.session():
    second.call("answer", 1.0)
"""
    with bench_with(tmp_path, body) as bench:
        verdict = bench.judge(HONEST)
    assert verdict.outcome is Outcome.INVALID
    assert "RuntimeError: a session of this evaluation is still open" in verdict.feedback


def test_all_programs_of_an_evaluation_live_on_one_budget(tmp_path: Path) -> None:
    body = """
other = candidate.other({"program.py": "import time\\ndef answer(x): time.sleep(x)"})
for number in range(100):
    other.call("answer", 0.1)
"""
    with bench_with(tmp_path, body) as bench:
        verdict = bench.judge(HONEST, timeout_s=0.5)
    assert verdict.outcome is Outcome.TIMED_OUT, verdict
    assert "0.5 s" in verdict.feedback or "no answer within" in verdict.feedback


def test_a_session_of_another_program_that_is_left_open_is_ended(tmp_path: Path) -> None:
    body = """
candidate.kept = candidate.other(candidate.files).session()
session = candidate.kept.__enter__()
return Score({"value": session.call("answer", 20.0)})
"""
    with bench_with(tmp_path, body) as bench:
        for _ in range(2):
            assert bench.judge(HONEST).metrics == {"value": HONEST_VALUE}


def test_an_entry_that_is_not_there_is_the_problem_s_mistake(tmp_path: Path) -> None:
    with bench_with(tmp_path, "candidate.other({'a.py': ''}, 'b.py')") as bench:
        verdict = bench.judge(HONEST)
    assert verdict.outcome is Outcome.INVALID
    assert "ValueError" in verdict.feedback
    assert "'b.py'" in verdict.feedback
