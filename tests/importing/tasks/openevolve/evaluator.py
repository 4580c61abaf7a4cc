import importlib.util
import multiprocessing
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import helper
from openevolve.evaluation_result import EvaluationResult

CHILD = "import helper, openevolve.evaluation_result; print(helper.SCALE)"


def squares(method):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        return sum(pool.map(helper.square, (1, 2, 3)))


async def evaluate(program_path):
    spec = importlib.util.spec_from_file_location("program", program_path)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    print("evaluating", program_path)
    answer = program.answer()  # with a combined_score, if it is any good
    if isinstance(answer, list):
        return answer
    with tempfile.NamedTemporaryFile("w+", suffix=".txt") as scratch:
        child = subprocess.run([sys.executable, "-c", CHILD], stdout=scratch, check=True)
        scratch.seek(0)
        said = scratch.read()
    assert child.returncode == 0
    extra = {"from_a_child": said.strip(), "bytes_of_data": len(Path("numbers.bin").read_bytes())}
    assert helper.SCALE == 2.0
    if answer.get("pools"):
        answer = {**answer, **{method: squares(method) for method in ("fork", "spawn")}}
    return EvaluationResult(metrics={**extra, **answer}, artifacts={"report": {"inner": "text", "numbers": [1, 2]}})
