"""The seed itself: every comparison rests on it.

Expected: as seed
"""
