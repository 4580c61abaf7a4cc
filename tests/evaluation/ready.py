"""Apart from slots.py, which also runs where there is no pytest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.engine import Engine
from tests.evaluation.slots import Variant


def ready(variant: Variant, request: pytest.FixtureRequest) -> Variant:
    """Return the variant with what it needs on this machine; skips the test without it."""
    if variant.name == "docker":
        engine: Engine = request.getfixturevalue("engine")
        return replace(variant, base_image=engine.base_image)
    if not variant.usable():
        pytest.skip(f"{variant.python} with the version of numpy's build is needed")
    return variant
