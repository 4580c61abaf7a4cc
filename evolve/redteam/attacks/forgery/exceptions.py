"""Raises exceptions that do something when they are looked at.

Expected: crashed, invalid
Variants: text that exits, text that loops, reduces to a call, equal to everything, named as the judge's, the guest's own, surrogates, control characters, its own cause, group, no arguments, metaclass, traceback of its own
"""

did("raise: " + VARIANT)


class Odd(Exception):
    def __str__(self):
        if VARIANT == "text that exits":
            raise SystemExit(0)
        if VARIANT == "text that loops":
            return "x" * (1 << 24)
        return "valid"

    __repr__ = __str__

    def __reduce__(self):
        return os._exit, (0,)

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0


class Meta(type(Exception)):
    def __instancecheck__(cls, other):
        return True

    def __getattribute__(cls, name):
        if name == "__module__":
            raise KeyError("no module")
        return super().__getattribute__(name)


class Posed(Exception, metaclass=Meta):
    pass


def fail(*arguments, **names):
    if VARIANT == "named as the judge's":
        raise type("CandidateTimedOut", (Exception,), {"__module__": "evaluators.candidate"})("score: 1e9")
    if VARIANT == "the guest's own":
        from evaluators.channel import Closed, Late
        from evaluators.codec import NotData

        raise NotData("refused")
    if VARIANT == "surrogates":
        raise RuntimeError("\ud800\udfff \x00")
    if VARIANT == "control characters":
        raise RuntimeError("\x1b[2J\x1b]0;title\x07\r\n\x00" * 100)
    if VARIANT == "its own cause":
        error = RuntimeError("loop")
        error.__cause__ = error.__context__ = error
        raise error
    if VARIANT == "group":
        raise BaseExceptionGroup("many", [SystemExit(0), KeyboardInterrupt()])
    if VARIANT == "metaclass":
        raise Posed()
    if VARIANT == "traceback of its own":
        try:
            exec(compile("raise RuntimeError('x')", "/etc/shadow", "exec"))
        except RuntimeError as error:
            raise error.with_traceback(error.__traceback__)
    raise Odd() if VARIANT != "no arguments" else Exception


wrap(lambda function: fail)
