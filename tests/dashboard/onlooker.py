"""A page of the dashboard that is kept open without being drawn: what a browser on another machine costs this one."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import urlopen

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

_WAIT_S = 60.0
_SOCKET = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
_CLIENT = re.compile(r"'client_id': '([0-9a-f-]{36})'")


@contextmanager
def kept_open(url: str) -> Iterator[list[str]]:
    """Open a page as a browser does, and take all that it is sent, for the length of a block; give what came."""
    with urlopen(url, timeout=_WAIT_S) as answer:
        found = _CLIENT.search(answer.read().decode())
    assert found, f"{url} is no page of NiceGUI's"
    here = "/".join(url.split("/", 3)[:3])
    with connect(here.replace("http", "ws", 1) + _SOCKET, origin=Origin(here), max_size=None) as socket:
        _shake_hands(socket, found[1])
        came: list[str] = []
        taking = threading.Thread(target=_take, args=(socket, came))
        taking.start()
        try:
            yield came
        finally:
            socket.close()
            taking.join(_WAIT_S)
        assert came, f"{url} was not kept up to date"


def _shake_hands(socket: ClientConnection, client: str) -> None:
    assert str(socket.recv(_WAIT_S)).startswith("0")
    socket.send("40")
    assert str(socket.recv(_WAIT_S)).startswith("40")
    told = {"client_id": client, "document_id": str(uuid.uuid4()), "tab_id": str(uuid.uuid4()), "next_message_id": 0}
    socket.send("420" + json.dumps(["handshake", told]))


def _take(socket: ClientConnection, came: list[str]) -> None:
    try:
        for message in socket:
            if message == "2":
                socket.send("3")  # the server asks whether anybody is there
            else:
                came.append(str(message))
    except ConnectionClosed:
        pass
