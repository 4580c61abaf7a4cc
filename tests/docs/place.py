"""A place where what the documentation tells a reader to type can be typed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.docs.blocks import ROOT

RUN = "first"
_WORDS = {r"\bRUN\b": RUN, r"\bDIR\b": "written", r"\bFOLDER\b": "./mine", r"\bNAME\b": "new_one"}
_LIMIT_S = 240
_SHORT = """#!/bin/sh
# The command, with a small budget where the text gives none: what a reader waits minutes for is checked in seconds.
case "$*" in
  "run "*budget.*|"run "*--cfg*|"run "*--estimate*|"run -m "*) exec {evolve} "$@" ;;
  "run "*) exec {evolve} "$@" budget.evaluations=12 ;;
  *) exec {evolve} "$@" ;;
esac
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with the problem ./mine, the run RUN in the usual store, and ``evolve`` on the path.

    ``step`` is that of a program of the run.
    """

    folder: Path
    step: int = 0

    def run(self, text: str) -> subprocess.CompletedProcess[str]:
        """Run a block as a shell script that ends at the first failure; names in capitals become real ones."""
        for word, real in {**_WORDS, r"\bSTEP\b": str(self.step)}.items():
            text = re.sub(word, real, text)
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )

    def environment(self) -> dict[str, str]:
        """Return the environment of a reader: no settings of ours but where `evolve` is, and ordinary sandboxes."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("EVOLVE_", "PYTEST"))}
        commands = f"{self.folder / 'bin'}:{Path(sys.executable).parent}"
        return {**kept, "PATH": f"{commands}:{kept['PATH']}", "EVOLVE_SANDBOX": "process", "HOME": str(self.folder)}


def prepare(folder: Path) -> Place:
    """Make a place."""
    place = Place(folder)
    (folder / "bin").mkdir()
    short = folder / "bin" / "evolve"
    short.write_text(_SHORT.format(evolve=Path(sys.executable).parent / "evolve"))
    short.chmod(0o755)
    made = place.run(
        "evolve new mine >/dev/null; evolve run problem=./mine run=RUN budget.evaluations=240 seed=3 -q >/dev/null"
    )
    assert made.returncode == 0, made.stderr
    made = place.run("evolve bundle RUN -o run.evolve; touch worker.token hub.pem runs/worker.token")
    assert made.returncode == 0, made.stderr
    (folder / "PY").symlink_to(sys.executable)  # stands for the Python of another environment
    shutil.copy(ROOT / "problems" / "_template" / "seed" / "pressure.py", folder / "my_program.py")
    best = place.run("evolve best RUN --json")
    return Place(folder, json.loads(best.stdout)["step"])
