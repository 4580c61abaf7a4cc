"""One call into compiled code that neither ends nor lets Python see a signal.

Expected: timed_out
"""

did("match a pattern with exponential cost")
wrap(lambda function: lambda *arguments, **names: re.match(r"(a+)+$", "a" * 60 + "b"))
