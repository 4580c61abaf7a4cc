"""What slots share out: in a network of their own, where no other test's slots hold anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_CLAIMS = """
import json
from evaluators.claims import claim_core, claim_user

cores = [claim_core() for _ in range({count})]
users = [claim_user() for _ in range(3)]
released = cores[0][0]
cores[0][1].close()
again, claim = claim_core()
print(json.dumps([[core for core, _ in cores], [user for user, _ in users], released, again]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="a network of its own needs root")
def test_slots_spread_over_the_cores_and_each_has_a_user_of_its_own() -> None:
    usable = sorted(os.sched_getaffinity(0))
    command = ["unshare", "--net", sys.executable, "-c", _CLAIMS.format(count=2 * len(usable))]
    told = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    cores, users, released, again = json.loads(told)

    assert cores == 2 * usable
    assert len(set(users)) == 3
    assert again == released
