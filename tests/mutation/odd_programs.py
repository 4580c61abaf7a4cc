"""Python programs with everything that makes splicing hard."""

from __future__ import annotations

PLAIN = '''import numpy as np
from math import sqrt as root


def priority(item: float, bins: np.ndarray) -> np.ndarray:
    """Prefer the tightest bin."""
    left = bins - item
    score = -left
    score[left < 0.5] *= 2.0
    return score
'''

MARKED = """import numpy as np
LIMIT = 40  # fixed

# EVOLVE-BLOCK-START
def inner(x, y=3):
    total = x * 2 + y
    if total > 10 and x < 5:
        total -= 1
    return total / 2
# EVOLVE-BLOCK-END

def outer(n):
    return [inner(i, 7) + 1.5 for i in range(n)]  # 9
# EVOLVE-BLOCK-START
SCALE = 0.25
# EVOLVE-BLOCK-END
print(SCALE * 2)
"""

NESTED = '''def decorate(level=2):
    def wrap(function):
        def call(*args, scale=1.5, **kwargs):
            return function(*args, **kwargs) * scale + level
        return call
    return wrap


@decorate(level=3 + 1)
def compute(values, /, bias=-1, *, power=2):
    key = lambda v, w=2: (v - bias) ** power if v > w else -v ** 2
    best = max(values, key=key)
    return sorted([key(v) for v in values if v != best and not v == 0])[:3] + [best]


class Machine(object):
    """Has state."""

    size: int = 4

    def step(self, amount: float = 0.5) -> "Machine":
        self.size += amount if amount < 2 else 1
        self.data[self.size // 2 + 1] = amount ** -self.size
        return self
'''

STRINGS = '''NAME = "x + 1"
def show(a, b):
    """Numbers 1 2 3 stay."""
    text = f"{a + 1:>{b * 2}} and {b!r:5}" + 'it''s' f'{a:.2f}'
    raw = r"\\d+" if a<b else b"\\x00 3"
    table = {"k": a, **{"m": b + 2}, 3: (a, b)}
    return text, raw, f"""{
        a
    }""", table["k"] + table.get("m", 0)
'''

UNICODE = """def größe(λ, ж=1.0):
    π = 3.14159; note = "naïve 🎉"; α = λ*π  # ∑ comment
    return (π * λ ** 2 + ж) if λ > 0.5 else (ж - λ) / (π + 1)
"""

WEIRD = '''import math
x: int = 3
def f(n): return n*2+1 if n else-1
def g(a, b):
    if a: b += 1; a = a-1
    elif b<2: pass
    else: return[a,b][0]
    while (n := a + b) < 10 and a:
        a += (b
              * 2  # why
              + 1) \\
              - 3
    for i, (j, *k) in enumerate([(1, 2), (3, 4)]):
        try: a /= i-1
        except ZeroDivisionError as error: a = (not a)+len(k)
        finally:
            b = b<<2|1&~a^3
    return not a==b, a if b else(1)if a else 2, -a**-b, (yield)
def h(p):
    match p:
        case {"a": 1, **rest} if len(rest) > 2: return rest
        case [1, -2.5, *others] | (3 as others): return 2 * len([others])
        case _: return 0
    with open("f", mode="r") as stream, stream: return stream.read(10)
async def k(z):
    async for w in z: await w(2 * 3)
    return [await v for v in z if (u := v) if 1 < u <= 3 != 4]
def empty(): ...
def documented():
    """Only this."""
assert x*2 > 1, "message"
y = z = (1,) + (2, 3,); y[0:x-1, ::2, ...]; del x
result = sum(i*0.5 for i in range(3)); other = 1if result else 2; third = 0x1F + 1_000 + 2.5e-3 + 3j
print(lambda: (yield))
'''.replace("    ", "\t")

CRLF = PLAIN.replace("\n", "\r\n")
NO_NEWLINE = PLAIN.rstrip("\n")
ONE_LINER = "f = lambda x: x * 2 + 1"
CARRIAGE = MARKED.replace("\n", "\r")

PROGRAMS = {
    "plain": PLAIN,
    "marked": MARKED,
    "nested": NESTED,
    "strings": STRINGS,
    "unicode": UNICODE,
    "weird": WEIRD,
    "crlf": CRLF,
    "no_newline": NO_NEWLINE,
    "one_liner": ONE_LINER,
    "carriage": CARRIAGE,
}
