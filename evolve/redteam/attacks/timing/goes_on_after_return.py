"""Works on after it has answered, in threads and processes of its own.

Expected: as seed, timed_out
Variants: threads, processes, both, process of another session
"""

import threading


def burn():
    deadline = _clock() + 10
    while _clock() < deadline:
        sum(range(1000))


def make(function):
    def wrapped(*arguments, **names):
        answer = function(*arguments, **names)
        if not first_call():
            return answer
        did("go on after the answer: " + VARIANT)
        try:
            for _ in range(2):
                if VARIANT in ("threads", "both"):
                    threading.Thread(target=burn, daemon=True).start()
                if VARIANT != "threads" and os.fork() == 0:
                    if VARIANT == "process of another session":
                        os.setsid()
                    os.closerange(0, 100)
                    burn()
                    os._exit(0)
        except (OSError, RuntimeError) as error:
            held("start another", type(error).__name__)
        return answer

    return wrapped


wrap(make)
