"""How much a model reads at once, and whether it sees, by the list that ships with litellm."""

from __future__ import annotations

from dataclasses import dataclass

from evolve.llm.prices import listed


@dataclass(frozen=True, slots=True)
class Window:
    """What a model can be shown.

    Args:
        context_tokens: longest prompt; None where it is not known.
        sees: whether it reads pictures; False where it is not known.
    """

    context_tokens: int | None = None
    sees: bool = False


def listed_window(model: str) -> Window:
    """Return what is known of a model by its litellm name."""
    entry = listed(model)
    if entry is None:
        return Window()
    longest = entry.get("max_input_tokens") or entry.get("max_tokens")
    return Window(longest if isinstance(longest, int) and longest > 0 else None, entry.get("supports_vision") is True)
