"""Colours: those of Okabe and Ito, which colour-blind people tell apart, and what each stands for."""

from __future__ import annotations

from typing import Final

from evolve.domain.evaluation import Outcome

BLUE: Final = "#0072b2"
VERMILION: Final = "#d55e00"
GREEN: Final = "#009e73"
ORANGE: Final = "#e69f00"
SKY: Final = "#56b4e9"
PURPLE: Final = "#cc79a7"
YELLOW: Final = "#f0e442"
GREY: Final = "#8a8f98"

SERIES: Final = (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY, YELLOW, GREY)
"""For things of one kind, in this order."""

OUTCOME_COLOURS: Final = {
    Outcome.VALID: GREEN,
    Outcome.INVALID: ORANGE,
    Outcome.CRASHED: VERMILION,
    Outcome.TIMED_OUT: PURPLE,
    Outcome.REJECTED: SKY,
    Outcome.INFRASTRUCTURE: GREY,
}

SCALE: Final = (
    (0.0, "#00224e"), (0.25, "#35456c"), (0.5, "#666970"), (0.75, "#a59c74"), (1.0, "#fee838"),
)  # fmt: skip
"""From little to much, even in brightness and for every kind of sight (cividis: Nuñez, Anderton and Renslow 2018)."""


def series(number: int) -> str:
    """Return the colour of the so-manieth thing of one kind."""
    return SERIES[number % len(SERIES)]
