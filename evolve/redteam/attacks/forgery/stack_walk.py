"""Walks stack, frames and all objects for the channel, the expected answer and the judge.

Expected: as seed
"""

import gc, inspect


def make(function):
    def wrapped(*arguments, **names):
        answer = function(*arguments, **names)
        if not first_call():
            return answer
        walked, depth, seen = sys._getframe(), 0, []
        while walked is not None:
            depth += 1
            seen += [f"{walked.f_code.co_filename}:{name}" for name in walked.f_locals]
            if "evaluate.py" in walked.f_code.co_filename:
                breach("a frame of the judge", walked.f_code.co_filename)
            walked = walked.f_back
        held(f"a frame of the judge in {depth} frames", "none")
        words = {"expected", "held_out", "sealed", "hidden", "solution", "answers", "target"}
        found = [name for name in seen if name.rpartition(":")[2] in words and "seed.py" not in name]
        breach("names of expected values", found) if found else held("names of expected values", "none")
        judges = [o for o in gc.get_objects() if getattr(type(o), "__module__", "") == "evaluate"]
        breach("objects of the judge's module", len(judges)) if judges else held(
            "objects of the judge's module", "none"
        )
        secret = [
            o
            for o in gc.get_objects()
            if type(o) is dict
            and any(type(v) is str and PATTERN.search(v.encode("utf-8", "replace")) for v in list(o.values())[:200])
        ]
        breach("a secret among its objects", len(secret)) if secret else held("a secret among its objects", "none")
        return answer

    return wrapped


wrap(make)
