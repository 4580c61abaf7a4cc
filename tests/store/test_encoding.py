from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.store.encoding import Packer, blob_hash, decode, encode, from_json, to_json

any_text = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)


@given(any_text)
def test_any_text_survives(text: str) -> None:
    assert decode(encode(text)) == text


@given(json_values)
def test_json_survives_to_the_last_bit(value: object) -> None:
    assert repr(from_json(to_json(value))) == repr(value)


@given(any_text, st.integers(1, 200))
def test_a_packed_text_survives(text: str, times: int) -> None:
    packer = Packer()
    assert decode(packer.unpack(packer.pack(encode(text * times)))) == text * times


@given(st.binary(max_size=64), st.integers(1, 50))
def test_bytes_survive_compression(raw: bytes, times: int) -> None:
    packer = Packer()
    assert packer.decompress(packer.compress(raw * times)) == raw * times


def test_packing_shortens_long_texts_and_leaves_short_ones() -> None:
    packer = Packer()
    assert packer.pack(b"short") == b"short"
    assert len(packer.pack(b"x" * 10_000)) < 100


def test_not_a_number_is_kept_too() -> None:
    assert math.isnan(from_json(to_json({"x": math.nan}))["x"])


def test_what_is_not_data_is_refused() -> None:
    with pytest.raises(TypeError, match="set"):
        to_json({"x": {1}})


def test_equal_contents_have_equal_names() -> None:
    assert blob_hash(b"a") == blob_hash(b"a") != blob_hash(b"b")


@pytest.mark.parametrize("value", [math.inf, -math.inf, {"a": [1e400]}, "\ud800", 2**70, -(2**70), 5e-324])
def test_what_few_parsers_take_survives(value: object) -> None:
    assert from_json(to_json(value)) == value


def test_what_is_no_number_survives() -> None:
    assert math.isnan(from_json(to_json(math.nan)))
