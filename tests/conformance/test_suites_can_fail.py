"""Every suite notices an implementation that breaks its contract."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BROKEN = "tests/conformance/broken_implementations.py"
NOTICED = {
    "TestHoarder": "test_the_best_program_ever_offered_is_an_elite",
    "TestMoody": "test_equal_histories_give_equal_answers",
    "TestTrespasser": "test_what_lies_outside_the_blocks_stays_byte_for_byte",
    "TestEmbezzler": "test_the_transitions_of_a_call_are_told_with_its_cost",
    "TestFlatterer": "test_every_way_to_end_has_its_outcome",
    "TestResigned": "test_a_job_whose_sandbox_fails_once_is_tried_again",
    "TestForgetful": "test_who_holds_a_run_is_known_while_the_lease_lasts",
    "TestForgetfulRecord": "test_pruning_takes_what_it_is_told_and_notes_it",
    "TestForgetfulOperations": "test_every_operation_does_in_a_database_what_it_does_in_memory",
    "TestGenerousProblem": "test_the_seed_is_valid_scores_the_same_twice_and_is_no_record",
}


@pytest.fixture(scope="module")
def failed() -> set[tuple[str, str]]:
    """Return (class, test) of what failed, and of nothing else than that was it run."""
    chosen = [f"{BROKEN}::{name}::{test}" for name, test in NOTICED.items()]
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider", *chosen]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    return set(re.findall(r"^FAILED \S+?::(\w+)::(\w+)", ran.stdout, re.MULTILINE))


@pytest.mark.parametrize("broken", NOTICED)
def test_a_broken_implementation_is_noticed(failed: set[tuple[str, str]], broken: str) -> None:
    assert (broken, NOTICED[broken]) in failed


def test_a_suite_without_an_implementation_says_what_is_missing(tmp_path: Path) -> None:
    text = "from evolve.conformance.archive import ArchiveSuite\nclass TestMine(ArchiveSuite): pass\n"
    (tmp_path / "test_mine.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(tmp_path)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 1 and "Override the fixture make_archive" in ran.stdout
