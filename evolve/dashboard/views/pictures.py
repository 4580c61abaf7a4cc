"""Artifacts of judges: pictures that are pictures, everything else as text."""

from __future__ import annotations

from base64 import b64encode
from typing import Final

LARGEST: Final = 2_000_000
"""Bytes of a picture that is shown."""
_LONGEST = 20_000
_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


def picture(content: bytes) -> str:
    """Return a picture as the address of an image, empty if it is none by its first bytes, or too large.

    Documents that draw, SVG among them, are no pictures: they may hold scripts.
    """
    kind = next((kind for start, kind in _KINDS if content.startswith(start)), "")
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        kind = "image/webp"
    return f"data:{kind};base64,{b64encode(content).decode()}" if kind and len(content) <= LARGEST else ""


def words(content: bytes) -> str:
    """Return the beginning of an artifact as text."""
    text = content[:_LONGEST].decode("utf-8", "replace")
    return text if len(content) <= _LONGEST else f"{text}\n… {len(content):,} bytes in all"
