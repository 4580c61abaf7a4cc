"""Runs a function of the program several times and leaves ``metrics.json`` and ``correct.json``."""

import importlib.util
import json
import math
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path


def load_program(program_path):
    """Import the program from its file."""
    specification = importlib.util.spec_from_file_location("program", program_path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def save_json_results(results_dir, metrics, correct, error=None):
    """Write the two files that say how it went."""
    folder = Path(results_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(metrics, default=_plain), "utf-8")
    (folder / "correct.json").write_text(json.dumps({"correct": correct, "error": error}), "utf-8")


def run_shinka_eval(
    program_path,
    results_dir,
    experiment_fn_name,
    num_runs,
    get_experiment_kwargs=None,
    aggregate_metrics_fn=None,
    validate_fn=None,
    default_metrics_on_error=None,
    run_workers=1,
    **unused,
):
    """Return metrics, whether every run was right, and the first error.

    Plots, and stopping early inside one evaluation (``unused``), change no score and are left out.
    """
    metrics, correct, error = dict(default_metrics_on_error or {"combined_score": 0.0}), False, None
    try:
        keywords = [get_experiment_kwargs(run) if get_experiment_kwargs else {} for run in range(num_runs)]
        results, seconds = _runs(program_path, experiment_fn_name, keywords, run_workers or 1)
        errors = _errors(results, validate_fn)
        aggregate = aggregate_metrics_fn(results) if aggregate_metrics_fn else {"combined_score": len(results)}
        metrics = {**aggregate, **_of_runs(seconds, errors)}
        error = next((f"Validation failed: {found}" for found in errors if found), None)
        error = error or _not_finite(metrics.get("combined_score"))
        correct = error is None
    except Exception as raised:  # noqa: BLE001 - whatever the program or the three functions do
        error = f"{type(raised).__name__}: {raised}"
    metrics.pop("extra_data", None)
    save_json_results(results_dir, metrics, correct, error)
    return metrics, correct, error


def _runs(program_path, name, keywords, workers):
    if workers == 1:
        module = load_program(program_path)
        done = [_timed(getattr(module, name), run) for run in keywords]
    else:
        with ProcessPoolExecutor(workers) as pool:
            done = list(pool.map(_in_worker, [(program_path, name, run) for run in keywords]))
    return [result for result, _ in done], [seconds for _, seconds in done]


def _in_worker(order):
    program_path, name, keywords = order
    return _timed(getattr(load_program(program_path), name), keywords)


def _timed(function, keywords):
    started = time.perf_counter()
    return function(**keywords), time.perf_counter() - started


def _errors(results, validate):
    """Return for each run what is wrong with its result, "" for nothing."""
    answers = [validate(result) if validate else True for result in results]
    pairs = [answer if isinstance(answer, tuple) else (answer, None) for answer in answers]
    return ["" if valid else str(why or "no reason given") for valid, why in pairs]


def _of_runs(seconds, errors):
    wrong = [found for found in errors if found]
    return {
        "execution_time_mean": statistics.fmean(seconds) if seconds else 0.0,
        "execution_time_std": statistics.pstdev(seconds) if seconds else 0.0,
        "num_valid_runs": len(errors) - len(wrong),
        "num_invalid_runs": len(wrong),
        "all_validation_errors": list(dict.fromkeys(wrong)),
    }


def _not_finite(score):
    if score is None or math.isfinite(float(score)):
        return None
    return f"combined_score is {score}, not a finite number"


def _plain(value):
    return value.tolist() if hasattr(value, "tolist") else str(value)
