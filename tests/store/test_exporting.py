"""Runs that leave a store as files, and come back."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.conformance.clock import Clock
from evolve.conformance.synthetic import fill
from evolve.conformance.whole_run import ODD, RUN, selected, write_everything
from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.program import Program
from evolve.domain.proposal import Applied, Evaluated, Event, Finished, Record
from evolve.errors import ConfigurationError, StoreError, StoreTooNew
from evolve.store.columns import TABLES
from evolve.store.exporting import Form, export_run
from evolve.store.importing import import_folder
from evolve.store.memory import MemoryStore
from evolve.store.rows import entries_of, info_of, rows_of, run_data
from evolve.store.sql import SqlStore


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore(clock=Clock(tick_s=0.25))
    write_everything(store)
    return store


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_an_exported_run_that_is_imported_exports_the_same(store: MemoryStore, tmp_path: Path) -> None:
    counts = export_run(store, RUN.id, tmp_path / "first", Form.JSONL)
    assert counts["proposals"] == 8 and all(counts.values())
    other = SqlStore(f"sqlite:///{tmp_path}/other.db")
    assert import_folder(other, tmp_path / "first").id == RUN.id
    export_run(other, RUN.id, tmp_path / "second", Form.JSONL)
    assert contents(tmp_path / "first") == contents(tmp_path / "second")
    assert list(other.entries(RUN.id)) == list(store.entries(RUN.id))
    other.close()


texts = st.text(max_size=20) | st.sampled_from([ODD, "", 'a,b\n"c"'])
data = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None)
@given(
    files=st.dictionaries(texts.filter(bool), texts, min_size=1, max_size=3),
    detail=st.dictionaries(texts, data, max_size=3),
    metrics=st.dictionaries(texts, st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    artifacts=st.dictionaries(texts, st.binary(max_size=20), max_size=3),
    said=texts,
)
def test_rows_lose_nothing(
    files: dict[str, str],
    detail: dict[str, object],
    metrics: dict[str, float],
    artifacts: dict[str, bytes],
    said: str,
) -> None:
    store = MemoryStore(clock=Clock(tick_s=0.25))
    store.create_run(RUN)
    verdict = Evaluation("full", Outcome.VALID, said, metrics=metrics, artifacts=artifacts, feedback=said)
    records: list[Record] = [selected(0), Applied(Program(0, files, (), detail)), Evaluated(0, verdict)]
    end = Finished(0, 0, Outcome.VALID, said, said, cell=said)
    store.append(store.acquire(RUN.id, "me", 9.0), [*records, end, Event(said, detail)])
    tables: dict[str, list[dict[str, object]]] = {table.name: [] for table in TABLES}
    for name, row in rows_of(store.entries(RUN.id)):
        tables[name].append(row)
    assert list(entries_of(lambda name: iter(tables[name]))) == list(store.entries(RUN.id))


def test_a_run_comes_back_from_its_own_data(store: MemoryStore) -> None:
    info = store.run(RUN.id)
    back = info_of(json.loads(json.dumps(run_data(info))))
    assert (back.config, back.objectives, back.created_at) == (info.config, info.objectives, info.created_at)


def test_csv_has_every_row_and_column(store: MemoryStore, tmp_path: Path) -> None:
    counts = export_run(store, RUN.id, tmp_path / "csv", Form.CSV)
    for table in TABLES:
        with (tmp_path / "csv" / f"{table.name}.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == counts[table.name]
        assert set(rows[0]) == {column.name for column in table.columns}
    proposals = list(csv.DictReader((tmp_path / "csv" / "proposals.csv").read_text().splitlines()))
    assert [row["placement"] for row in proposals][:2] == ["new", "not_placed"]
    assert proposals[5]["inspirations"] == "1,0"


def test_parquet_has_typed_columns(store: MemoryStore, tmp_path: Path) -> None:
    import pyarrow.parquet

    counts = export_run(store, RUN.id, tmp_path / "parquet", Form.PARQUET)
    for table in TABLES:
        read = pyarrow.parquet.read_table(tmp_path / "parquet" / f"{table.name}.parquet")
        assert (read.num_rows, read.column_names) == (counts[table.name], [column.name for column in table.columns])
    artifacts = pyarrow.parquet.read_table(tmp_path / "parquet" / "artifacts.parquet").to_pylist()
    assert artifacts[0]["data"].startswith(b"\x89PNG")
    proposals = pyarrow.parquet.read_table(tmp_path / "parquet" / "proposals.parquet").to_pylist()
    assert (proposals[5]["inspirations"], proposals[6]["sequence"]) == ([1, 0], None)


def test_without_pyarrow_parquet_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from pathlib import Path\n"
        "from evolve.store.exporting import Form, export_run\n"
        "from evolve.store.memory import MemoryStore\n"
        "from evolve.interfaces import RunInfo\n"
        "store = MemoryStore(); store.create_run(RunInfo('r', 'p', 'paused', {}, {}, 0.0))\n"
        "export_run(store, 'r', Path(sys.argv[1]), Form.PARQUET)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out")], capture_output=True, text=True, check=False
    )
    assert "pip install 'evolve-search[parquet]'" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_with_files_is_left_alone(store: MemoryStore, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(ConfigurationError, match="empty folder"):
        export_run(store, RUN.id, tmp_path, Form.JSONL)
    assert contents(tmp_path) == {"mine.txt": b"kept"}


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("run.json", '"format": 1', '"format": 99', "Upgrade"),
        ("run.json", '"format": 1', '"format": "x"', "format number"),
        ("run.json", '"direction": "maximize"', '"direction": "sideways"', "sideways"),
        ("run.json", "{", "", "not the header"),
        ("proposals.jsonl", '"step":1,', '"step":"1",', "line 2: expected int in 'step'"),
        ("proposals.jsonl", '"step":1,', '"stop":1,', "line 2: expected the columns step, sequence"),
        ("proposals.jsonl", '"outcome":"valid"', '"outcome":"good"', "good"),
        ("proposals.jsonl", '"placement":"new"', '"placement":"top"', "TOP"),
        ("files.jsonl", "x = 4", "x = 5", "fingerprint"),
        ("lessons.jsonl", '"step":3', '"step":9', "out of order, or of no attempt"),
        ("transitions.jsonl", '"request_hash":"', '"request_hash":"0', "transitions of calls"),
        ("artifacts.jsonl", '"stage":"full"', '"stage":"none"', "evaluation that it has not"),
        ("artifacts.jsonl", '"data":"', '"data":"!', "base64"),
        ("events.jsonl", '"fence":1', '"fence":null', "expected int in 'fence'"),
        ("orders.jsonl", '"kind":"pin"', '"kind":"unheard"', "unheard"),
        ("orders.jsonl", "}\n", "}", "whole line"),
    ],
)
def test_an_export_that_was_tampered_with_is_refused_in_words(
    store: MemoryStore, tmp_path: Path, file: str, old: str, new: str, said: str
) -> None:
    folder = tmp_path / "out"
    export_run(store, RUN.id, folder, Form.JSONL)
    text = (folder / file).read_text()
    assert old in text
    changed = (
        text[: text.rindex(old)] + new + text[text.rindex(old) + len(old) :]
        if file == "orders.jsonl"
        else text.replace(old, new, 1)
    )
    (folder / file).write_text(changed)
    other = MemoryStore()
    with pytest.raises((StoreError, StoreTooNew), match=said):
        import_folder(other, folder)
    assert other.runs() == []


def test_a_missing_file_is_named(store: MemoryStore, tmp_path: Path) -> None:
    export_run(store, RUN.id, tmp_path / "out", Form.JSONL)
    (tmp_path / "out" / "metrics.jsonl").unlink()
    with pytest.raises(StoreError, match=r"metrics\.jsonl"):
        import_folder(MemoryStore(), tmp_path / "out")
    with pytest.raises(StoreError, match=r"run\.json"):
        import_folder(MemoryStore(), tmp_path / "nowhere")


def test_a_run_can_be_imported_under_another_name(store: MemoryStore, tmp_path: Path) -> None:
    export_run(store, RUN.id, tmp_path / "out", Form.JSONL)
    import_folder(store, tmp_path / "out", run="again")
    assert list(store.entries("again")) == list(store.entries(RUN.id))


def test_a_longer_run_goes_through_in_pieces(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path}/long.db")
    store.create_run(RUN)
    fill(store, store.acquire(RUN.id, "me", 60.0), 450)
    export_run(store, RUN.id, tmp_path / "out", Form.JSONL)
    copy = MemoryStore()
    import_folder(copy, tmp_path / "out")
    assert list(copy.entries(RUN.id)) == list(store.entries(RUN.id))
    store.close()
