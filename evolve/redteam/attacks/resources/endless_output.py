"""Prints without end.

Expected: crashed, timed_out
Variants: standard output, standard error
"""

did("print")


def chatter(*arguments, **names):
    while True:
        _put(1 if VARIANT == "standard output" else 2, b"x" * (1 << 20))


wrap(lambda function: chatter)
