"""One numeric search: CMA-ES over the constants of one program structure.

CMA-ES: Hansen, The CMA Evolution Strategy: A Tutorial, arXiv:1604.00772.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evolve.mutation.numbers import Number
from evolve.mutation.quadratic import model_step

if TYPE_CHECKING:
    from cmaes import CMA

Vector = NDArray[np.float64]

_LARGEST = 1e12
_LARGEST_EXPONENT = 60.0
_SMALLEST_EXPONENT = -700.0
_LARGEST_LOSS = 1e300
_SMALLEST_STEP = 2e-6
"""Below this the six digits that are written can no longer tell two samples apart."""
_MODEL_SHARE = 0.4
"""How many samples are taken at the minimum of the model, once there is one."""
_MODEL_NOISE = 0.05
"""How far around it, relative to the distribution: equal samples would teach nothing."""
_HISTORY = 400
"""How many of the last results the model is fitted to."""
_LATENESS = 1
"""How many generations late a result still feeds CMA-ES."""


class Scale(Enum):
    """How a constant is mapped to the unbounded coordinate that CMA-ES sees."""

    WHOLE = auto()
    """Rounded; one unit is the constant's size, at least 2."""
    RELATIVE = auto()
    """One unit is the constant's size, 1 for zero; the sign may change."""
    LOG = auto()
    """For very small and very large constants: the sign stays."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The coordinate of one constant, derived from its value at the start of the session."""

    start: Number
    whole: bool

    @property
    def scale(self) -> Scale:
        """How the constant is mapped."""
        if self.whole:
            return Scale.WHOLE
        return Scale.RELATIVE if self.start == 0 or 0.01 <= abs(self.start) <= 100 else Scale.LOG

    def encode(self, value: Number) -> float:
        """Return the coordinate of ``value``."""
        return math.log(abs(value)) if self.scale is Scale.LOG else value / self._unit

    def decode(self, coordinate: float) -> Number:
        """Return the constant at a coordinate: finite, and an int if the axis is whole."""
        if self.scale is Scale.LOG:
            exponent = min(max(coordinate, _SMALLEST_EXPONENT), _LARGEST_EXPONENT)
            return math.copysign(min(math.exp(exponent), _LARGEST), self.start)
        value = min(max(coordinate * self._unit, -_LARGEST), _LARGEST)
        return round(value) if self.whole else value

    @property
    def _unit(self) -> float:
        return max(2.0, abs(self.start)) if self.whole else abs(self.start) or 1.0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a session starts: enough to build it again.

    Args:
        session: step of the program whose structure is tuned.
        sites: which of the program's numeric literals are tuned.
        literals: how many numeric literals the program has.
        axes: one per tuned constant.
    """

    session: int
    sites: tuple[int, ...]
    literals: int
    axes: tuple[Axis, ...]

    def detail(self) -> dict[str, object]:
        """Return it as JSON-able data."""
        return {
            "session": self.session,
            "sites": list(self.sites),
            "literals": self.literals,
            "start": [axis.start for axis in self.axes],
            "whole": [axis.whole for axis in self.axes],
        }

    @classmethod
    def of(cls, detail: Mapping[str, object]) -> Origin:
        """Read it from the detail of a tuned program."""
        known: Mapping[str, Any] = detail
        axes = tuple(Axis(value, whole) for value, whole in zip(known["start"], known["whole"], strict=True))
        return cls(known["session"], tuple(known["sites"]), known["literals"], axes)


@dataclass(frozen=True, slots=True)
class Sample:
    """A draw from a session: the coordinates, and the generation whose distribution gave them."""

    generation: int
    coordinates: tuple[float, ...]

    def detail(self) -> dict[str, object]:
        """Return it as JSON-able data."""
        return {"generation": self.generation, "x": list(self.coordinates)}


class Session:
    """The distribution from which one structure's constants are drawn.

    Only ``tell`` changes what later samples look like, so that telling the same results again
    gives the same session.

    Args:
        origin: where it starts.
        step_size: initial standard deviation of every coordinate.
    """

    def __init__(self, origin: Origin, step_size: float) -> None:
        self.origin = origin
        self.generation = 0
        self._step_size = step_size
        self._results: list[tuple[Vector, float]] = []
        self._history: deque[tuple[Vector, float]] = deque(maxlen=_HISTORY + 1)
        self._told = 0
        self._modelled: tuple[int, Vector | None] = (0, None)
        self._best = (math.inf, np.array([axis.encode(axis.start) for axis in origin.axes]))
        self._strategy = self._started(None)
        self._spread = np.full(self._strategy.dim, step_size)

    def sample(self, rng: np.random.Generator) -> Vector:
        """Draw coordinates, one per axis: now and then near the minimum of a model of the results."""
        self._strategy.reseed_rng(int(rng.integers(1 << 32)))
        drawn: Vector = self._strategy.ask()
        if rng.random() < _MODEL_SHARE:
            minimum = self._model_minimum()
            if minimum is not None:
                drawn = minimum + _MODEL_NOISE * (drawn - self._strategy.mean)
        return drawn[: len(self.origin.axes)]

    def _model_minimum(self) -> Vector | None:
        """Return the minimum of a quadratic model, no further from the mean than CMA-ES bears injected points."""
        if self._modelled[0] != self._told:
            self._modelled = (self._told, self._modelled_minimum())
        return self._modelled[1]

    def _modelled_minimum(self) -> Vector | None:
        if not self._history:
            return None
        centre: Vector = self._strategy.mean
        points = np.array([self._padded(point) for point, _ in self._history])
        losses = np.array([loss for _, loss in self._history])
        spread = self._spread
        step = model_step((points - centre) / spread, losses)
        if step is None:
            return None
        length, longest = float(np.linalg.norm(step)), math.sqrt(len(step)) + 2.0
        return centre + spread * step * min(1.0, longest / max(length, 1e-12))

    def _measured_spread(self) -> Vector:
        """Return about the standard deviation of each coordinate, from samples."""
        strategy = self._strategy
        strategy.reseed_rng(0)
        spread: Vector = np.std([strategy.ask() for _ in range(16)], axis=0)
        return spread + 1e-12

    def decode(self, coordinates: Sequence[float] | Vector) -> list[Number]:
        """Return the constants at ``coordinates``."""
        return [axis.decode(float(x)) for axis, x in zip(self.origin.axes, coordinates, strict=True)]

    def tell(self, sample: Sample, loss: float) -> None:
        """Learn a result: lower is better, infinite for a failure.

        Every result feeds the model; only those of the last ``_LATENESS`` generations feed CMA-ES.
        """
        point = np.array(sample.coordinates, dtype=np.float64)
        loss = max(loss, -_LARGEST_LOSS) if loss < _LARGEST_LOSS else math.inf
        self._told += 1
        if loss < self._best[0]:
            self._best = (loss, point)
        if math.isfinite(loss):
            self._history.append((point, loss))
        if self.generation - sample.generation > _LATENESS:
            return
        self._results.append((point, loss))
        if len(self._results) >= self._strategy.population_size:
            self._next_generation()

    def _next_generation(self) -> None:
        finite = [loss for _, loss in self._results if math.isfinite(loss)]
        worst = max(finite) + 1.0 if finite else 0.0
        self._strategy.tell(
            [(self._padded(point), loss if math.isfinite(loss) else worst) for point, loss in self._results]
        )
        self._results = []
        self.generation += 1
        self._spread = self._measured_spread()
        if self._strategy.should_stop() or np.all(self._spread < _SMALLEST_STEP):
            self._strategy = self._started(self._strategy.population_size * 2)
            self._spread = np.full(self._strategy.dim, self._step_size)

    def _started(self, population: int | None) -> CMA:
        """Return a strategy around the best point so far; restarts double the population (IPOP)."""
        from cmaes import CMA

        mean = self._padded(self._best[1])
        return CMA(mean=mean, sigma=self._step_size, seed=0, population_size=population)

    def _padded(self, point: Vector) -> Vector:
        """CMA-ES needs two dimensions; a single constant gets an idle companion."""
        return point if len(point) > 1 else np.append(point, 0.0)
