"""Costs are what the provider charges, or known to be unknown."""

import pytest

from evolve.errors import ConfigurationError
from evolve.llm.prices import Price, listed_price


def test_list_prices_are_found_with_and_without_the_provider() -> None:
    price = listed_price("gpt-4o-mini")
    assert price is not None
    assert price == listed_price("openai/gpt-4o-mini")
    assert 0 < price.input_usd < price.output_usd < 1e-4


@pytest.mark.parametrize("model", ["openai/never-heard-of", "hosted_vllm/gpt-4o-mini", "", "openai/"])
def test_a_price_is_never_borrowed_from_another_provider(model: str) -> None:
    assert listed_price(model) is None


def test_a_configured_price_is_per_million_tokens() -> None:
    price = Price.per_million(2.0, 8.0)
    assert price is not None
    assert price.of(1000, 500) == pytest.approx(0.006)
    assert Price.per_million(None, None) is None


@pytest.mark.parametrize("pair", [(1.0, None), (None, 1.0), (-1.0, 1.0)])
def test_half_a_price_is_refused(pair: tuple[float | None, float | None]) -> None:
    with pytest.raises(ConfigurationError, match="input_usd_per_million"):
        Price.per_million(*pair)
