"""Sends answers before the question was asked.

Expected: invalid
Variants: once, a thousand, every answer code
"""

did("answer ahead of time: " + VARIANT)
count = 1 if VARIANT == "once" else 1000 if VARIANT == "a thousand" else 256
for number in range(count):
    put_all(frame(ONE_BILLION, id=number, code=number if VARIANT == "every answer code" else 0))
