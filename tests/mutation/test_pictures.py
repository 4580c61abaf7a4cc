"""Pictures are bounded, and never anything else."""

import pytest

from evolve.mutation.pictures import chosen_pictures
from tests.mutation.test_prompt import png


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", png()[:20], png(0, 5), b"GIF89a" + png(), b"<svg/>"])
def test_what_is_no_png_is_not_attached(content: bytes) -> None:
    assert chosen_pictures({"a.png": content}, 5, 1000) == {}


def test_as_many_are_chosen_as_allowed_in_the_order_of_their_names() -> None:
    artifacts = {name: png() for name in "cab"}
    assert list(chosen_pictures(artifacts, 2, 1000)) == ["a", "b"]
    assert chosen_pictures(artifacts, 0, 1000) == {}
    assert chosen_pictures(artifacts, 2, 99) == {}
