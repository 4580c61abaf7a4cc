"""How figures are written for people."""

from __future__ import annotations

import time
from datetime import datetime


def number(value: float) -> str:
    """Return a score, with as many digits as matter."""
    return f"{value:.6g}"


def count(value: int) -> str:
    """Return how many."""
    return f"{value:,}"


def dollars(value: float) -> str:
    """Return an amount of money."""
    return f"${value:,.2f}" if value >= 100 else f"${value:.4g}" if value else "$0"


def share(part: float, whole: float) -> str:
    """Return a part as a percentage, or a dash of nothing."""
    return f"{part / whole:.0%}" if whole else "–"


def duration(seconds: float) -> str:
    """Return a time span in at most two units."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def moment(at: float) -> str:
    """Return when something was, in the server's time zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def ago(at: float, now: float) -> str:
    """Return when something was, shortly for what was today."""
    told = datetime.fromtimestamp(at)
    same_day = told.date() == datetime.fromtimestamp(now).date()
    return told.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M")
