from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evolve import this_machine


@pytest.mark.parametrize(
    ("overrides", "environment", "chosen"),
    [
        ([], None, ["sandbox=docker"]),
        (["sandbox.pin=false"], None, ["sandbox=docker"]),
        (["+sandbox.namespaces=false"], None, ["sandbox=process"]),
        (["sandbox=process"], None, []),
        (["sandbox=docker"], "process", []),
        ([], "process", ["sandbox=process"]),
    ],
)
def test_docker_is_chosen_where_an_engine_answers(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    overrides: list[str],
    environment: str | None,
    chosen: list[str],
) -> None:
    monkeypatch.delenv("EVOLVE_SANDBOX")
    if environment:
        monkeypatch.setenv("EVOLVE_SANDBOX", environment)
    with answering(tmp_path / "engine.sock") as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        assert this_machine.sandbox_of_this_machine(overrides) == chosen


@pytest.mark.parametrize("reply", [b"HTTP/1.0 500 Internal Server Error\r\n\r\n", b""])
def test_without_an_answer_it_is_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reply: bytes) -> None:
    monkeypatch.delenv("EVOLVE_SANDBOX")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    assert this_machine.sandbox_of_this_machine([]) == ["sandbox=process"]
    with answering(tmp_path / "engine.sock", reply) as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        assert this_machine.sandbox_of_this_machine([]) == ["sandbox=process"]


@contextmanager
def answering(path: Path, reply: bytes = b"HTTP/1.0 200 OK\r\n\r\nOK") -> Iterator[str]:
    """Be an engine that answers one question; yield its address."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer() -> None:
            with contextlib.suppress(OSError), listener.accept()[0] as connection:
                connection.recv(1024)
                connection.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"unix://{path}"
        with contextlib.suppress(OSError):  # nobody asked: let the thread end
            listener.shutdown(socket.SHUT_RDWR)
        thread.join()
