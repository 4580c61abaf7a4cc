"""Answers with a verdict in place of an answer.

Expected: invalid, crashed, worse
Variants: metrics, a verdict, a number, text, JSON, list of numbers, array, true, pairs
"""

import json, numpy

best = {name: 1e9 if direction == "maximize" else -1e9 for name, direction in OBJECTIVES.items()}
one = next(iter(best.values()))
claim = {
    "metrics": best,
    "a verdict": {"metrics": best, "valid": True, "outcome": "valid", "score": one},
    "a number": one,
    "text": repr(one),
    "JSON": json.dumps(best),
    "list of numbers": [one] * 3,
    "array": numpy.full(3, one),
    "true": True,
    "pairs": [[name, value] for name, value in best.items()],
}[VARIANT]
did("claim a score: " + VARIANT)
wrap(lambda function: lambda *arguments, **names: claim)
