"""A loop that swallows every exception, also those that should end it.

Expected: timed_out
"""

did("swallow exceptions")


def loop(*arguments, **names):
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue


wrap(lambda function: loop)
