"""The pictures that a judge made of a program, for models that see."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from evolve.domain.proposal import Picture

_PNG = b"\x89PNG\r\n\x1a\n"


def chosen_pictures(artifacts: Mapping[str, bytes], most: int, max_bytes: int) -> dict[str, Picture]:
    """Return the first ``most`` PNG artifacts of at most ``max_bytes``, by name."""
    names = [name for name in sorted(artifacts) if _is_png(artifacts[name]) and len(artifacts[name]) <= max_bytes]
    return {name: Picture("image/png", artifacts[name]) for name in names[:most]}


def _is_png(content: bytes) -> bool:
    """Whether it begins as a PNG with pixels does."""
    if not content.startswith(_PNG) or len(content) < 24 or content[12:16] != b"IHDR":
        return False
    width, height = struct.unpack(">II", content[16:24])
    return bool(width and height)
