"""Runs in one file: made, verified, opened; whole, damaged and hostile."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from evolve.bundles.archive import MANIFEST, PARTS, PROBLEM, part_of
from evolve.bundles.bundle import make_bundle, open_bundle, verify_bundle
from evolve.bundles.trust import OPENED, is_foreign
from evolve.conformance.clock import Clock
from evolve.conformance.whole_run import RUN, write_everything
from evolve.domain.problem import Problem
from evolve.errors import ConfigurationError, StoreError, StoreTooNew
from evolve.interfaces import RunInfo, Store
from evolve.store.memory import MemoryStore
from evolve.store.sql import SqlStore
from tests.conformance.stores import KINDS, store_maker
from tests.controller.controller_support import write_problem


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    return write_problem(tmp_path / "constant")


@pytest.fixture
def store(problem: Problem) -> MemoryStore:
    """Return a store with a run that calls itself judged by the problem."""
    store = MemoryStore(clock=Clock(tick_s=0.25))
    config = {"problem": str(problem.folder), "params": {}, "seed": 1}
    write_everything(store, replace(RUN, config=config, provenance={"version": "0", "judge_hash": "c0ffee"}))
    return store


@pytest.fixture
def bundle(store: MemoryStore, problem: Problem, tmp_path: Path) -> Path:
    make_bundle(store, RUN.id, tmp_path / "run.evolve", problem.folder)
    return tmp_path / "run.evolve"


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_is_opened_is_the_same_run(
    kind: str, store: MemoryStore, bundle: Path, problem: Problem, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue("postgres_url") if kind == "postgres" else ""
    other = store_maker(kind, tmp_path, server)("other")
    info = open_bundle(other, bundle, tmp_path / "opened")
    assert list(other.entries(RUN.id)) == list(store.entries(RUN.id))
    folder = Path(str(info.config["problem"]))
    assert folder.is_relative_to(tmp_path / "opened")
    assert Problem.load(folder).judge_hash() == problem.judge_hash()
    assert is_foreign(other.run(RUN.id))
    make_bundle(other, RUN.id, tmp_path / "again.evolve", folder)
    assert (tmp_path / "again.evolve").read_bytes() == bundle.read_bytes()
    other.close()


def test_a_run_is_opened_under_another_name_and_trusted_if_that_is_wanted(bundle: Path, tmp_path: Path) -> None:
    other = MemoryStore()
    info = open_bundle(other, bundle, tmp_path / "opened", run="theirs", trusted=True)
    assert info.id == "theirs" and not is_foreign(other.run("theirs"))
    with pytest.raises(StoreError, match="theirs"):
        open_bundle(other, bundle, tmp_path / "opened", run="theirs")


def test_a_bundle_of_a_run_without_its_problem_says_so(store: MemoryStore, tmp_path: Path) -> None:
    file = tmp_path / "bare.evolve"
    make_bundle(store, RUN.id, file, None)
    assert "no problem folder" in verify_bundle(file).findings[0]
    assert open_bundle(MemoryStore(), file, tmp_path / "opened").config == store.run(RUN.id).config


def test_a_file_that_is_there_is_left_alone(store: MemoryStore, bundle: Path) -> None:
    before = bundle.read_bytes()
    with pytest.raises(ConfigurationError, match="new file"):
        make_bundle(store, RUN.id, bundle, None)
    assert bundle.read_bytes() == before
    assert sorted(path.name for path in bundle.parent.iterdir()) == ["constant", "run.evolve"]


# ── what verification finds ───────────────────────────────────────────────────────────────────
def verified(info: RunInfo, problem: Problem, tmp_path: Path, change: Callable[[str], str]) -> tuple[str, ...]:
    """Return what is found in a bundle whose proposals were changed before it was made."""
    store = MemoryStore(clock=Clock(tick_s=0.25))
    write_everything(store, info)
    file = tmp_path / "changed.evolve"
    make_bundle(store, RUN.id, file, problem.folder)
    with changed(file) as parts:
        for name, text in parts.texts().items():
            parts.put(name, change(text))
    return verify_bundle(file).findings


def test_a_whole_bundle_has_no_findings_but_those_of_its_run(bundle: Path, problem: Problem) -> None:
    found = verify_bundle(bundle)
    assert (found.attempts, found.has_problem, found.run.id) == (8, True, RUN.id)
    assert found.findings == (
        f"Its problem folder is judge {problem.judge_hash()}, but its scores were given by c0ffee.",
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("improve this", "make it worse", "prompt of attempt 1"),
        ('"judge_hash":"c0ffee","feedback":"quick', '"judge_hash":"decaf","feedback":"quick', "judged by decaf"),
        ('"sequence":5', '"sequence":50', "search was told has gaps"),
        ('"parent":3', '"parent":6', "which came later"),
    ],
)
def test_a_record_that_does_not_hang_together_is_found(
    problem: Problem, tmp_path: Path, old: str, new: str, said: str
) -> None:
    info = replace(RUN, config={"params": {}}, provenance={"judge_hash": "c0ffee"})
    findings = verified(info, problem, tmp_path, lambda text: text.replace(old, new))
    assert any(said in finding for finding in findings), findings


# ── hostile files ─────────────────────────────────────────────────────────────────────────────
class changed:
    """The parts of a bundle, to be put back with fitting checksums, as somebody hostile would."""

    def __init__(self, file: Path) -> None:
        self._file = file
        with zipfile.ZipFile(file) as archive:
            self.raw = {name: archive.read(name) for name in archive.namelist()}
        self.manifest = json.loads(self.raw.pop(MANIFEST))

    def __enter__(self) -> changed:
        return self

    def __exit__(self, *failure: object) -> None:
        if failure[0] is None:
            rewrite(self._file, {MANIFEST: json.dumps(self.manifest).encode(), **self.raw})

    def texts(self) -> Mapping[str, str]:
        return {
            name: zstandard.ZstdDecompressor().decompressobj().decompress(raw).decode()
            for name, raw in self.raw.items()
            if name != PROBLEM
        }

    def put(self, name: str, text: str) -> None:
        self.put_raw(name, zstandard.ZstdCompressor().compress(text.encode()), text.encode())

    def put_raw(self, name: str, packed: bytes, content: bytes) -> None:
        self.raw[name] = packed
        self.manifest["parts"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    def put_problem(self, files: Mapping[str, bytes], link: str = "") -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
            if link:
                member = tarfile.TarInfo("link")
                member.type, member.linkname = tarfile.SYMTYPE, link
                archive.addfile(member)
        packed = zstandard.ZstdCompressor().compress(buffer.getvalue())
        self.put_raw(PROBLEM, packed, packed)
        self.manifest["problem"] = hashlib.sha256(buffer.getvalue()).hexdigest()


def rewrite(file: Path, members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, raw in members.items():
            archive.writestr(name, raw)


def refused(bundle: Path, tmp_path: Path, said: str, **options: int) -> None:
    """Check that a bundle is neither opened nor verified, and that nothing is left of it."""
    before = sorted(tmp_path.rglob("*"))
    store: Store = SqlStore(f"sqlite:///{tmp_path}/target/store.db")
    with pytest.raises(StoreError, match=said):
        open_bundle(store, bundle, tmp_path / "opened", **options)  # type: ignore[arg-type]
    assert store.runs() == []
    store.close()
    left = [p for p in sorted(tmp_path.rglob("*")) if p not in before and "target" not in p.parts]
    assert [path for path in left if path != tmp_path / "opened"] == []


def test_a_changed_part_is_refused(bundle: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = part_of("files")
    text = zstandard.ZstdDecompressor().decompressobj().decompress(members[name]).replace(b"x = 4", b"y = 4")
    rewrite(bundle, {**members, name: zstandard.ZstdCompressor().compress(text)})
    refused(bundle, tmp_path, "damaged or was changed")
    rewrite(bundle, {**members, name: members[name][:-9]})
    refused(bundle, tmp_path, "damaged")


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.99])
def test_a_file_that_was_cut_off_is_refused(bundle: Path, tmp_path: Path, cut: float) -> None:
    raw = bundle.read_bytes()
    bundle.write_bytes(raw[: int(len(raw) * cut)])
    refused(bundle, tmp_path, "not a bundle")


@pytest.mark.parametrize(
    "name", ["../../evil.py", "/etc/evil", "record/../../evil", "extra.txt", "record/none.jsonl.zst"]
)
def test_parts_with_other_names_are_refused(bundle: Path, tmp_path: Path, name: str) -> None:
    with changed(bundle) as parts:
        parts.raw[name] = b"x"
    refused(bundle, tmp_path, "expected manifest.json and the parts")
    with changed(bundle) as parts:
        parts.put(name, "x")
    refused(bundle, tmp_path, "expected manifest.json and the parts")


def test_a_missing_part_is_named(bundle: Path, tmp_path: Path) -> None:
    with changed(bundle) as parts:
        del parts.raw[part_of("metrics")]
    refused(bundle, tmp_path, "lacks 'record/metrics")
    with changed(bundle) as parts:
        del parts.manifest["parts"][part_of("calls")], parts.raw[part_of("calls")]
    refused(bundle, tmp_path, "lacks 'record/calls")


def test_a_bomb_is_refused_before_it_goes_off(bundle: Path, tmp_path: Path) -> None:
    zeros = zstandard.ZstdCompressor().compress(bytes(64 << 20))
    assert len(zeros) < 10_000
    with changed(bundle) as parts:
        parts.raw[part_of("files")] = zeros  # says it is short
    refused(bundle, tmp_path, "longer than the manifest says")
    with changed(bundle) as parts:
        parts.manifest["parts"][part_of("files")]["bytes"] = 64 << 20
    refused(bundle, tmp_path, "more than 1. If you trust it", max_bytes=1 << 20)


def test_a_bundle_packed_otherwise_is_refused(bundle: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    rewrite(bundle, members, zipfile.ZIP_DEFLATED)
    refused(bundle, tmp_path, "not as `evolve bundle` writes it")


@pytest.mark.parametrize("file", ["../../evil.py", "/tmp/evil.py", "a/../../evil.py"])
def test_a_problem_that_leads_out_of_its_folder_is_refused(bundle: Path, tmp_path: Path, file: str) -> None:
    with changed(bundle) as parts:
        parts.put_problem({"problem.yaml": b"", file: b"evil"})
    refused(bundle, tmp_path, "expected files inside its folder")


def test_a_problem_with_a_link_is_refused(bundle: Path, tmp_path: Path) -> None:
    with changed(bundle) as parts:
        parts.put_problem({"problem.yaml": b""}, link="/etc/passwd")
    refused(bundle, tmp_path, "expected files inside its folder")


@pytest.mark.parametrize("digest", ["../../evil", "0" * 64, "", "z"])
def test_a_problem_with_another_name_than_its_content_is_refused(bundle: Path, tmp_path: Path, digest: str) -> None:
    with changed(bundle) as parts:
        parts.manifest["problem"] = digest
    refused(bundle, tmp_path, "problem|contradicts itself")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("format", "x", "makes no sense"),
        ("parts", [], "makes no sense"),
        ("run", {}, "make no sense"),
        ("run", None, "make no sense"),
        ("parts", {name: {"bytes": -1, "sha256": ""} for name in PARTS}, "contradicts itself"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(
    bundle: Path, tmp_path: Path, key: str, value: object, said: str
) -> None:
    with changed(bundle) as parts:
        parts.manifest[key] = value
    refused(bundle, tmp_path, said)


def test_a_bundle_of_a_newer_format_says_what_to_do(bundle: Path, tmp_path: Path) -> None:
    with changed(bundle) as parts:
        parts.manifest["format"] = 99
    with pytest.raises(StoreTooNew, match="Upgrade the package"):
        open_bundle(MemoryStore(), bundle, tmp_path / "opened")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04" + b"\0" * 64])
def test_what_is_no_bundle_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "some.evolve"
    file.write_bytes(content)
    with pytest.raises(StoreError, match="not a bundle"):
        verify_bundle(file)


def test_the_origin_of_an_opened_run_is_on_record(bundle: Path, tmp_path: Path) -> None:
    other = MemoryStore()
    open_bundle(other, bundle, tmp_path / "opened")
    origin = other.run(RUN.id).provenance[OPENED]
    assert isinstance(origin, dict)
    assert (origin["bundle"], origin["trusted"]) == (verify_bundle(bundle).digest, False)
