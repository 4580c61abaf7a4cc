"""The page of a program, in a browser."""

from __future__ import annotations

import pytest

from evolve.dashboard.asked import address
from tests.dashboard.browser import Tab
from tests.dashboard.dashboards import EVIL, Scene

_LINES = "[...document.querySelectorAll('.code-line')].map(e => e.innerText.replaceAll('\\n', ' ')).join('\\n')"


def _open(scene: Scene, tab: Tab, run: str, step: int) -> None:
    tab.open(f"{scene.url}{address('/program', 0, run, step=step)}")


def test_a_program_is_shown_beside_its_parent_and_whole(scene: Scene, tab: Tab) -> None:
    _open(scene, tab, "tame", 5)
    tab.until(f"{_LINES}.includes('x = 4') && {_LINES}.includes('x = 5')", "old and new lines are shown")
    marks = "[...document.querySelectorAll('.code-line .mark')].map(e => e.innerText).join('')"
    assert tab.evaluate(marks) == "-+"
    tab.click(".switch button", "the program")
    tab.until(f"{_LINES}.includes('# EVOLVE-BLOCK-START') && !{_LINES}.includes('x = 4')", "the program is shown whole")
    assert tab.evaluate("document.querySelector('.code .comment').innerText") == "# EVOLVE-BLOCK-START"


def test_a_program_is_compared_with_any_other(scene: Scene, tab: Tab) -> None:
    _open(scene, tab, "tame", 5)
    tab.click(".switch button", "beside the seed")
    tab.until(f"{_LINES}.includes('x = 0')", "the seed's line is shown")
    tab.fill("Number of another attempt", "7")
    tab.until(f"{_LINES}.includes('x = 7')", "the other's line is shown")
    pressed = (
        "[...document.querySelectorAll('.switch button')].filter(e => e.ariaPressed === 'true').map(e => e.innerText)"
    )
    assert tab.evaluate(pressed) == ["beside another"]
    tab.fill("Number of another attempt", "seven")
    tab.until_text("found 'seven'")
    tab.fill("Number of another attempt", "3")
    tab.until_text("3")  # which made no program
    tab.until("document.querySelector('.said.bad').innerText.includes('3')", "it is said that there is none")


def test_its_path_tells_what_each_step_changed(scene: Scene, tab: Tab) -> None:
    _open(scene, tab, "tame", 5)
    path = "document.querySelector('[aria-label=\"How it came about\"]')?.innerText ?? ''"
    tab.until(f"{path}.includes('+1 −1')", "the path is filled in")
    assert [step for step in ("5", "4", "2", "1", "0") if f"{step}\t" in tab.evaluate(path)]


def test_prompt_and_answer_are_shown_letter_by_letter(scene: Scene, tab: Tab) -> None:
    _open(scene, tab, EVIL, 5)
    tab.click(".panel summary", "tokens asked")
    tab.until("document.querySelectorAll('.calls pre').length === 2", "prompt and answer are drawn")
    assert tab.evaluate("[...document.querySelectorAll('.calls pre')].map(e => e.textContent)") == [EVIL, EVIL]
    tab.until_text("sent")
    assert not tab.hacked()


def test_pictures_are_shown_and_what_only_claims_to_be_one_is_text(scene: Scene, tab: Tab) -> None:
    _open(scene, tab, EVIL, 4)
    tab.until("document.querySelector('img.picture')?.naturalWidth === 1", "the picture is drawn")
    assert tab.evaluate("document.querySelectorAll('img').length") == 1
    assert tab.evaluate("[...document.querySelectorAll('pre')].some(e => e.textContent.includes('<img src=x'))")
    assert not tab.hacked()


def test_an_attempt_that_made_no_program_says_why(scene: Scene, tab: Tab) -> None:
    _open(scene, tab, EVIL, 3)
    tab.until_text("rejected")
    assert tab.evaluate("document.querySelector('.said.bad').textContent") == EVIL
    assert not tab.hacked()


@pytest.mark.parametrize(
    ("step", "words"), [("99", "no finished attempt 99"), ("x", "found 'x'"), ("9" * 30, "found '999")]
)
def test_an_attempt_that_is_not_there_is_said_in_a_sentence(scene: Scene, tab: Tab, step: str, words: str) -> None:
    tab.open(f"{scene.url}/program?run=tame&step={step}")
    tab.until_text(words)
