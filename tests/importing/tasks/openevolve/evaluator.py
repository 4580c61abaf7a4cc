import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

import helper
from openevolve.evaluation_result import EvaluationResult

CHILD = "import helper, openevolve.evaluation_result; print(helper.SCALE)"


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
    return EvaluationResult(metrics={**extra, **answer}, artifacts={"report": {"inner": "text", "numbers": [1, 2]}})
