"""Equal requests are found again; anything that changes what is sent changes the hash."""

from dataclasses import replace

import pytest

from evolve.domain.proposal import Message, Picture, Request
from evolve.llm.requests import request_hash

BASE = Request("m", (Message("system", "a"), Message("user", "b\ud800")), {"temperature": 0.1, "max_tokens": 5})


def test_the_order_of_settings_does_not_matter() -> None:
    assert request_hash(BASE) == request_hash(replace(BASE, settings={"max_tokens": 5, "temperature": 0.1}))


@pytest.mark.parametrize(
    "other",
    [
        replace(BASE, model="n"),
        replace(BASE, call=1),
        replace(BASE, settings={"temperature": 0.1}),
        replace(BASE, settings={"temperature": 0.10000000000000002, "max_tokens": 5}),
        replace(BASE, messages=(Message("system", "ab"), Message("user", "\ud800"))),
        replace(BASE, messages=BASE.messages[::-1]),
        replace(BASE, messages=(BASE.messages[0], Message("user", "b\ud800", (Picture("image/png", b"1"),)))),
    ],
)
def test_any_difference_changes_the_hash(other: Request) -> None:
    assert request_hash(other) != request_hash(BASE)


def test_the_hash_is_the_same_in_every_version_and_on_every_machine() -> None:
    assert request_hash(Request("m", (Message("user", "hé"),), {})) == "d616b5dd8f27e8a0db444783425a6cb3"


def test_the_hash_covers_the_content_and_kind_of_pictures() -> None:
    def shown(*pictures: Picture) -> str:
        return request_hash(Request("m", (Message("user", "x", pictures),), {}))

    one, other, retyped = Picture("image/png", b"1"), Picture("image/png", b"2"), Picture("image/jpeg", b"1")
    hashes = {shown(), shown(one), shown(other), shown(retyped), shown(one, other), shown(other, one)}
    assert len(hashes) == 6
    assert shown(one) == shown(Picture("image/png", b"1"))


def test_settings_must_be_data() -> None:
    with pytest.raises(TypeError):
        request_hash(replace(BASE, settings={"x": object()}))
