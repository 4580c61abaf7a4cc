"""One Ray cluster for all tests of a process: a head on which nothing is judged, and a node with two processors
and two "accelerators". Tests that take nodes away add their own."""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

# Read when Ray is imported: a token that other clusters of this user have left must not be asked for here.
os.environ["RAY_AUTH_MODE"] = "disabled"

from evolve.cluster import ray_link
from tests.cluster.cluster_support import Nodes

_QUICK_TO_NOTICE = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 1000,
    "health_check_failure_threshold": 3,
}
"""A node that was killed is missed after seconds, not after half a minute."""


@pytest.fixture(scope="session")
def _cluster() -> Iterator[Any]:
    made: Any = importlib.import_module("ray.cluster_utils").Cluster

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own
        head = {"num_cpus": 0, "include_dashboard": False, "_system_config": _QUICK_TO_NOTICE}
        cluster = made(initialize_head=True, head_node_args=head)
        cluster.add_node(num_cpus=2, resources={"accelerator": 2})
        ray_link.connect(cluster.address)
    yield cluster
    ray_link.disconnect()
    cluster.shutdown()


@pytest.fixture
def nodes(_cluster: Any) -> Iterator[Nodes]:
    """The cluster; nodes that are added are removed when the test ends."""
    nodes = Nodes(_cluster)
    yield nodes
    nodes.remove_all()
