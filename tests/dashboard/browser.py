"""Chromium without a window, driven through its DevTools protocol: what people would see and do, for tests."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

from websockets.sync.client import ClientConnection, connect

_WAIT_S: Final = 60.0
_FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",  # tests run as root in containers, where Chromium's own sandbox cannot start
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-component-update",
    "--disable-background-networking",
    "--no-first-run",
    "--remote-debugging-port=0",
    "about:blank",
)


def find_chromium() -> str:
    """Return the program. Fails where there is none: pages are only tested in a browser."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "Chromium is missing: apt-get install chromium"
    return found


class Tab:
    """One page of the browser. What it asked for and what its console said are kept.

    Attributes:
        errors: exceptions, console errors and refused resources, in words.
        asked_for: addresses of everything that was loaded.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        self.errors: list[str] = []
        self.asked_for: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.command(f"{domain}.enable")

    def command(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a command and return its result."""
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        deadline = time.monotonic() + _WAIT_S
        while time.monotonic() < deadline:
            message = json.loads(self._connection.recv(timeout=_WAIT_S))
            if message.get("id") == self._number:
                assert "error" not in message, f"{method}: {message['error']}"
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)
        raise AssertionError(f"no answer to {method}")

    def open(self, url: str) -> None:
        """Go to an address and wait until its page is drawn and live."""
        self.command("Page.navigate", url=url)
        self.until(
            f"document.readyState === 'complete' && location.href.split('#')[0] === {json.dumps(url)}"
            " && (window.did_handshake === true || !document.getElementById('app'))",
            f"{url} is drawn",
        )

    def evaluate(self, expression: str) -> Any:
        """Return what a JavaScript expression gives."""
        found = self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, f"{expression}: {found['exceptionDetails']}"
        return found["result"].get("value")

    def until(self, condition: str, what: str) -> Any:
        """Wait until a JavaScript expression is true, and return it; fail with ``what`` was waited for."""
        deadline = time.monotonic() + _WAIT_S
        while True:
            found = self.command("Runtime.evaluate", expression=condition, returnByValue=True)["result"].get("value")
            if found:
                return found
            assert time.monotonic() < deadline, f"it never happened: {what}\n{self.text()[:2000]}\n{self.errors}"
            time.sleep(0.03)

    def until_text(self, words: str) -> None:
        """Wait until the page says something."""
        self.until(f"document.body.innerText.includes({json.dumps(words)})", f"the page says {words!r}")

    def text(self) -> str:
        """Return what the page says."""
        return str(self.command("Runtime.evaluate", expression="document.body?.innerText ?? ''")["result"].get("value"))

    def click(self, selector: str, text: str = "") -> None:
        """Click the first element that a CSS selector finds and that holds a text, as soon as there is one."""
        every = f"[...document.querySelectorAll({json.dumps(selector)})]"
        found = f"{every}.find(e => e.innerText.includes({json.dumps(text)}))"
        self.until(f"!!{found} && !{found}.disabled", f"there is {selector} {text}")
        self.evaluate(f"{found}.click()")

    def fill(self, label: str, text: str) -> None:
        """Fill in the field with a label, as a person would, and leave it."""
        found = (
            "[...document.querySelectorAll('label')].find(e => e.firstElementChild?.innerText.trim() === "
            f"{json.dumps(label)})?.querySelector('input,select,textarea')"
        )
        self.until(f"!!({found})", f"there is a field {label!r}")
        tell = "for (const kind of ['input', 'change']) e.dispatchEvent(new Event(kind, {bubbles: true}));"
        self.evaluate(f"(() => {{ const e = {found}; e.focus(); e.value = {json.dumps(text)}; {tell} }})()")

    def press(self, key: str) -> None:
        """Press a key, ``Tab`` or ``Enter``."""
        codes = {"Tab": 9, "Enter": 13}
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.command(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key], **text
            )

    def look(self, width: int, height: int = 1000, *, dark: bool = False) -> None:
        """Have a window of this size, on a system that is light or dark."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        theme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.command("Emulation.setEmulatedMedia", features=theme)

    def hacked(self) -> object:
        """Return something if text of the store's was read as markup or as a script."""
        return self.evaluate("window.hacked !== undefined || document.querySelector('img[src=x]') ? 'hacked' : ''")

    def until_charts(self) -> None:
        """Wait until every chart is drawn."""
        self.until(
            "[...document.querySelectorAll('.chart')].every(e => e.dataset.ready === 'true')", "charts are drawn"
        )

    def picture(self, path: Path) -> None:
        """Write the whole page as a PNG."""
        shot = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def _note(self, message: dict[str, Any]) -> None:
        told = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                details = told["exceptionDetails"]
                self.errors.append(details.get("exception", {}).get("description", details["text"]))
            case "Runtime.consoleAPICalled" if told["type"] in ("error", "warning", "assert"):
                self.errors.append(" ".join(str(arg.get("value", arg.get("description"))) for arg in told["args"]))
            case "Log.entryAdded" if told["entry"]["level"] in ("error", "warning"):
                self.errors.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
            case "Network.requestWillBeSent":
                self.asked_for.append(told["request"]["url"])


class Browser:
    """Chromium. Tabs share cookies and what is cached."""

    def __init__(self, address: str) -> None:
        self._address = address

    @contextmanager
    def tab(self) -> Iterator[Tab]:
        """Open a tab for the length of a block."""
        with urlopen(Request(f"{self._address}/json/new?about:blank", method="PUT"), timeout=_WAIT_S) as answer:
            told = json.load(answer)
        with connect(told["webSocketDebuggerUrl"], max_size=None) as connection:
            yield Tab(connection)
        urlopen(f"{self._address}/json/close/{told['id']}", timeout=_WAIT_S).close()


@contextmanager
def chromium(folder: Path, *before: str) -> Iterator[Browser]:
    """Run Chromium for the length of a block, with what it keeps in an empty folder; ``before`` stands before it."""
    command = [*before, find_chromium(), f"--user-data-dir={folder}", *_FLAGS]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        port = folder / "DevToolsActivePort"
        _until(lambda: port.exists() and "\n" in port.read_text(), "Chromium listens")
        yield Browser(f"http://127.0.0.1:{port.read_text().splitlines()[0]}")
    finally:
        process.terminate()
        process.wait(_WAIT_S)


def _until(happened: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + _WAIT_S
    while not happened():
        assert time.monotonic() < deadline, f"it never happened: {what}"
        time.sleep(0.02)
