from __future__ import annotations

import socket

import pytest

from evolve.cluster.placement import Node
from evolve.errors import ConfigurationError, NotFound
from tests.cluster.cluster_support import Nodes


def test_a_store_in_a_file_is_for_controllers_of_this_machine(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    from evolve.cluster import ray_controllers

    ray_controllers.check_store("sqlite:///runs/evolve.db")
    there = [Node("1", socket.gethostname(), {}), Node("2", "elsewhere", {})]
    monkeypatch.setattr(ray_controllers, "table_of_nodes", lambda: there)
    ray_controllers.check_store("postgresql+psycopg://db/evolve")
    with pytest.raises(ConfigurationError, match=r"any node, also elsewhere: expected store=postgres"):
        ray_controllers.check_store("sqlite:///runs/evolve.db")


def test_a_run_without_a_controller_is_pointed_to_its_record(nodes: Nodes) -> None:
    from evolve.cluster.ray_controllers import Attached

    with pytest.raises(NotFound, match="no controller on the cluster: `evolve show r9`"):
        Attached("r9", nodes.address)


def test_a_cluster_in_words() -> None:
    from evolve.cluster.ray_controllers import nodes_in_words

    found = [Node("1", "a", {"CPU": 2.0, "memory": 2**31}), Node("2", "b", {"CPU": 1.0, "GPU": 1.0})]
    assert nodes_in_words(found) == "2 nodes, 3 CPU, 1 GPU, 2 GiB of memory"
