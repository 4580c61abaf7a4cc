"""Instruments for measuring and provoking the system; nothing in a run depends on them."""
