"""An answer that never ends: one byte at a time, or half of it.

Expected: timed_out
Variants: drip, half a header, half a body, drip before the question
"""

did("drip an answer")


def answer(*arguments, **names):
    data = frame(b"\xc4\xff" + b"x" * 255, id=question())
    if VARIANT == "half a header":
        put_all(data[:10])
    elif VARIANT == "half a body":
        put_all(data[:100])
    else:
        for byte in data[:-1]:
            put_all(bytes([byte]))
            _sleep(0.02)
    _sleep(1000)


if VARIANT == "drip before the question":
    answer()
wrap(lambda function: answer)
