"""One Ray cluster for all tests of a process: a head on which nothing is judged, and nodes that tests add."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from evolve.cluster import ray_link  # before ray, as it sets how that is imported
from tests.cluster.cluster_support import Nodes


@pytest.fixture(scope="session")
def _cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        ray_link.connect(cluster.address)
    yield cluster
    ray_link.disconnect()
    cluster.shutdown()


@pytest.fixture
def nodes(_cluster: Any) -> Iterator[Nodes]:
    """Nodes that are removed when the test ends."""
    nodes = Nodes(_cluster)
    yield nodes
    nodes.remove_all()
