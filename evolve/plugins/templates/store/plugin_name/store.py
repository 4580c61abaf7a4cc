"""Where runs are recorded."""

from __future__ import annotations

import time
from collections.abc import Callable

from evolve.store.sql import SqlStore


class PluginName(SqlStore):
    """Keeps runs in a file of SQLite; implements Store.

    Args:
        url: ``plugin_name:///PATH``.
        clock: seconds since the epoch.
    """

    def __init__(self, url: str, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(f"sqlite:{url.partition(':')[2]}", clock=clock)
