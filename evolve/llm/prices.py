"""What providers charge, by the list that ships with litellm."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evolve.errors import ConfigurationError

_LIST = "model_prices_and_context_window_backup.json"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for one token."""

    input_usd: float
    output_usd: float

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return the cost of one call in US dollars."""
        return prompt_tokens * self.input_usd + completion_tokens * self.output_usd

    @classmethod
    def per_million(cls, input_usd: float | None, output_usd: float | None, where: str = "llm") -> Price | None:
        """Return a configured price, None where none is set. Raises ConfigurationError for half a price."""
        if input_usd is None and output_usd is None:
            return None
        if input_usd is None or output_usd is None or input_usd < 0 or output_usd < 0:
            raise ConfigurationError(
                f"Set {where}.input_usd_per_million and {where}.output_usd_per_million to numbers of at least 0, "
                "or neither."
            )
        return cls(input_usd / 1e6, output_usd / 1e6)


def listed_price(model: str) -> Price | None:
    """Return the list price of a model by its litellm name, or None."""
    entry = listed(model)
    if entry is None or "input_cost_per_token" not in entry:
        return None
    return Price(float(entry["input_cost_per_token"]), float(entry.get("output_cost_per_token") or 0.0))


def listed(model: str) -> Mapping[str, Any] | None:
    """Return what the list says of a model by its litellm name, or None.

    The list is read as a file: importing litellm for it would take seconds.
    """
    spec = importlib.util.find_spec("litellm")
    path = Path(spec.origin).parent / _LIST if spec and spec.origin else None
    if path is None or not path.is_file():
        return None
    models: dict[str, dict[str, Any]] = json.loads(path.read_bytes())
    provider, _, bare = model.partition("/")
    entry = models.get(model)
    if entry is None and models.get(bare, {}).get("litellm_provider") == provider:
        entry = models[bare]
    return entry
