"""What doctor says of a store: where it is, whether it can be used, who uses it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from evolve import wiring
from evolve.errors import ConfigurationError, StoreError
from evolve.store.address import is_postgres, public

_LOW_DISK_BYTES = 1 << 30
_MEBI = 1 << 20

Said = tuple[str, str]
"""``ok``, ``note`` or ``fail``, and a sentence."""


def store_health(url: str) -> list[Said]:
    """Look at the store at a URL; nothing is created or changed."""
    try:
        if is_postgres(url) or _file(url).is_file():
            return list(_of_existing(url))
        return _of_new(url)
    except (StoreError, ConfigurationError, OSError) as error:
        return [("fail", f"{public(url)}: {error}")]


def _file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///")).resolve()


def _of_new(url: str) -> list[Said]:
    """Open a store beside the one that would be used, so that looking creates nothing."""
    from evolve.store.url import parse

    parse(url)
    path = _file(url)
    folder = next(p for p in (path.parent, *path.parent.parents) if p.is_dir())
    if not os.access(folder, os.W_OK):
        return [("fail", f"{url}: the folder {folder} is not writable.")]
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        wiring.open_store({"store": wiring.store_config(f"sqlite:///{scratch}/try.db")}).close()
    return [("ok", f"{url}: will be created by the first run")]


def _of_existing(url: str) -> Iterator[Said]:
    from evolve.store.condition import examine

    found = examine(url)
    size = f"{found.size_bytes / _MEBI:.1f} MiB"
    yield "ok", f"{public(url)}: {found.runs} runs, {size}, {found.engine}"
    if found.revision is None:
        yield "ok", "It is empty: the first run makes its tables."
    elif found.is_current:
        yield "ok", f"Its schema is that of this version (revision {found.revision})."
    elif found.is_newer:
        yield "fail", f"A newer version made it (revision {found.revision}): pip install -U evolve-search."
    else:
        first = "make a backup with pg_dump first" if is_postgres(url) else "a copy is made beside it"
        yield "note", f"An older version made it (revision {found.revision}): its next use upgrades it; {first}."
    if not found.writable:
        yield "fail", "It cannot be written: it, or its folder, is read-only."
    if found.free_bytes is not None and found.free_bytes < _LOW_DISK_BYTES:
        yield "note", f"Only {found.free_bytes / _MEBI:.0f} MiB are free on its disk; a run waits when it is full."
    yield from _of_settings(found.settings)
    for one in found.held:
        yield "ok", f"Run {one.run!r} is worked on by {one.holder}; its lease lasts {one.left_s:.0f} s."


def _of_settings(settings: dict[str, str]) -> Iterator[Said]:
    mode = settings.get("journal_mode", "wal")
    if mode != "wal":
        yield "note", f"Its journal mode is {mode}, not wal: if it is on a network disk, use a local one."
    for name in ("fsync", "synchronous_commit"):
        if settings.get(name, "on") == "off":
            yield "note", f"The server runs with {name}=off: when its machine dies, it may lose what was confirmed."
    if settings.get("server_encoding", "UTF8") != "UTF8":
        yield "note", f"Its encoding is {settings['server_encoding']}, not UTF8: names with other letters are refused."
