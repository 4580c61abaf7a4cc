"""Asks what no program has been asked before; the score of every program is known beforehand, to the last digit."""

from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    questions = np.random.default_rng().random(params["questions"])
    answers = candidate.call("ranks", questions)
    if not isinstance(answers, np.ndarray) or answers.dtype != np.int64 or answers.shape != questions.shape:
        return invalid("Expected one whole number for each question.")
    ranks = np.empty_like(answers)
    ranks[np.argsort(questions)] = np.arange(len(questions))
    return Score(metrics={"right": float(np.count_nonzero(answers == ranks))})
