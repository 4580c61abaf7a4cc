"""How sure each of many decisions has to be, so that few of those taken are false."""

from __future__ import annotations

_PATIENCE = 10


class Levels:
    """Levels of significance for one test after another, as many as it takes.

    Each test is given a part of a wealth that every acceptance fills up again, so that the levels spent
    never sum to more than ``false_share`` times (acceptances + 1): an upper estimate of the share of
    false ones (alpha-investing: Foster & Stine 2008; Ramdas et al. 2017, arXiv:1710.00499, with the
    bound on the estimated proportion that their LORD keeps). Many tests without an acceptance each get
    less than the one before, in proportion to a power of their number, so that none is hopeless.
    """

    def __init__(self, false_share: float) -> None:
        self._reward = false_share
        self._wealth = false_share
        self._since = 0

    def spend(self) -> float:
        """Return the level of the next test."""
        level = self._wealth / (_PATIENCE + 2 * self._since)
        self._wealth -= level
        self._since += 1
        return level

    def reward(self, accepted: bool = True) -> None:
        """Note that a test ended with an acceptance."""
        if accepted:
            self._wealth += self._reward
            self._since = 0
