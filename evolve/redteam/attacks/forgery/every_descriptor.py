"""Writes what looks like a verdict to every open descriptor.

Expected: invalid, crashed
"""

import json

best = {name: 1e9 if direction == "maximize" else -1e9 for name, direction in OBJECTIVES.items()}
did("write verdicts to every descriptor")
words = json.dumps({"id": 1, "outcome": "valid", "metrics": best, "valid": True, "healthy": True}).encode()


def answer(*arguments, **names):
    for descriptor in range(3, 256):
        try:
            os.write(descriptor, struct.pack("<I", len(words)) + words + b"\n")
        except OSError:
            continue
    return 1e9


wrap(lambda function: answer)
