"""The dashboard as people meet it: in a browser, with a run that runs meanwhile."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from evolve.dashboard.asked import address
from tests.dashboard.browser import Browser, Tab
from tests.dashboard.dashboards import EVIL, LIVE, Scene, dashboard

PATHS = ("/run", "/archive", "/work", "/programs", "/lineage", "/program", "/steer", "/events")


def test_runs_are_listed_with_what_they_are_at(scene: Scene, tab: Tab) -> None:
    tab.open(f"{scene.url}/")
    tab.until_text(LIVE)
    tab.until_text("running")
    for words in ("tame", "paused", "Budget used", scene.store):
        tab.until_text(words)
    assert not tab.hacked()
    tab.fill("Find", "tame")
    tab.until("!document.body.innerText.includes('live')", "other runs are not listed")


def test_everything_comes_from_the_dashboard_itself(scene: Scene, tab: Tab) -> None:
    tab.open(f"{scene.url}{address('/run', 0, 'tame')}")
    tab.until_charts()
    foreign = [url for url in tab.asked_for if not url.startswith((scene.url, "data:", "blob:", "about:"))]
    assert not foreign and any("/esm/" in url for url in tab.asked_for)


@pytest.mark.parametrize("path", PATHS)
def test_pages_of_a_run_show_text_of_programs_as_text(scene: Scene, tab: Tab, path: str) -> None:
    tab.open(f"{scene.url}{address(path, 0, EVIL)}")
    tab.until_text(EVIL)
    tab.until_charts()
    assert not tab.hacked()


def test_a_run_is_watched_while_it_runs_then_paused(scene: Scene, tab: Tab) -> None:
    tab.open(f"{scene.url}{address('/run', 0, LIVE)}")
    count = "Number(document.querySelectorAll('.tile .value')[1].innerText.replace(',', ''))"
    before = tab.evaluate(count)
    tab.until(f"{count} > {before}", "more attempts are shown")
    hidden = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
    told = "document.dispatchEvent(new Event('visibilitychange'))"
    tab.evaluate(hidden % "true" + told)  # looks away, and back
    before = tab.evaluate(hidden % "false" + told + f"; {count}")
    tab.until(f"{count} > {before}", "more attempts are shown again")
    tab.click(".title button", "Pause")
    tab.until_text("is given")
    tab.until("document.querySelector('.badge').innerText === 'paused'", "the run is paused")
    assert scene.live.ended() == 0


def test_choosing_a_cell_or_a_line_leads_to_its_program(scene: Scene, tab: Tab) -> None:
    tab.open(f"{scene.url}{address('/programs', 0, 'tame')}")
    tab.click("th button", "size")
    tab.until("document.querySelector('th[aria-sort] button').innerText.startsWith('size')", "sorted by size")
    tab.until("document.querySelector('tbody tr').cells[2].innerText === '0'", "the smallest comes first")
    tab.fill("Outcome", "rejected")
    tab.until_text("1 to 19 of 19")  # which have no size: the latest comes first again
    tab.until("document.querySelector('tbody tr').innerText.startsWith('57')", "the latest comes first")
    assert tab.evaluate("document.querySelector('tbody a').getAttribute('href')").startswith("/program?run=tame&step=")


def test_a_run_is_begun_and_stopped(scene: Scene, tab: Tab) -> None:
    tab.open(f"{scene.url}/")
    tab.click("summary", "Start a run")
    tab.fill("or its folder", str(scene.problem))
    tab.fill("Further settings", "buget.wall_s=60")
    tab.click("button", "Start")
    tab.until_text("There is no setting 'buget.wall_s'")
    tab.fill("Further settings", "budget.wall_s=60 executor.width=1 sealed=false sandbox=process")
    tab.click("button", "Start")
    tab.until_text("has begun")
    tab.click(".begin a", "Open problem-")
    tab.until("location.pathname === '/run' && window.did_handshake", "the run's page opens")
    tab.click(".title button", "Stop")
    tab.until("document.querySelector('.badge').innerText === 'finished'", "the run is finished")


def test_what_is_not_there_is_said_in_a_sentence(scene: Scene, tab: Tab) -> None:
    tab.open(f"{scene.url}{address('/run', 0, 'no-such-run')}")
    tab.until_text("no-such-run")
    tab.open(f"{scene.url}/run?store=7&run=tame")
    tab.until_text("There is no store 7")
    tab.open(f"{scene.url}/run?store=x&run=tame")
    tab.until_text("expected a number")


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (800, True)])
def test_pages_fit_their_window_and_have_the_theme_of_the_system(
    scene: Scene, tab: Tab, width: int, dark: bool
) -> None:
    tab.look(width, dark=dark)
    for path in ("/", "/compare", *PATHS):
        tab.open(f"{scene.url}{address(path, 0, 'tame') if path in PATHS else path}")
        tab.until_charts()
        assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
        assert tab.evaluate("document.documentElement.dataset.theme") == ("dark" if dark else "light")


def test_the_theme_can_be_chosen(scene: Scene, browser: Browser) -> None:
    with browser.tab() as tab:
        tab.look(1440)
        tab.open(f"{scene.url}/events?run=tame")
        tab.click(".theme-switch")
        tab.until("document.documentElement.dataset.theme === 'dark'", "the page turns dark")
        tab.open(f"{scene.url}/events?run=tame&again=1")
        assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
        tab.evaluate("localStorage.clear()")


def test_the_keyboard_reaches_the_content_first(scene: Scene, tab: Tab) -> None:
    tab.open(f"{scene.url}/events?run=tame")
    tab.press("Tab")
    assert tab.evaluate("document.activeElement.innerText") == "Skip to the content"
    tab.press("Enter")
    tab.until("document.activeElement.classList.contains('page')", "the content has the focus")
    nameless = (
        "[...document.querySelectorAll('button,a,input,select')].filter(e => e.offsetParent && !e.textContent.trim()"
    )
    assert tab.evaluate(f"{nameless} && !e.ariaLabel && !e.labels?.length).length") == 0


def test_others_are_refused_by_the_server_that_people_start(scene: Scene) -> None:
    for headers, path, status in (
        ({"Host": "evil.example"}, "/", 421),
        ({"Origin": "http://evil.example"}, "/", 403),
        ({}, "/docs", 404),
        ({}, "/static/..%2fapp.py", 404),
        ({}, "/_nicegui/3/static/..%2f..%2fserver.py", 404),
    ):
        with pytest.raises(HTTPError) as refused:
            urlopen(Request(scene.url + path, headers=headers), timeout=20)
        assert refused.value.code == status
        refused.value.close()
    socket = scene.url.replace("http", "ws") + "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    for origin in ("http://evil.example", None):
        with pytest.raises(InvalidStatus), connect(socket, origin=origin):  # type: ignore[arg-type]
            pass


def test_elsewhere_the_link_with_the_token_lets_people_in(scene: Scene, tmp_path: Path, tab: Tab) -> None:
    with dashboard(tmp_path, "--store", scene.store, "--host", "0.0.0.0") as link:
        port = link.rpartition(":")[2].partition("/")[0]
        here = f"http://127.0.0.1:{port}"
        with pytest.raises(HTTPError) as refused:
            urlopen(here, timeout=20)
        assert refused.value.code == 401
        refused.value.close()
        tab.command("Page.navigate", url=f"{here}/login?{link.partition('?')[2]}")
        tab.until(f"location.href === {json.dumps(here + '/')} && window.did_handshake", "people are let in")
        tab.until_text("tame")
        tab.command("Network.clearBrowserCookies")
