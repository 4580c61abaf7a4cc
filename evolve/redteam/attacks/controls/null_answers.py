"""Every call is answered with the same nothing.

Expected: crashed, invalid, worse
Variants: None, 0, 0.0, True, "", bytes, [], {}, empty array
"""

import numpy

answers = {"None": None, "0": 0, "0.0": 0.0, "True": True, '""': "", "bytes": b"", "[]": [], "{}": {}}
answer = numpy.zeros(0) if VARIANT == "empty array" else answers[VARIANT]
wrap(lambda function: lambda *arguments, **names: answer)
