"""The trusted end of a session: runs in a judge's process, between the agent's sandbox and the broker.

Whatever comes out of the sandbox is data from somebody hostile: types are looked at, sizes and counts bounded,
and it is passed on as text. What an agent may have is not decided here but by the broker.
"""

from __future__ import annotations

import json
import select
import socket
import time
from typing import Any

from evaluators import Candidate, CandidateError, Score

WAIT_S = 0.2
BUSY_WAIT_S = 0.02
START_S = 30.0
MOST_OPEN = 16
MOST_REQUESTS = 20_000
LARGEST_REQUEST_BYTES = 8_000_000
READ_BYTES = 1 << 20


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Run the session that ``params`` describes; the artifact ``session`` is its account, as JSON."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(params["broker"])
        account = Session(line, params).held_with(candidate)
    return Score(metrics={"seconds": account["seconds"]}, artifacts={"session": json.dumps(account)})


class Session:
    def __init__(self, line: socket.socket, params: dict[str, Any]) -> None:
        self._line, self._params = line, params
        self._open: dict[int, str] = {}
        self._count = 0
        self._unread = b""

    def held_with(self, candidate: Candidate) -> dict[str, Any]:
        started = time.monotonic()
        account: dict[str, Any] = {"files": {}, "others": [], "output": "", "exit_code": None, "why": ""}
        try:
            with candidate.session() as host:
                host.call("begin", self._params["setup"], timeout_s=START_S)
                ended = self._attend(host, started + self._params["wall_s"])
                account |= checked(host.call("collect", timeout_s=START_S), self._params["setup"]["files"])
        except CandidateError as error:
            ended, account["why"] = "lost", str(error)
        return {**account, "ended": ended, "seconds": time.monotonic() - started}

    def _attend(self, host: Any, deadline: float) -> str:
        """Pass requests and answers to and fro until the agent ends, or its time or patience does."""
        answers: list[list[Any]] = []
        while True:
            wait_s = max(0.0, min(BUSY_WAIT_S if self._open else WAIT_S, deadline - time.monotonic()))
            said = host.call("turn", answers, wait_s, timeout_s=START_S)
            requests, ended = turn_of(said)
            refused = [answer for id, request in requests if (answer := self._pass_on(id, request))]
            answers = [*refused, *self._answered()]
            if self._count > MOST_REQUESTS:
                return "flooded"
            if ended:
                return "exited"
            if time.monotonic() >= deadline:
                return "timed_out"

    def _pass_on(self, id: str, request: dict[str, Any]) -> list[Any] | None:
        """Hand a request to the broker; or return the answer that refuses it."""
        self._count += 1
        message = json.dumps({**request, "id": self._count}).encode() + b"\n"
        if len(self._open) >= MOST_OPEN:
            return [id, {"error": f"{MOST_OPEN} requests are waiting for an answer already"}]
        if len(message) > LARGEST_REQUEST_BYTES:
            return [id, {"error": f"a request may have {LARGEST_REQUEST_BYTES} bytes"}]
        self._open[self._count] = id
        self._line.sendall(message)
        return None

    def _answered(self) -> list[list[Any]]:
        found = []
        while select.select([self._line], [], [], 0)[0]:
            received = self._line.recv(READ_BYTES)
            if not received:
                raise ConnectionError("the broker is gone")
            self._unread += received
        *lines, self._unread = self._unread.split(b"\n")
        for text in lines:
            answer = json.loads(text)
            found.append([self._open.pop(answer["id"]), answer["answer"]])
        return found


def turn_of(said: object) -> tuple[list[tuple[str, dict[str, Any]]], bool]:
    """Return what a turn of the host says, as far as it is one."""
    if not isinstance(said, dict) or not isinstance(said.get("requests"), list):
        return [], False
    pairs = [pair for pair in said["requests"] if isinstance(pair, list) and len(pair) == 2]
    requests = [(id, body) for id, body in pairs if isinstance(id, str) and len(id) < 100 and is_plain(body)]
    return requests, isinstance(said.get("exit_code"), int)


def is_plain(body: object) -> bool:
    """Whether a request can be passed on as JSON."""
    try:
        json.dumps(body, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return isinstance(body, dict)


def checked(said: object, files: dict[str, str]) -> dict[str, Any]:
    """Return what stands in the checkout, as far as it is text; only the program's own paths are taken."""
    found = said if isinstance(said, dict) else {}
    kept = found.get("files")
    kept = kept if isinstance(kept, dict) else {}
    others = found.get("others")
    code = found.get("exit_code")
    return {
        "files": {path: kept[path] for path in files if isinstance(kept.get(path), str)},
        "others": [str(path)[:200] for path in others[:50]] if isinstance(others, list) else [],
        "output": str(found.get("output", ""))[:100_000],
        "exit_code": code if isinstance(code, int) else None,
    }
