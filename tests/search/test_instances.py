from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.proposal import Placement
from evolve.search.instances import InstanceWinners


def valid(step: int, gain: float, violation: float = 0.0, **scores: float) -> Scored:
    return Scored(step, 0, (), "test", Outcome.VALID, (gain,), per_instance=scores, violation=violation)


def steps(archive: InstanceWinners) -> list[int]:
    return [member.step for member in archive.elites()]


def test_each_instance_has_its_winner_and_the_objectives_have_theirs() -> None:
    archive = InstanceWinners()
    assert archive.add(valid(0, 1.0, a=1, b=1)) == (Placement.NEW, "a")
    assert archive.add(valid(1, 0.5, a=3, b=0)) == (Placement.NEW, "a"), "program 0 still leads on b"
    assert archive.add(valid(2, 2.0, a=2, b=0)) == (Placement.NEW, "overall")
    assert archive.add(valid(3, 0.0, a=2, b=0)) == (Placement.NOT_PLACED, "")
    assert steps(archive) == [2, 1, 0]
    assert archive.add(valid(4, 0.0, a=0, b=5)) == (Placement.IMPROVED, "b")
    assert steps(archive) == [2, 1, 4]


def test_a_shared_lead_goes_to_the_better_program() -> None:
    archive = InstanceWinners()
    archive.add(valid(0, 1.0, a=1, b=1))
    assert archive.add(valid(1, 2.0, a=1, b=1))[0] is Placement.IMPROVED
    assert archive.add(valid(2, 2.0, a=1, b=1)) == (Placement.NOT_PLACED, "")
    assert steps(archive) == [1]


def test_instances_that_come_later_are_won_by_the_first_to_have_a_score() -> None:
    archive = InstanceWinners()
    archive.add(valid(0, 9.0))
    assert archive.instances == ()
    assert archive.add(valid(1, 0.0, a=-7)) == (Placement.NEW, "a")
    assert archive.scores(archive.elites()).tolist() == [[-math.inf], [-7.0]]


def test_a_feasible_program_overthrows_all_winners() -> None:
    archive = InstanceWinners()
    archive.add(valid(0, 9.0, 0.5, a=9))
    assert archive.add(valid(1, 0.0, a=0, b=0)) == (Placement.IMPROVED, "a")
    assert archive.add(valid(2, 99.0, 0.1, a=99)) == (Placement.NOT_PLACED, "")
    assert steps(archive) == [1]


scores = st.fixed_dictionaries({name: st.integers(0, 3).map(float) for name in "abc"})


@given(st.lists(st.tuples(st.integers(0, 3).map(float), scores), min_size=1, max_size=20))
@settings(max_examples=80, deadline=None)
def test_members_lead_somewhere_every_lead_has_a_member_and_none_is_dominated(
    rows: list[tuple[float, dict[str, float]]],
) -> None:
    archive, told = InstanceWinners(), [valid(step, gain, **scores) for step, (gain, scores) in enumerate(rows)]
    for program in told:
        archive.add(program)
    vectors = [(program.gains[0], *(program.per_instance[name] for name in "abc")) for program in told]
    best = [max(column) for column in zip(*vectors, strict=True)]
    kept = [vectors[step] for step in steps(archive)]
    assert [max(column) for column in zip(*kept, strict=True)] == best
    for vector in kept:
        assert any(value == top for value, top in zip(vector, best, strict=True))
        assert not any(other != vector and all(map(float.__ge__, other, vector)) for other in vectors)
    assert len(kept) == len(set(kept)) <= 4
