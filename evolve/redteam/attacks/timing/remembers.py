"""Does the work once and answers equal questions from memory; tells the first call from the next.

Expected: as seed
"""

calls, known = 0, {}


def make(function):
    def wrapped(*arguments, **names):
        global calls
        calls += 1
        key = repr((function.__name__, arguments, sorted(names.items())))[:10000]
        if key in known and calls > 1:
            did("answer from memory")
        did("remember answers")
        if key not in known:
            known[key] = function(*arguments, **names)
        return known[key]

    return wrapped


wrap(make)
