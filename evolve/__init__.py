"""Evolve programs with language models and syntax operators, scored by judges they cannot reach.

Start reading at :mod:`evolve.interfaces`; the loop is :mod:`evolve.controller.loop`.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
