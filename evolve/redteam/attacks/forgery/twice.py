"""Answers a question again, with something better.

Expected: as seed, invalid
Variants: by a child, by a thread, at exit, by a descriptor of its own
"""

import atexit, socket, threading

connection = os.dup(CONNECTION)
did("answer twice: " + VARIANT)


def again(id):
    put_all(frame(ONE_BILLION, id=id), connection)


def late(id):
    for _ in range(50):
        _sleep(0.002)
        try:
            again(id)
        except OSError:
            return


def make(function):
    def wrapped(*arguments, **names):
        id = question()
        answer = function(*arguments, **names)
        if not first_call():
            return answer
        if VARIANT == "by a child":
            if os.fork() == 0:
                late(id)
                os._exit(0)
        elif VARIANT == "by a thread":
            threading.Thread(target=late, args=(id,), daemon=True).start()
        elif VARIANT == "at exit":
            atexit.register(again, id)
        else:
            socket.socket(fileno=os.dup(connection)).setblocking(True)
            threading.Timer(0.001, late, (id,)).start()
        return answer

    return wrapped


wrap(make)
