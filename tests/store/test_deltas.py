"""Program files kept as differences, seen through the store that keeps them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.program import Program
from evolve.domain.proposal import Applied, Choice, Evaluated, Finished, Record, Selected
from evolve.errors import NotFound
from evolve.interfaces import Lease, RunInfo
from evolve.store import deltas
from evolve.store.sql import SqlStore

RUN = RunInfo("r", "p", "running", {}, {}, 1.0)


def source(seed: int, lines: int = 120) -> list[str]:
    """Return a text that does not compress well."""
    numbers = np.random.default_rng(seed).integers(0, 1 << 62, lines)
    return [f"value_{index} = {number:x}\n" for index, number in enumerate(numbers)]


def made(step: int, files: dict[str, str], *parents: int) -> list[Record]:
    return [Selected(step, Choice(0, (), 0), "diff", step), Applied(Program(step, files, parents, {}))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "evolve.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqlStore]:
    store = SqlStore(f"sqlite:///{path}")
    store.create_run(RUN)
    yield store
    store.close()


@pytest.fixture
def lease(store: SqlStore) -> Lease:
    return store.acquire("r", "me", 60.0)


def blobs(path: Path) -> list[tuple[bool, int]]:
    """Return (whether kept as a difference, bytes) in the order written."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT base IS NOT NULL, length(data) FROM blobs ORDER BY rowid")
        return [(bool(different), size) for different, size in rows]


def test_a_child_takes_little_more_than_its_change(store: SqlStore, lease: Lease, path: Path) -> None:
    lines = source(0)
    store.append(lease, made(0, {"a.py": "".join(lines)}))
    for step in range(1, 10):
        lines[step * 10] = f"changed in {step}\n"
        store.append(lease, made(step, {"a.py": "".join(lines)}, step - 1))
    (whole, size), *others = blobs(path)
    assert not whole
    assert len(others) == 9
    assert all(different and length * 5 < size for different, length in others)
    assert store.program("r", 9).files == {"a.py": "".join(lines)}


def test_a_new_store_goes_on_with_the_bases_of_the_old(store: SqlStore, lease: Lease, path: Path) -> None:
    lines = source(0)
    store.append(lease, made(0, {"a.py": "".join(lines)}))
    store.append(lease, made(1, {"a.py": "".join([*lines, "one\n"])}, 0))
    other = SqlStore(f"sqlite:///{path}")
    other.append(lease, made(2, {"a.py": "".join([*lines, "one\n", "two\n"])}, 1))
    assert [different for different, _ in blobs(path)] == [False, True, True]
    assert other.program("r", 2).files["a.py"].endswith("one\ntwo\n")
    other.close()


def test_a_file_that_has_become_another_is_kept_whole_and_is_the_next_base(
    store: SqlStore, lease: Lease, path: Path
) -> None:
    other = source(1)
    store.append(lease, made(0, {"a.py": "".join(source(0))}))
    store.append(lease, made(1, {"a.py": "".join(other)}, 0))
    store.append(lease, made(2, {"a.py": "".join([*other, "more\n"])}, 1))
    assert [different for different, _ in blobs(path)] == [False, False, True]


def test_reading_takes_one_base_however_long_the_line_of_descent(store: SqlStore, lease: Lease, path: Path) -> None:
    texts = ["".join([*source(0), f"step {step}\n"]) for step in range(50)]
    for step, text in enumerate(texts):
        store.append(lease, made(step, {"a.py": text}, *([step - 1] if step else [])))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(DISTINCT base) FROM blobs").fetchone() == (1,)
    assert [store.program("r", step).files["a.py"] for step in range(50)] == texts


def test_a_base_whose_content_was_first_kept_as_a_difference_is_read_through_its_own(
    store: SqlStore, lease: Lease
) -> None:
    """Run ``s`` begins with a text that run ``r`` keeps as a difference."""
    lines = source(0)
    texts = ["".join([*lines, "\n".join(map(str, range(step)))]) for step in range(3)]
    store.append(lease, [*made(0, {"a.py": texts[0]}), *made(1, {"a.py": texts[1]}, 0)])
    store.create_run(replace(RUN, id="s"))
    store.append(store.acquire("s", "me", 60.0), [*made(0, {"a.py": texts[1]}), *made(1, {"a.py": texts[2]}, 0)])
    assert store.program("s", 0).files == {"a.py": texts[1]}
    assert store.program("s", 1).files == {"a.py": texts[2]}


def test_an_artifact_may_be_a_file_that_is_kept_as_a_difference(store: SqlStore, lease: Lease) -> None:
    texts = ["".join([*source(0), f"step {step}\n"]) for step in range(2)]
    store.append(lease, [*made(0, {"a.py": texts[0]}), *made(1, {"a.py": texts[1]}, 0)])
    verdict = Evaluation("full", Outcome.VALID, "j", artifacts={"copy": texts[1].encode()})
    store.append(lease, [Evaluated(1, verdict)])
    assert store.evaluations("r", 1) == [verdict]


def test_bases_of_an_undone_write_are_not_used(store: SqlStore, lease: Lease, path: Path) -> None:
    lines = source(0)
    store.append(lease, [made(1, {}, 0)[0]])
    with pytest.raises(NotFound):
        store.append(lease, [*made(0, {"a.py": "".join(lines)}), Finished(99, 0, Outcome.VALID)])
    store.append(lease, made(1, {"a.py": "".join([*lines, "one\n"])}, 0)[1:])
    assert store.program("r", 1).files == {"a.py": "".join([*lines, "one\n"])}
    assert [different for different, _ in blobs(path)] == [False]


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_family_reads_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, short_memory: None, data: st.DataObject
) -> None:
    store = SqlStore(f"sqlite:///{tmp_path_factory.mktemp('db')}/a.db")
    store.create_run(RUN)
    lease = store.acquire("r", "me", 60.0)
    texts = [["".join(source(0)), "".join(source(1))]]
    batch = made(0, {"a.py": texts[0][0], "b.py": texts[0][1]})
    for step in range(1, data.draw(st.integers(2, 12))):
        parent = data.draw(st.integers(0, step - 1))
        swap = data.draw(st.booleans())
        changed = texts[parent][swap][data.draw(st.integers(0, 3000)) :] + data.draw(st.text(max_size=5))
        texts.append([changed, texts[parent][not swap]])
        batch += made(step, {"a.py": texts[step][0], "b.py": texts[step][1]}, parent)
        if data.draw(st.booleans()):
            store.append(lease, batch)
            batch = []
    store.append(lease, batch)
    for step, (first, second) in enumerate(texts):
        assert store.program("r", step).files == {"a.py": first, "b.py": second}
    store.close()


@pytest.fixture(scope="module")
def short_memory() -> Iterator[None]:
    """Remember so little that every family overflows it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deltas, "_KEPT_BASES", 1)
        patch.setattr(deltas, "_KEPT_STEPS", 2)
        yield
