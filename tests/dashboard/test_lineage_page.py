"""The page of lineages, in a browser."""

from __future__ import annotations

from evolve.dashboard.asked import address
from tests.dashboard.browser import Tab
from tests.dashboard.dashboards import EVIL, Scene

_CHOSEN = (
    "[...document.querySelectorAll('[aria-label=\"Chosen programs\"] tbody tr')].map(e => e.cells[0].innerText).join()"
)


def test_the_best_by_each_objective_is_shown_until_others_are_chosen(scene: Scene, tab: Tab) -> None:
    tab.open(f"{scene.url}{address('/lineage', 0, 'tame')}")
    tab.until(f"{_CHOSEN} === '59,0'", "the best of either objective is shown")
    tab.until("document.querySelectorAll('.chart .scatterlayer path.point').length > 5", "the tree is drawn")
    tab.fill("Add attempt number", "20")
    tab.until(f"{_CHOSEN} === '59,0,20'", "it is shown as well")
    tab.click("button.small", "Leave out")
    tab.until(f"{_CHOSEN} === '0,20'", "the first is left out")
    for text, words in (("999", "no finished attempt 999"), ("x", "found 'x'")):
        tab.fill("Add attempt number", text)
        tab.until_text(words)
    links = "document.querySelector('[aria-label=\"Step by step\"] a').getAttribute('href')"
    assert tab.evaluate(links) == address("/program", 0, "tame", step=0)


def test_an_address_may_name_programs(scene: Scene, tab: Tab) -> None:
    tab.open(f"{scene.url}{address('/lineage', 0, 'tame', steps='5,4')}")
    tab.until(f"{_CHOSEN} === '5,4'", "those are shown")
    tab.open(f"{scene.url}{address('/lineage', 0, 'tame', steps='5,x')}")
    tab.until_text("found 'x'")


def test_names_of_operators_are_text(scene: Scene, tab: Tab) -> None:
    tab.open(f"{scene.url}{address('/lineage', 0, EVIL)}")
    tab.until(f"{_CHOSEN}.startsWith('59')", "the best is shown")
    tab.until_charts()
    assert not tab.hacked()
