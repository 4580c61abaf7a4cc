"""``evolve track``: an old run sent to a tracker."""

from __future__ import annotations

import json

from tests.cli.cli_support import Command, evolve

__all__ = ["evolve"]


def test_a_run_on_record_is_sent_once_and_what_cannot_be_is_said(evolve: Command) -> None:
    made = evolve("run", "problem=circle_packing", "params.n=4", "budget.evaluations=3", "run=r", "--quiet")
    assert made.returncode == 0, made.stderr
    for count in (3, 0):
        sent = evolve("track", "r", "--tracker", "tensorboard", "--set", "trackers.tensorboard.folder=board", "--json")
        assert sent.returncode == 0, sent.stderr
        assert json.loads(sent.stdout) == {"run": "r", "sent": {"tensorboard": count}}
    late = evolve("track", "r", "--tracker", "prometheus")
    assert (late.returncode, "while a run works" in late.stderr) == (1, True)
    wrong = evolve("track", "r", "--tracker", "tensorbord")
    assert "Did you mean 'tensorboard'" in wrong.stderr
