"""Every operator of ours that needs no model keeps its contract. A new one is one line in OPERATORS."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evolve.conformance.operator import OperatorSuite
from evolve.interfaces import Operator
from evolve.mutation.syntax import Syntax
from evolve.mutation.tune import Tune

OPERATORS: dict[str, Callable[[], Operator]] = {"syntax": Syntax, "tune": Tune}


class TestOperators(OperatorSuite):
    @pytest.fixture(params=OPERATORS)
    def make(self, request: pytest.FixtureRequest) -> Callable[[], Operator]:
        return OPERATORS[request.param]
