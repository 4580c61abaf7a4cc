"""The durable record of runs: the only package that knows SQL.

Read :mod:`evolve.store.tables` for what is kept, :mod:`evolve.store.sql` for how it is written,
:mod:`evolve.store.memory` for what every store promises, in plain Python.
"""
