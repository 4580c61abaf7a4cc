from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evolve.bench import machinery
from evolve.bench.problem_runs import run_seeds
from evolve.bench.processes import tree_cpu_s
from evolve.errors import ConfigurationError


def test_processor_time_of_children_is_counted_while_they_live_and_after() -> None:
    before = tree_cpu_s(os.getpid())
    burn = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass\nprint('x'); input()"
    child = subprocess.Popen([sys.executable, "-c", burn], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    alive = tree_cpu_s(os.getpid())
    child.communicate(b"\n")
    assert alive - before >= 0.25
    assert tree_cpu_s(os.getpid()) >= alive - 0.02


def test_a_process_does_not_outlive_its_parent() -> None:
    parent = (
        "import subprocess, sys\nfrom evolve.bench.processes import die_with_parent\n"
        "child = subprocess.Popen(['sleep', '600'], preexec_fn=die_with_parent, start_new_session=True)\n"
        "print(child.pid, flush=True); input()"
    )
    pipe = subprocess.PIPE
    started = subprocess.Popen([sys.executable, "-c", parent], stdin=pipe, stdout=pipe, text=True)
    assert started.stdout is not None
    child = int(started.stdout.readline())
    assert Path(f"/proc/{child}").exists()
    started.kill()
    started.communicate()
    for _ in range(500):
        if not _is_alive(child):
            break
        time.sleep(0.01)
    assert not _is_alive(child)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_pace_is_read_from_samples() -> None:
    pace = machinery.Pace([(0.0, 0, 0, 1.0), (1.0, 60, 50, 1.2), (2.0, 120, 100, 1.5), (4.0, 240, 200, 2.2)])
    assert pace.rate_at(200) == pytest.approx(50)
    assert pace.proposals_per_s() == pytest.approx(60)
    assert pace.cpu_ms_per_proposal() == pytest.approx(5)
    assert machinery.Pace(pace.samples, [400.0] * 100 + [500.0] * 100).bytes_at(200) == 500


def test_processor_time_late_in_a_run_is_told_from_that_at_its_beginning() -> None:
    times = [(0, 0.0), (100, 0.5), (150, 0.0), (200, 1.0), (300, 1.5), (400, 2.5), (500, 3.5), (600, 4.5)]
    pace = machinery.Pace([(float(count), count, count, cpu_s) for count, cpu_s in times])
    assert pace.cpu_ms_at(200) == pytest.approx(5)
    assert pace.cpu_ms_at(600) == pytest.approx(10)


def test_a_keyless_measurement_runs_and_names_its_goals(tmp_path: Path) -> None:
    figures = {figure.name: figure for figure in machinery.keyless(600, tmp_path)}
    assert all(figure.value > 0 for figure in figures.values())
    assert figures["size of programs at 600"].value >= 300
    assert figures["keyless CPU per proposal, all processes"].goal == "<= 6"


def test_seeds_are_run_one_by_one_and_compared(tmp_path: Path) -> None:
    setting = ["problem=circle_packing", "params.n=4", "budget.evaluations=10", f"store.url=sqlite:///{tmp_path}/e.db"]
    results = list(run_seeds(setting, [1, 2], "seed"))
    assert [result.seed for result in results] == [1, 2]
    assert all(result.ratio >= 1.0 for result in results)
    with pytest.raises(ConfigurationError, match="'annealed_forces'"):
        next(run_seeds(setting, [1], "annealed_force"))


def test_the_reference_is_the_cost_of_a_bare_fork() -> None:
    (figure,) = machinery.reference()
    assert 0 < figure.value < 1000
