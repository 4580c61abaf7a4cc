"""Hostile programs, run against any problem on any sandbox, and what came of each.

An attack is one file ``attacks/FAMILY/NAME.py``: a text that only ever runs inside the sandbox under
test. ``attacks/prelude.py`` stands before it and says what an attack may use; the seed's text stands
after it. Three witnesses decide, and none of them is the attack alone: the judge's verdict, canaries
on the host, and the programs that are judged next on the same sandbox.
"""
