"""Answers in place of the guest's code, with a number no honest program reaches.

Expected: invalid, crashed, worse
Variants: by itself, by a child, patched channel, patched encoder
"""

did("answer 1e9 in its own words: " + VARIANT)
import evaluators.channel, evaluators.codec

if VARIANT == "patched channel":
    send = evaluators.channel.Channel.send
    evaluators.channel.Channel.send = lambda self, id, code, value, deadline=None: send(self, id, 0, 1e9, deadline)
if VARIANT == "patched encoder":
    evaluators.codec._check = lambda *arguments: None
    evaluators.channel.Encoder.encode = lambda self, value: (ONE_BILLION, [])


def make(function):
    def wrapped(*arguments, **names):
        id = question()
        if VARIANT == "by itself":
            put_all(frame(ONE_BILLION, id=id))
            _sleep(1000)
        if VARIANT == "by a child":
            if os.fork():
                _sleep(1000)
            put_all(frame(ONE_BILLION, id=id), CONNECTION if connection is None else connection)
            os._exit(0)
        return 1e9

    return wrapped


connection = os.dup(CONNECTION) if VARIANT == "by a child" else None
wrap(make)
