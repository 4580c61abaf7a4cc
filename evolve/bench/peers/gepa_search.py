"""Race GEPA (0.1.4), optimize_anything on a single task; run with a Python that has ``gepa``.

    PYTHON gepa_search.py TASK.json

Its defaults but for: a plain function that asks the model server (its own needs litellm), the number of
proposals, the seed, the problem's statement as objective. A program that fails scores 0.
"""

import json
import sys
import urllib.request
from pathlib import Path

from gepa.optimize_anything import EngineConfig, GEPAConfig, ReflectionConfig, optimize_anything

sys.path.insert(0, str(Path(__file__).parent))
from judge_client import judge


def asking(url, model):
    """Return a language model as GEPA wants it: text or messages in, text out."""

    def ask(prompt):
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        body = json.dumps({"model": model, "messages": messages}).encode()
        request = urllib.request.Request(f"{url}/chat/completions", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["choices"][0]["message"]["content"]

    return ask


def main(task):
    def evaluate(candidate):
        said = judge(task["judge_port"], candidate)
        return said["score"], {"score": said["score"], "metrics": said["metrics"], "feedback": said["feedback"]}

    optimize_anything(
        seed_candidate=task["program"],
        evaluator=evaluate,
        objective=task["statement"],
        config=GEPAConfig(
            engine=EngineConfig(
                seed=task["seed"], max_candidate_proposals=task["proposals"], run_dir=str(Path(task["folder"], "gepa"))
            ),
            reflection=ReflectionConfig(reflection_lm=asking(task["model_url"], task["model"])),
        ),
    )


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
