"""Every function raises an exception.

Expected: crashed, invalid, worse
"""


def fail(*arguments, **names):
    raise RuntimeError("on purpose")


wrap(lambda function: fail)
