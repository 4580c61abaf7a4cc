"""Data stays on its line, in its quotes, and can be stored."""

from hypothesis import given
from hypothesis import strategies as st

from evolve.mutation.fences import fence_for, fences
from evolve.mutation.quoting import notes, one_line, plain, quoted

odd = st.text(st.characters() | st.sampled_from("\n\r\x0b\x0c\x85\u2028\u2029`~\"' \0\ud800"), max_size=60)


@given(odd, st.none() | st.integers(0, 50))
def test_a_line_is_one_line_of_printable_characters(text: str, characters: int | None) -> None:
    line = one_line(text, characters)
    assert len(line.splitlines()) <= 1
    assert not line or line.isprintable()
    shown = quoted(text, characters)
    assert shown[0] == shown[-1] == '"'
    assert '"' not in shown[1:-1]


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='"'), max_size=40))
def test_what_is_harmless_is_shown_as_it_is(text: str) -> None:
    assert quoted(text) == f'"{text}"'
    assert plain(text) == text


@given(odd)
def test_what_is_fenced_stays_in_its_fence_and_can_be_stored(text: str) -> None:
    for data in (plain(text), notes(text)):
        data.encode("utf-8")
        assert "\0" not in data
        fence = fence_for(data)
        (found,) = fences(f"{fence}\n{data}\n{fence}".split("\n"))
        assert "\n".join(found.lines) == data
        assert found.closed


def test_long_lines_keep_both_ends_and_say_what_is_missing() -> None:
    assert one_line("a" * 300 + "\n" + "b" * 300, 20) == f"{'a' * 10} [581 characters left out] {'b' * 10}"


def test_of_a_flood_only_the_ends_are_looked_at() -> None:
    flood = "start " + "\n" * 3_000_000 + " end"
    shown = notes(flood)
    assert shown.startswith("start") and shown.endswith("end")
    assert "[2600010 characters left out]" in shown
