"""A program without any code.

Expected: crashed, invalid, worse
"""

no_seed()
