"""Text that cannot be written, or that means something to a terminal, wherever text goes.

Expected: as seed, invalid, crashed
Variants: surrogates in the answer, control characters in the answer, odd bytes in the output, surrogates in the output, right to left, zeros
"""

did("odd text: " + VARIANT)


def make(function):
    def wrapped(*arguments, **names):
        answer = function(*arguments, **names)
        if VARIANT == "surrogates in the answer":
            return "\ud800"
        if VARIANT == "control characters in the answer":
            return "\x1b[2J\x00\r\x07" * 100
        if VARIANT == "odd bytes in the output":
            os.write(1, bytes(range(256)) * 20)
        elif VARIANT == "surrogates in the output":
            os.write(1, b"\xed\xa0\x80\xf4\x90\x80\x80" * 100)
        elif VARIANT == "right to left":
            os.write(1, "\u202e\u2066\u200b[bold]x[/bold][/]\U000e0001".encode() * 20)
        else:
            os.write(1, b"\0" * 4000)
        return answer

    return wrapped


wrap(make)
