"""Race OpenEvolve (0.4.0); run with a Python that has ``openevolve`` and nothing of ours.

    PYTHON openevolve_search.py TASK.json

Its defaults but for: the model and its address, the number of iterations, the random seed, the problem's
statement as system message, no cascade (the judge has its own), checkpoints and logs (off). A program that
fails scores 0, as its own examples have it.
"""

import asyncio
import json
import sys
from pathlib import Path

EVALUATOR = """
import sys
sys.path.insert(0, {adapters!r})
from judge_client import judge

def evaluate(program_path):
    from openevolve.evaluation_result import EvaluationResult
    with open(program_path) as program:
        said = judge({port}, program.read())
    artifacts = {{"feedback": said["feedback"]}} if said["feedback"] else {{}}
    return EvaluationResult(metrics={{"combined_score": said["score"]}}, artifacts=artifacts)
"""


async def main(task):
    from openevolve import OpenEvolve
    from openevolve.config import Config

    folder = Path(task["folder"])
    evaluator, program = folder / "evaluator.py", folder / "initial_program.py"
    evaluator.write_text(EVALUATOR.format(adapters=str(Path(__file__).parent), port=task["judge_port"]))
    program.write_text(task["program"])
    config = Config.from_dict(
        {
            "max_iterations": task["proposals"],
            "checkpoint_interval": 10**6,
            "log_level": "ERROR",
            "random_seed": task["seed"],
            "llm": {
                "api_base": task["model_url"],
                "api_key": "none",
                "models": [{"name": task["model"], "weight": 1.0}],
            },
            "prompt": {"system_message": task["statement"]},
            "evaluator": {"cascade_evaluation": False},
        }
    )
    controller = OpenEvolve(str(program), str(evaluator), config=config, output_dir=str(folder / "output"))
    await controller.run(iterations=task["proposals"])


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
