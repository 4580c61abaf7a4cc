"""What Prometheus gets when it asks."""

from __future__ import annotations

import socket
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from evolve.errors import ConfigurationError
from evolve.tracking.follower import send
from evolve.tracking.prometheus_tracker import PrometheusTracker
from tests.tracking.tracking_support import RUN, Notes, closing, small_run


def _scraped(port: int) -> dict[tuple[str, ...], float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_it_answers_with_what_the_run_came_to() -> None:
    tracker, notes = PrometheusTracker(port=0), Notes()
    send(notes, small_run(3), RUN.id)
    with closing(tracker):
        assert tracker.begin(RUN, already=3) == 0
        tracker.tell(notes.told)
        found = _scraped(tracker.port)
        assert found["evolve_run_info", "packing", "run-1"] == 1
        assert found["evolve_attempts_total", "seed", "valid"] == 1
        assert found["evolve_attempts_total", "diff", "valid"] == 2
        assert found["evolve_best", "score"] == 3.0 and found["evolve_best", "time of it, s"] == 8.0
        assert (found["evolve_cost_usd",], found["evolve_tokens",], found["evolve_calls",]) == (0.75, 45, 3)
        assert found["evolve_evaluation_seconds_sum", "full"] == 1.5
    assert tracker.port == 0


def test_a_port_that_is_taken_is_said_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        tracker = PrometheusTracker(port=taken.getsockname()[1])
        with pytest.raises(ConfigurationError, match=r"trackers\.prometheus\.port=0"):
            tracker.begin(RUN, already=0)
        tracker.close()
