"""The judge of an imported problem: has the evaluator under ``peer/`` score the program, and checks what comes back.

The evaluator imports the program, so both run in one process inside the sandbox, and a program can forge its score
(``isolation: shared`` in problem.yaml). This file and its answer are trusted; what it reads is not.
"""

import io
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from evaluators import Candidate, CandidateRefused, Score

HERE = Path(__file__).parent
RUNNER = "evolve_runner.py"
SPEC = json.loads((HERE / "peer.json").read_text("utf-8"))
PRIVATE = "private."
LONGEST_NAME = 200


def packed(folders: dict[str, Path]) -> np.ndarray:
    """Return the files below each folder as one zip archive, its path under the given prefix."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", strict_timestamps=False) as files:
        for prefix, folder in folders.items():
            for path in sorted(folder.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    files.write(path, prefix + path.relative_to(folder).as_posix())
    return np.frombuffer(archive.getvalue(), np.uint8)


PEER = packed({"": HERE / "peer", "evolve_shims/": HERE / "shims"})


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Score a program as its own evaluator does; what that evaluator calls wrong is INVALID here."""
    files = {**candidate.files, RUNNER: (HERE / "runner.py").read_text("utf-8")}
    answer = candidate.other(files, entry=RUNNER).call("score", PEER, SPEC)
    return verdict(checked(answer), SPEC["objectives"])


def verdict(answer: dict[str, Any], objectives: list[str]) -> Score:
    """Return the score that an answer stands for."""
    metrics, words = answer["metrics"], answer["words"]
    if answer["error"]:
        return Score(valid=False, feedback=f"The evaluator says: {answer['error']}", artifacts=words)
    for name in objectives:
        if name not in metrics:
            found = ", ".join(sorted(metrics)) or "no number at all"
            return Score(
                valid=False, feedback=f"The evaluator reported no {name}; it reported {found}.", artifacts=words
            )
        if not math.isfinite(metrics[name]):
            return Score(valid=False, feedback=f"{name} is {metrics[name]}, not a finite number.", artifacts=words)
    kept = {name: value for name, value in metrics.items() if name in objectives or not name.startswith(PRIVATE)}
    finite = {name: value for name, value in kept.items() if math.isfinite(value) and len(name) <= LONGEST_NAME}
    left_out = [f"{name[:LONGEST_NAME]} is {kept[name]} and is left out." for name in kept if name not in finite]
    return Score(finite, feedback="\n".join([*answer["notes"], *left_out]), artifacts=words)


def checked(answer: Any) -> dict[str, Any]:
    """Return the runner's answer if it has the form it should have. Raises CandidateRefused."""
    texts = (str, bytes)
    wanted = {"metrics": dict, "words": dict, "notes": list, "error": str}
    if not isinstance(answer, dict) or set(answer) != set(wanted):
        raise CandidateRefused("the evaluator's process answered with something else than a result")
    for name, kind in wanted.items():
        if not isinstance(answer[name], kind):
            raise CandidateRefused(f"{name} of the result is no {kind.__name__}")
    if not all(type(value) is float for value in answer["metrics"].values()):
        raise CandidateRefused("a metric of the result is no float")
    if not all(isinstance(text, texts) for text in (*answer["words"].values(), *answer["notes"])):
        raise CandidateRefused("an artifact of the result is no text")
    return answer
