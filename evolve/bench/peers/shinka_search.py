"""Race ShinkaEvolve (0.0.7); run with a Python that has ``shinka`` and nothing of ours.

    PYTHON shinka_search.py TASK.json

Its defaults but for: the model and its address (``local/NAME@URL``), the number of generations, the problem's
statement as system message, one proposal at a time, and no embeddings, as they need another provider. Without
them its novelty check has nothing to compare; by default it has no judge of novelty and rejects nothing either.
It has no seed of its own, so the generators that it draws from are seeded here.
"""

import json
import random  # noqa: TID251  the peer draws from it
import sys
from pathlib import Path

import numpy as np

EVALUATE = """
import json, os, sys
sys.path.insert(0, {adapters!r})
from judge_client import judge

arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))
with open(arguments["--program_path"]) as program:
    said = judge({port}, program.read())
folder = arguments["--results_dir"]
os.makedirs(folder, exist_ok=True)
with open(os.path.join(folder, "metrics.json"), "w") as file:
    metrics = {{"combined_score": said["score"], "public": said["metrics"], "private": {{}}}}
    json.dump({{**metrics, "text_feedback": said["feedback"]}}, file)
with open(os.path.join(folder, "correct.json"), "w") as file:
    json.dump({{"correct": said["valid"], "error": "" if said["valid"] else said["feedback"]}}, file)
"""


def main(task):
    from shinka.core import EvolutionConfig, ShinkaEvolveRunner
    from shinka.database import DatabaseConfig
    from shinka.launch import LocalJobConfig

    random.seed(task["seed"])
    np.random.seed(task["seed"])
    folder = Path(task["folder"])
    evaluate, program = folder / "evaluate.py", folder / "initial.py"
    evaluate.write_text(EVALUATE.format(adapters=str(Path(__file__).parent), port=task["judge_port"]))
    program.write_text(task["program"])
    runner = ShinkaEvolveRunner(
        evo_config=EvolutionConfig(
            task_sys_msg=task["statement"],
            num_generations=task["proposals"] + 1,
            llm_models=[f"local/{task['model']}@{task['model_url']}"],
            embedding_model=None,
            init_program_path=str(program),
            results_dir=str(folder / "results"),
        ),
        db_config=DatabaseConfig(),
        job_config=LocalJobConfig(eval_program_path=str(evaluate)),
        max_evaluation_jobs=1,
        max_proposal_jobs=1,
        max_db_workers=1,
        verbose=False,
    )
    runner.run()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
