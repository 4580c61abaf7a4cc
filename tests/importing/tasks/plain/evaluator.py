import importlib.util

import numpy as np
from openevolve.evaluation_result import EvaluationResult


def evaluate(program_path):
    spec = importlib.util.spec_from_file_location("program", program_path)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    xs = np.linspace(-1.0, 1.0, 101)
    error = float(np.abs(program.curve(xs) - np.exp(xs)).max())
    return EvaluationResult({"combined_score": 1.0 / (1.0 + error), "error_of_it": error}, {"said": f"off by {error}"})
