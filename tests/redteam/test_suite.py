"""The suite sees what it must see: on a sandbox with holes, and on judges with holes."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.errors import SandboxUnavailable, SeedNotValid
from evolve.evaluation.docker_sandbox import DockerSandbox
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.interfaces import Job, Sandbox, Verdict
from evolve.paths import bundled
from evolve.redteam.attack import BAD_ENDS, Attack, End, Family, bundled_attacks
from evolve.redteam.ruling import Result, Ruling
from evolve.redteam.suite import exploits_of, run_suite
from tests.engine import Engine
from tests.redteam.conftest import SEED, Make
from tests.redteam.leaky_sandbox import PYTHON, LeakySandbox

STAGE_S = 1.5


def run(
    problem: Problem, attacks: Sequence[Attack], make: Callable[[Problem], Sandbox] = ProcessSandbox
) -> dict[str, Result]:
    async def collected() -> list[Result]:
        return [result async for result in run_suite(problem, make, attacks)]

    return {result.attack: result for result in asyncio.run(collected())}


def named(*patterns: str) -> list[Attack]:
    chosen = [attack for attack in bundled_attacks() if any(attack.matches(pattern) for pattern in patterns)]
    assert chosen
    return chosen


def attack(name: str, code: str, expected: Iterable[End] = (End.AS_SEED,), family: Family = Family.REACH) -> Attack:
    return Attack(f"{family}/{name}", family, name, frozenset(expected), code)


def findings(results: dict[str, Result]) -> dict[str, Result]:
    return {name: result for name, result in results.items() if result.ruling is not Ruling.CONTAINED}


# ── the whole suite ───────────────────────────────────────────────────────────────────────────
@pytest.fixture
def circles() -> Problem:
    problem = Problem.load(bundled("problems") / "circle_packing")
    return replace(problem, stages=tuple(replace(stage, timeout_s=STAGE_S) for stage in problem.stages))


def everything_is_contained(problem: Problem, make: Callable[[Problem], Sandbox]) -> None:
    attacks = [*bundled_attacks(), *exploits_of(problem)]
    results = run(problem, attacks, make)
    assert set(results) == {attack.name for attack in attacks}
    assert not findings(results)


def test_processes_contain_every_attack(circles: Problem) -> None:
    sandbox = ProcessSandbox(circles)
    asyncio.run(_started_and_closed(sandbox))
    if any("no namespaces" in sentence for sentence in sandbox.does_not_protect()):
        pytest.skip("this machine has no namespaces")
    everything_is_contained(circles, ProcessSandbox)


def test_containers_contain_every_attack(circles: Problem, engine: Engine) -> None:
    everything_is_contained(
        circles, lambda problem: DockerSandbox(problem, base_image=engine.base_image, recycle=1_000_000)
    )


async def _started_and_closed(sandbox: ProcessSandbox) -> None:
    await sandbox.start()
    await sandbox.close()


# ── a sandbox with holes ──────────────────────────────────────────────────────────────────────
# Each does no harm where nothing stops it.
SILENT = {
    "connects to the host": "import socket\nsocket.create_connection(('127.0.0.1', CANARY['tcp'])).close()\ndid('it')",
    "sends a datagram": (
        "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', CANARY['udp']))\n"
        "did('it')"
    ),
    "connects by name": "import socket\nsocket.socket(socket.AF_UNIX).connect(chr(0) + CANARY['abstract'])\ndid('it')",
    "connects by path": "import socket\nsocket.socket(socket.AF_UNIX).connect(CANARY['unix'])\ndid('it')",
    "prints a file of the host": "_put(2, open(CANARY['files'][0], 'rb').read())\ndid('it')",
    "prints data of the problem": "_put(2, open(CANARY['problem'] + '/redteam_secret.txt', 'rb').read())\ndid('it')",
    "prints the environment": "_put(2, os.environ[CANARY['variable']].encode())\ndid('it')",
    "leaves a file": "open(f'/tmp/{TOKEN}-left', 'w').close()\ndid('it')",
    "leaves a process": "if os.fork() == 0:\n    os.closerange(0, 9)\n    _sleep(3)\n    os._exit(0)\ndid('it')",
}
REPORTING = ["reach/tcp", "reach/environment", "reach/files"]


@pytest.fixture(scope="module")
def leaked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """Return what the suite finds on a sandbox that contains nothing."""
    if not Path(PYTHON).exists():
        pytest.skip(f"{PYTHON} with the version of numpy's build is needed")
    folder = tmp_path_factory.mktemp("leaky")
    (folder / "seed").mkdir()
    (folder / "seed" / "program.py").write_text(SEED)
    (folder / "problem.yaml").write_text("statement: x\nobjectives: [{name: value, direction: maximize}]\n")
    (folder / "evaluate.py").write_text("def evaluate(candidate, stage, params): ...\n")
    honest = attack("does nothing", "held('nothing')")
    attacks = [attack(name, code) for name, code in SILENT.items()]
    results = run(Problem.load(folder), [honest, *attacks, *named(*REPORTING), honest], LeakySandbox)
    for left in Path("/tmp").glob("rt*-left"):
        left.unlink()
    return results


@pytest.mark.parametrize("name", SILENT)
def test_canaries_tell_of_a_breach_that_the_program_keeps_silent_about(leaked: dict[str, Result], name: str) -> None:
    result = leaked[f"reach/{name}"]
    assert result.ruling is Ruling.BREACH, result
    assert any("host" in why for why in result.why), result.why


@pytest.mark.parametrize("name", REPORTING)
def test_attacks_report_what_is_open_to_them(leaked: dict[str, Result], name: str) -> None:
    assert leaked[name].ruling is Ruling.BREACH
    assert any(why.startswith("the program reports") for why in leaked[name].why)


# ── judges with holes ─────────────────────────────────────────────────────────────────────────
BELIEVES_NUMBERS = """
from evaluators import Score, invalid
def evaluate(candidate, stage, params):
    answer = candidate.call("answer", 20.0)
    return Score(metrics={"value": answer}) if isinstance(answer, float) else invalid("no number")
