"""Suites of tests, one for each protocol of :mod:`evolve.interfaces`, that every implementation passes.

Ours do in ``tests/conformance``; those of plug-ins in theirs. README.md beside this file says how.
Needs pytest, pytest-asyncio and hypothesis: ``pip install 'evolve-search[conformance]'``.
"""

import pytest

pytest.register_assert_rewrite(
    *(
        f"{__name__}.{suite}"
        for suite in (
            "archive",
            "executor",
            "language_model",
            "operator",
            "problem",
            "record",
            "sandbox",
            "search",
            "store",
            "store_operations",
            "tracker",
        )
    )
)
