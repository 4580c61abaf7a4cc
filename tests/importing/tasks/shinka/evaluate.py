import argparse

from shinka.core import run_shinka_eval
from tasks import SEEDS


def validate(result):
    return (result >= 0, f"{result} is negative")


def aggregate(results):
    return {
        "combined_score": max(results),
        "public": {"runs": len(results)},
        "private": {"secret": 7},
        "text_feedback": "three runs",
        "extra_data": {"not": object()},
    }


def main(program_path, results_dir):
    metrics, correct, error = run_shinka_eval(
        program_path=program_path,
        results_dir=results_dir,
        experiment_fn_name="run_experiment",
        num_runs=len(SEEDS),
        get_experiment_kwargs=lambda run: {"seed": SEEDS[run]},
        validate_fn=validate,
        aggregate_metrics_fn=aggregate,
    )
    print(metrics, correct, error)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--program_path", default="initial.py")
    parser.add_argument("--results_dir", default="results")
    arguments = parser.parse_args()
    main(arguments.program_path, arguments.results_dir)
