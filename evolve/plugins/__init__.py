"""Packages of others that bring operators, searches, archives, models, sandboxes, executors, stores, problems.

A plug-in is an installed package with one entry point, ``[project.entry-points."evolve.plugins"]``: a name, and the
top-level package. Options lie in its folder ``conf/``, group by group as in evolve's own, and problems in
``problems/``. Both are found by their files: nothing of a plug-in is imported before a run names one of its classes.
"""
