from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from evolve.cluster.placement import Berth, Node, needs, plan
from evolve.domain.resources import Resources

CORE = Resources(cpus=1.0)
DEVICE = Resources(cpus=1.0, custom=(("device", 1.0),))
GPU = Resources(cpus=1.0, gpus=1.0)


def node(id: str, **has: float) -> Node:
    return Node(id, id, has)


def slots(berths: Sequence[Berth]) -> Counter[tuple[Resources, str | None]]:
    found: Counter[tuple[Resources, str | None]] = Counter()
    for berth in berths:
        found[berth.resources, berth.node] += berth.slots
    return found


def test_a_node_gets_as_many_as_fit_in_workers_of_at_most_the_largest_size() -> None:
    berths = plan([node("a", CPU=5)], [CORE], [], width=None, largest=2)
    assert [berth.slots for berth in berths] == [2, 2, 1]


def test_nodes_with_devices_are_kept_for_those_who_need_them() -> None:
    nodes = [node("plain", CPU=2), node("rich", CPU=3, device=2)]
    found = slots(plan(nodes, [CORE, DEVICE], [], width=4, largest=16))
    assert found == {(DEVICE, "rich"): 2, (CORE, "plain"): 2}


def test_claims_share_a_node_that_is_too_small_for_all() -> None:
    found = slots(plan([node("a", CPU=4, device=4)], [CORE, DEVICE], [], width=None, largest=16))
    assert found == {(DEVICE, "a"): 2, (CORE, "a"): 2}


def test_a_worker_with_gpus_has_one_slot_so_that_devices_are_not_shared_by_accident() -> None:
    berths = plan([node("a", CPU=4, GPU=2)], [GPU], [], width=None, largest=16)
    assert [berth.slots for berth in berths] == [1, 1]


def test_memory_counts_where_it_is_claimed() -> None:
    claim = Resources(cpus=1.0, memory_mb=1024)
    assert slots(plan([node("a", CPU=8, memory=3 * 2**30)], [claim], [], width=None, largest=16)) == {(claim, "a"): 3}


def test_what_is_there_is_not_asked_for_again() -> None:
    nodes = [node("a", CPU=2), node("b", CPU=2)]
    there = plan([nodes[0]], [CORE], [], width=None, largest=16)
    assert slots(plan(nodes, [CORE], there, width=None, largest=16)) == {(CORE, "b"): 2}
    assert plan(nodes, [CORE], plan(nodes, [CORE], [], width=None, largest=16), width=None, largest=16) == []


def test_a_width_beyond_what_there_is_is_asked_for_anywhere() -> None:
    first = plan([node("a", CPU=2)], [CORE], [], width=5, largest=2)
    assert slots(first) == {(CORE, "a"): 2, (CORE, None): 3}
    assert plan([node("a", CPU=2)], [CORE], first, width=5, largest=2) == []


def test_of_a_claim_that_fits_nowhere_one_is_asked_for() -> None:
    assert slots(plan([node("a", CPU=2)], [CORE, DEVICE], [], width=None, largest=16)) == {
        (CORE, "a"): 2,
        (DEVICE, None): 1,
    }
    assert slots(plan([], [CORE], [], width=None, largest=16)) == {(CORE, None): 1}


def test_fractions_of_a_device_fill_it_exactly() -> None:
    claim = Resources(cpus=0.1)
    assert slots(plan([node("a", CPU=1)], [claim], [], width=None, largest=16)) == {(claim, "a"): 10}


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=4),
    st.lists(st.sampled_from([CORE, DEVICE, GPU]), min_size=1, max_size=3, unique=True),
    st.one_of(st.none(), st.integers(1, 9)),
)
def test_no_node_is_given_more_than_it_has(
    amounts: list[tuple[int, int]], claims: list[Resources], width: int | None
) -> None:
    nodes = [node(str(at), CPU=cpus, device=devices) for at, (cpus, devices) in enumerate(amounts)]
    berths = plan(nodes, claims, [], width=width, largest=2)
    for found in nodes:
        taken: Counter[str] = Counter()
        for berth in (berth for berth in berths if berth.node == found.id):
            taken.update({name: int(berth.slots * amount) for name, amount in needs(berth.resources).items()})
        assert all(amount <= found.has.get(name, 0) for name, amount in taken.items())
    assert {berth.resources for berth in berths} == set(claims) or width is not None
