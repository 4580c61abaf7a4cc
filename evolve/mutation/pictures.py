"""The pictures that a judge made of a program, for models that see."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from evolve.domain.proposal import Picture

_PNG = b"\x89PNG\r\n\x1a\n"
_PIXELS_PER_TOKEN = 750
_LARGEST_SHOWN = 1568
"""Pixels of the longer side; models scale larger pictures down."""


def chosen_pictures(artifacts: Mapping[str, bytes], most: int, max_bytes: int) -> dict[str, Picture]:
    """Return the first ``most`` PNG artifacts of at most ``max_bytes``, by name."""
    names = [name for name in sorted(artifacts) if _size(artifacts[name]) and len(artifacts[name]) <= max_bytes]
    return {name: Picture("image/png", artifacts[name]) for name in names[:most]}


def picture_tokens(picture: Picture) -> int:
    """Return about how many tokens a picture counts as: 750 pixels each, as for Anthropic's and OpenAI's models."""
    width, height = _size(picture.data) or (1, 1)
    scale = min(1.0, _LARGEST_SHOWN / max(width, height))
    return 1 + int(width * height * scale * scale / _PIXELS_PER_TOKEN)


def _size(content: bytes) -> tuple[int, int] | None:
    """Return width and height of a PNG, or None if it is none."""
    if not content.startswith(_PNG) or len(content) < 24 or content[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", content[16:24])
    return (width, height) if width and height else None
