"""Evolve from a script or a notebook: what :mod:`evolve` exports, and nothing else that is promised.

``evolve/README.md`` is its reference.
"""
