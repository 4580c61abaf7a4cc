from __future__ import annotations

import msgspec
import pytest

from evolve.cluster.wire import DoneMessage, JobMessage, JobsMessage, NewsMessage, decode, encode
from evolve.domain.evaluation import Outcome
from evolve.domain.objective import Direction
from evolve.errors import SandboxUnavailable
from evolve.interfaces import Bar, Job, Verdict, watch_nothing
from tests.cluster.cluster_support import trivial


def test_a_job_arrives_as_it_was_sent() -> None:
    problem = trivial()
    bar = Bar("value", Direction.MAXIMIZE, 1.5)
    sent = Job(problem, problem.stages[0], {"program.py": "π = 3\n"}, bar)
    message = decode(encode(JobsMessage([JobMessage.of(7, sent)], [3])), JobsMessage)
    assert (message.jobs[0].number, message.dropped) == (7, [3])
    assert message.jobs[0].job(problem, watch_nothing) == sent


def test_a_verdict_arrives_as_it_was_sent() -> None:
    sent = Verdict(Outcome.REJECTED, {"value": 1.0}, "slow", {"plot.png": b"\0\1"}, {"first": 2.0}, 3.5, "said")
    message = decode(encode(NewsMessage([DoneMessage.of(7, sent)], {8: {"value": 2.0}})), NewsMessage)
    assert (message.done[0].number, message.interim) == (7, {8: {"value": 2.0}})
    assert message.done[0].verdict() == sent


@pytest.mark.parametrize("data", [b"", b"\x93", msgspec.msgpack.encode([[["1"]], {}]), b"\x80\x04N."])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(SandboxUnavailable, match="malformed"):
        decode(data, NewsMessage)