"""
BELIEVES_PRINTS = """
import json
from evaluators import Score, invalid
def evaluate(candidate, stage, params):
    done = candidate.run(["python3", "program.py"])
    rows = [row for row in done.stdout.decode().splitlines() if row.startswith('{"value"')]
    return Score(metrics={"value": json.loads(rows[0])["value"]}) if rows else invalid("printed nothing")
"""
PRINTING_SEED = 'import json\nprint(json.dumps({"value": 42.0}))\n'
BELIEVES_NOTHING_IS_FINE = """
from evaluators import Score, invalid
def evaluate(candidate, stage, params):
    answer = candidate.call("answer", 20.0)
    return invalid("wrong") if answer and answer != 42.0 else Score(metrics={"value": 42.0})
"""
SWALLOWS_FAILURES = """
from evaluators import CandidateError, Score
def evaluate(candidate, stage, params):
    try:
        answer = candidate.call("answer", 20.0)
    except CandidateError:
        answer = 50.0
    return Score(metrics={"value": 42.0 if answer == 42.0 else 50.0})
"""


def test_a_judge_that_believes_a_number_is_found_out(make_problem: Make) -> None:
    results = run(make_problem(BELIEVES_NUMBERS), named("claims", "special_numbers[1e308]", "instead[by itself]"))
    for name in ("claims[a number]", "special_numbers[1e308]", "instead[by itself]"):
        assert results[f"forgery/{name}"].ruling is Ruling.BREACH, results[f"forgery/{name}"]
    assert results["forgery/claims[text]"].ruling is Ruling.CONTAINED


def test_a_judge_that_believes_what_is_printed_is_found_out(make_problem: Make) -> None:
    problem = make_problem(BELIEVES_PRINTS)
    (problem.folder / "seed" / "program.py").write_text(PRINTING_SEED)
    results = run(problem, named("printed_verdicts[JSON]", "patched_modules[time]"))
    assert results["forgery/printed_verdicts[JSON]"].ruling is Ruling.BREACH
    # What such programs say cannot be heard, and silence proves nothing.
    assert results["forgery/patched_modules[time]"].ruling is Ruling.INCONCLUSIVE


def test_free_points_are_found(make_problem: Make) -> None:
    results = run(make_problem(BELIEVES_NOTHING_IS_FINE), named("controls/*"))
    found = findings(results)
    assert "controls/null_answers[None]" in found
    assert "free points" in found["controls/null_answers[None]"].why[0]
    assert "controls/seed" not in found


def test_a_failure_that_scores_is_found(make_problem: Make) -> None:
    results = run(make_problem(SWALLOWS_FAILURES), named("early_exit[os._exit]", "faults[abort]"))
    assert {result.ruling for result in results.values()} == {Ruling.BREACH}


def test_exploits_run_beside_the_attacks_and_may_say_how_they_end(make_problem: Make) -> None:
    exploits = {
        "scores.py": "def answer(x):\n    return 1e9\n",
        "fails.py": "def answer(x):\n    return None\n",
        "sleeps.py": '"""Waits.\n\nExpected: timed_out\n"""\ndef answer(x):\n    return 1e9\n',
        "copies.py": f"# Does what the seed does.\n# Expected: as seed\n{SEED}",
    }
    problem = make_problem(BELIEVES_NUMBERS, exploits)
    results = run(problem, exploits_of(problem))
    rulings = {name.partition("/")[2]: result.ruling for name, result in results.items()}
    wanted = {"scores": Ruling.BREACH, "fails": Ruling.CONTAINED, "sleeps": Ruling.BREACH, "copies": Ruling.CONTAINED}
    assert rulings == wanted


# ── what is no breach, but no success either ──────────────────────────────────────────────────
def test_an_attack_without_news_or_with_another_end_proves_nothing(make_problem: Make) -> None:
    attacks = [
        attack("silent", ""),
        attack("another end", "did('it')\nos._exit(0)"),
        attack("no effect", "did('it')", BAD_ENDS, Family.FORGERY),
        attack("a mistake of its own", "held('it')\nundefined"),
    ]
    results = run(make_problem(), attacks)
    assert {result.ruling for result in results.values()} == {Ruling.INCONCLUSIVE}


def test_a_report_of_the_program_and_a_changed_score_are_breaches(make_problem: Make) -> None:
    attacks = [
        attack("reports", "breach('something worked')"),
        attack("another score", "did('it')\nwrap(lambda function: lambda x: 41.0)", family=Family.FORGERY),
    ]
    results = run(make_problem(BELIEVES_NUMBERS), attacks)
    assert results["reach/reports"].why == ("the program reports: something worked",)
    assert "not the seed's score" in results["forgery/another score"].why[0]


class Fragile:
    """A sandbox that breaks over a word in a program."""

    def __init__(self, problem: Problem) -> None:
        self._inner = ProcessSandbox(problem)

    async def start(self) -> None:
        """See Sandbox.start."""
        await self._inner.start()

    async def judge(self, job: Job) -> Verdict:
        """See Sandbox.judge."""
        verdict = await self._inner.judge(job)
        if "break the sandbox" in job.files[job.problem.entry]:
            await self._inner.close()
            raise SandboxUnavailable("It broke.")
        return verdict

    def alive(self) -> bool:
        """See Sandbox.alive."""
        return self._inner.alive()

    async def close(self) -> None:
        """See Sandbox.close."""
        await self._inner.close()

    def protects(self) -> Sequence[str]:
        """See Sandbox.protects."""
        return self._inner.protects()

    def does_not_protect(self) -> Sequence[str]:
        """See Sandbox.does_not_protect."""
        return self._inner.does_not_protect()


def test_a_sandbox_that_breaks_is_replaced_and_counted(make_problem: Make) -> None:
    code = "did('break the sandbox')"
    attacks = [
        attack("breaks", code),
        attack("may break", code, (End.AS_SEED, End.REPLACED)),
        attack("does not", "held('it')"),
    ]
    results = run(make_problem(), attacks, Fragile)
    rulings = [result.ruling for result in results.values()]
    assert rulings == [Ruling.REPLACED, Ruling.CONTAINED, Ruling.CONTAINED]
    assert results["reach/breaks"].why == ("It broke.",)


class Replacing(Fragile):
    """A sandbox that replaces itself over a word in a program, and says nothing of it."""

    async def judge(self, job: Job) -> Verdict:
        """See Sandbox.judge."""
        verdict = await self._inner.judge(job)
        if "replace the sandbox" in job.files[job.problem.entry]:
            await self._inner.close()
            await self._inner.start()
        return verdict


def test_a_sandbox_that_replaces_itself_is_noticed(make_problem: Make) -> None:
    attacks = [attack("replaces", "did('replace the sandbox')"), attack("does not", "held('it')")]
    results = run(make_problem(), attacks, Replacing)
    assert [result.ruling for result in results.values()] == [Ruling.REPLACED, Ruling.CONTAINED]


class Littering(Fragile):
    """A sandbox in which a process stays behind."""

    left: subprocess.Popen[bytes] | None = None

    async def judge(self, job: Job) -> Verdict:
        """See Sandbox.judge."""
        verdict = await self._inner.judge(job)
        if "leave a process" in job.files[job.problem.entry]:
            self.left = subprocess.Popen(["sleep", "60"])
        return verdict

    async def close(self) -> None:
        """See Sandbox.close."""
        await self._inner.close()
        if self.left:
            self.left.kill()
            self.left.wait()


def test_a_process_that_stays_in_the_sandbox_is_noticed(make_problem: Make) -> None:
    results = run(make_problem(), [attack("litters", "did('leave a process')")], Littering)
    assert results["reach/litters"].ruling is Ruling.BREACH
    assert "was left in the sandbox" in results["reach/litters"].why[0]


class Forgetful(Fragile):
    """A sandbox that judges every program as the one before it, after a certain word."""

    poisoned = False

    async def judge(self, job: Job) -> Verdict:
        """See Sandbox.judge."""
        verdict = await self._inner.judge(job)
        if self.poisoned:
            return replace(verdict, outcome=Outcome.VALID, metrics={"value": 43.0})
        self.poisoned = "poison the sandbox" in job.files[job.problem.entry]
        return verdict


def test_programs_that_are_judged_otherwise_after_an_attack_tell_of_it(make_problem: Make) -> None:
    results = run(make_problem(), [attack("poisons", "did('poison the sandbox')")], Forgetful)
    result = results["reach/poisons"]
    assert result.ruling is Ruling.BREACH
    assert [why.partition(" ended")[0] for why in result.why] == ["the seed", "a wrong program"]


def test_without_a_valid_seed_there_is_nothing_to_compare(make_problem: Make) -> None:
    with pytest.raises(SeedNotValid, match="seed ended"):
        run(make_problem(STRICT_FOR_ANOTHER), named("controls/seed"))


STRICT_FOR_ANOTHER = "from evaluators import invalid\ndef evaluate(candidate, stage, params): return invalid('never')\n"
