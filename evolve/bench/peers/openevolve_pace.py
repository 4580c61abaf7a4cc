"""Measure OpenEvolve's rate; run with a Python that has ``openevolve`` and nothing of ours.

    PYTHON openevolve_pace.py MODEL_URL SEED_PROGRAM SCRATCH_FOLDER ITERATIONS

Every evaluation appends its time to a file, from which the rates are read. The last line printed is
JSON: a list of [name, value, unit].
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from pathlib import Path

EVALUATOR = """
import importlib.util, time

def evaluate(program_path):
    spec = importlib.util.spec_from_file_location("candidate", program_path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    value = float(module.total())
    with open({stamps!r}, "a") as stamps:
        stamps.write(f"{{time.time()}}\\n")
    return {{"combined_score": value}}
"""

CONFIG = """
max_iterations: {iterations}
checkpoint_interval: 1000000
log_level: ERROR
diff_based_evolution: true
llm:
  api_base: {url}
  api_key: none
  models:
    - {{name: mutator, weight: 1.0}}
evaluator:
  cascade_evaluation: false
  parallel_evaluations: 2
"""


def main() -> None:
    """Run, then print the figures."""
    url, seed, scratch, iterations = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    stamps = scratch / "stamps"
    (scratch / "evaluator.py").write_text(EVALUATOR.format(stamps=str(stamps)))
    (scratch / "config.yaml").write_text(CONFIG.format(url=url, iterations=iterations))
    os.environ["OPENAI_API_KEY"] = "none"
    os.chdir(scratch)
    asyncio.run(_evolve(seed, scratch, iterations))
    times = sorted(float(line) for line in stamps.read_text().split())
    cpu_s = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    figures = [["evaluations", len(times), ""]]
    figures += [[f"evaluations at {n} programs", _rate(times, n), "1/s"] for n in (150, 1000) if n <= len(times)]
    figures.append(["CPU per program, whole run", 1000 * cpu_s / len(times), "ms"])
    print(json.dumps(figures))


async def _evolve(seed: Path, scratch: Path, iterations: int) -> None:
    from openevolve import OpenEvolve
    from openevolve.config import load_config

    controller = OpenEvolve(
        initial_program_path=str(seed),
        evaluation_file=str(scratch / "evaluator.py"),
        config=load_config(str(scratch / "config.yaml")),
        output_dir=str(scratch / "output"),
    )
    await controller.run(iterations=iterations)


def _rate(times: list[float], count: int) -> float:
    window = times[max(count - 100, 0) : count]
    return (len(window) - 1) / (window[-1] - window[0])


if __name__ == "__main__":
    main()
