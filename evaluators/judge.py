"""The judge's process: runs a problem's ``evaluate.py`` and turns what happens into a verdict.

Trusted, long-lived, and never the process that runs a program.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn, cast

import msgspec

from evaluators import messages
from evaluators.builds import Builds
from evaluators.candidate import CandidateCrashed, CandidateError, CandidateRefused, CandidateTimedOut, Hopeless
from evaluators.interim import Interim
from evaluators.messages import Job, Limits, Verdict
from evaluators.remote import RemoteCandidate, Supervisor, SupervisorLost
from evaluators.score import NotAScore, Score, finite_numbers

_LENGTH: Final = struct.Struct("<I")
_FEEDBACK_CHARACTERS: Final = 8000
_OUTPUT_BYTES: Final = 16384
_ARTIFACT_BYTES: Final = 32 << 20
_STANDARD_ERROR = 2
# A program's words end up on a terminal, which obeys control characters: shown as U+FFFD.
_UNPRINTABLE: Final = dict.fromkeys({*range(32), *range(127, 160)} - {9, 10, 13}, 0xFFFD)
_OUTCOMES: tuple[tuple[type[CandidateError], str], ...] = (
    (CandidateTimedOut, "timed_out"),
    (CandidateCrashed, "crashed"),
    (CandidateRefused, "invalid"),
)

_STOPPED: Final = "rejected"

Evaluate = Callable[[RemoteCandidate, str, dict[str, Any]], object]


class HostLink:
    """Messages to and from the host: a length (u32, little endian) and MessagePack."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._stream = connection.makefile("rb")

    def fileno(self) -> int:
        """Return the descriptor that can be read when a message, or the end, has come."""
        return self._socket.fileno()

    def receive(self) -> bytes:
        """Return the next message; ends this process when the host is gone."""
        header = self._stream.read(_LENGTH.size)
        if len(header) < _LENGTH.size:
            os._exit(0)
        message = self._stream.read(_LENGTH.unpack(header)[0])
        return message

    def send(self, message: bytes) -> None:
        """Send one message."""
        self._socket.sendall(_LENGTH.pack(len(message)) + message)

    def close(self) -> None:
        """Let go of the socket in this process."""
        self._stream.close()
        self._socket.close()


@dataclass
class Kept:
    """What the judge keeps from job to job: loaded judges by folder, and what was built."""

    judges: dict[str, Evaluate] = field(default_factory=dict)
    builds: Builds = field(default_factory=Builds)


def serve(link: HostLink, supervisor: Supervisor, limits: Limits) -> NoReturn:
    """Judge one job after the other until the host goes away. Raises SupervisorLost, also between jobs."""
    decoder, encoder = msgspec.msgpack.Decoder(Job), msgspec.msgpack.Encoder()
    kept = Kept()
    while True:
        supervisor.wait_beside(link.fileno())
        job = decoder.decode(link.receive())

        def show(metrics: dict[str, float], id: int = job.id) -> None:
            link.send(encoder.encode(messages.Interim(id, metrics)))

        interim = Interim(job.bar, show)
        link.send(encoder.encode(judge(job, limits, supervisor, kept, interim)))


def judge(job: Job, limits: Limits, supervisor: Supervisor, kept: Kept, interim: Interim) -> Verdict:
    """Evaluate one program in one stage."""
    started = time.perf_counter()
    os.ftruncate(_STANDARD_ERROR, 0)
    candidate = RemoteCandidate(job, limits, supervisor, interim, kept.builds)
    outcome, score = _evaluated(job, candidate, kept.judges)
    candidate.close()
    if interim.hopeless:  # whatever the judge made of being stopped
        outcome, score = _STOPPED, Score(interim.metrics)
    if supervisor.lost:
        raise SupervisorLost(supervisor.lost)
    return Verdict(
        id=job.id,
        outcome=outcome,
        metrics=dict(score.metrics) if outcome in ("valid", _STOPPED) else {},
        feedback=_text(score.feedback, _FEEDBACK_CHARACTERS),
        artifacts=_bytes({**score.artifacts, **_printed()}),
        per_instance=dict(score.per_instance),
        seconds=time.perf_counter() - started,
        log=candidate.log.translate(_UNPRINTABLE),
        healthy=candidate.clean,
    )


def _evaluated(job: Job, candidate: RemoteCandidate, judges: dict[str, Evaluate]) -> tuple[str, Score]:
    """Return the outcome and what there is to report."""
    try:
        if job.folder not in judges:
            judges[job.folder] = _load(Path(job.folder))
        score = _checked(judges[job.folder](candidate, job.stage, job.params))
    except Hopeless:
        return _STOPPED, Score()
    except CandidateError as error:
        return _failure(error), Score(feedback=str(error))
    except NotAScore as error:
        return "invalid", Score(feedback=str(error))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the border to a researcher's code
        words = f"The judge raised {type(error).__name__}: {error}"
        return "invalid", Score(feedback=words, artifacts={"judge_traceback": traceback.format_exc()})
    return ("valid" if score.valid else "invalid"), score


def _load(folder: Path) -> Evaluate:
    """Import ``evaluate.py``, which may import other modules of its folder."""
    sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location("evaluate", folder / "evaluate.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder / 'evaluate.py'} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules["evaluate"] = module
    spec.loader.exec_module(module)
    return cast("Evaluate", module.evaluate)


def _failure(error: CandidateError) -> str:
    return next((outcome for kind, outcome in _OUTCOMES if isinstance(error, kind)), "crashed")


def _checked(score: object) -> Score:
    """Return the score with all numbers as finite floats. Raises NotAScore naming what is not."""
    if not isinstance(score, Score):
        raise NotAScore(f"evaluate returned {type(score).__name__}, expected a Score.")
    metrics, per_instance = (finite_numbers(score.metrics, "metric"), finite_numbers(score.per_instance, "instance"))
    return Score(metrics, bool(score.valid), score.feedback, score.artifacts, per_instance)


def _text(value: object, characters: int) -> str:
    return str(value)[:characters].encode("utf-8", "replace").decode().translate(_UNPRINTABLE)


def _bytes(artifacts: Mapping[str, str | bytes]) -> dict[str, bytes]:
    kept: dict[str, bytes] = {}
    room = _ARTIFACT_BYTES
    for name, value in artifacts.items():
        raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
        if len(raw) > room:
            raw = f"[{len(raw)} bytes left out: artifacts may have {_ARTIFACT_BYTES} bytes together]".encode()
        room -= len(raw)
        kept[_text(name, 200)] = raw
    return kept


def _printed() -> dict[str, str]:
    """Return what the judge printed during this job, which nobody would see otherwise."""
    sys.stdout.flush()
    sys.stderr.flush()
    size = os.fstat(_STANDARD_ERROR).st_size
    if not size:
        return {}
    raw = os.pread(_STANDARD_ERROR, _OUTPUT_BYTES, max(0, size - _OUTPUT_BYTES))
    return {"judge_output": raw.decode("utf-8", "replace")}
