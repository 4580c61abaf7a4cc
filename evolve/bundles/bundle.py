"""Making a bundle of a run, checking one, and opening one into a store."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from evolve.bundles.archive import MAX_BYTES, PROBLEM, Archive, Manifest, compressed, opened, part_of, write_archive
from evolve.bundles.trust import OPENED
from evolve.cluster.parcel import Parcel, pack_folder, unpack
from evolve.domain.problem import Problem
from evolve.domain.proposal import Applied, Evaluated, Finished, Prompted, Selected
from evolve.errors import ConfigurationError, ProblemError, SandboxUnavailable, StoreError
from evolve.interfaces import Entry, RunInfo, Store
from evolve.llm.requests import request_hash
from evolve.store.columns import BY_NAME, TABLES, Row
from evolve.store.exporting import json_line
from evolve.store.importing import rows_in
from evolve.store.rows import entries_of, info_of, rows_of, run_data

_MOST_FINDINGS = 20


@dataclass(frozen=True, slots=True)
class Verified:
    """What checking a bundle found; ``findings`` are sentences, none if all is well."""

    digest: str
    run: RunInfo
    written_by: str
    has_problem: bool
    attempts: int
    findings: tuple[str, ...] = field(default_factory=tuple)


def make_bundle(store: Store, run: str, file: Path, problem: Path | None) -> Manifest:
    """Write a run with its problem's folder, if there is one, to a new file.

    Raises ConfigurationError if the file exists, ProblemError for a folder that cannot be packed.
    """
    if file.exists():
        raise ConfigurationError(f"{file} is there already: name a new file.")
    file.parent.mkdir(parents=True, exist_ok=True)
    info = store.run(run)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".bundle-") as scratch:
        parts = _written(store, run, Path(scratch))
        digest = ""
        if problem is not None:
            parcel = pack_folder(problem)
            digest = parcel.digest
            parts[PROBLEM] = Path(scratch) / PROBLEM
            parts[PROBLEM].write_bytes(parcel.data)
        whole = Path(scratch) / "whole"
        manifest = write_archive(whole, run_data(_without_origin(info)), parts, digest)
        whole.rename(file)
    return manifest


def verify_bundle(file: Path, max_bytes: int = MAX_BYTES) -> Verified:
    """Check a bundle without opening it into a store: its checksums, and that its record hangs together.

    Raises StoreError for a file that cannot be opened at all.
    """
    with opened(file, max_bytes) as archive, tempfile.TemporaryDirectory() as scratch:
        archive.check()
        run = info_of(archive.manifest.run)
        check = _Check(run)
        for entry in _entries(archive):
            check.see(entry)
        findings = [*check.findings(), *_judged_otherwise(archive, run, Path(scratch))]
        about = (archive.digest, run, archive.manifest.written_by, bool(archive.manifest.problem))
        return Verified(*about, check.attempts, tuple(findings[:_MOST_FINDINGS]))


def open_bundle(
    store: Store,
    file: Path,
    problems: Path,
    *,
    run: str | None = None,
    trusted: bool = False,
    max_bytes: int = MAX_BYTES,
) -> RunInfo:
    """Take the run of a bundle into a store; its problem's folder is unpacked below ``problems``.

    Nothing in it is run. Raises StoreError for a bundle that is damaged, hostile, or contradicts itself.
    """
    with opened(file, max_bytes) as archive:
        archive.check()
        told = info_of(archive.manifest.run)
        folder = _unpacked(archive, problems) if archive.manifest.problem else None
        config = dict(told.config)
        if folder is not None:
            config["problem"] = str(folder)
        origin = {"bundle": archive.digest, "problem": told.config.get("problem"), "run": told.id, "trusted": trusted}
        info = replace(told, id=run or told.id, config=config, provenance={**told.provenance, OPENED: origin})
        store.take_in(info, _entries(archive))
    return info


def _without_origin(info: RunInfo) -> RunInfo:
    """Return a run as it was before it was opened here, so that a bundle of it is the bundle it came from."""
    origin = info.provenance.get(OPENED)
    if not isinstance(origin, dict) or "bundle" not in origin:
        return info
    provenance = {key: value for key, value in info.provenance.items() if key != OPENED}
    return replace(info, id=origin["run"], config={**info.config, "problem": origin["problem"]}, provenance=provenance)


def _written(store: Store, run: str, scratch: Path) -> dict[str, Path]:
    paths = {table.name: scratch / f"{table.name}.zst" for table in TABLES}
    with ExitStack() as stack:
        streams = {name: stack.enter_context(compressed(path)) for name, path in paths.items()}
        for name, row in rows_of(store.entries(run)):
            streams[name].write(json_line(BY_NAME[name], row).encode("ascii"))
    return {part_of(name): path for name, path in paths.items()}


def _entries(archive: Archive) -> Iterator[Entry]:
    def rows(name: str) -> Iterator[Row]:
        with archive.part(part_of(name)) as stream:
            yield from rows_in(stream, name, part_of(name))

    return entries_of(rows)


def _unpacked(archive: Archive, problems: Path) -> Path:
    with archive.part(PROBLEM) as stream:
        parcel = Parcel(archive.manifest.problem, stream.read())
    if len(parcel.digest) != hashlib.sha256().digest_size * 2 or not parcel.digest.isalnum():
        raise StoreError(f"The bundle names its problem {parcel.digest!r:.80}: expected a SHA-256.")
    try:
        return unpack(parcel, problems.resolve())
    except (SandboxUnavailable, OSError, ValueError) as error:
        raise StoreError(f"The problem in the bundle cannot be unpacked: {error}") from error


def _judged_otherwise(archive: Archive, run: RunInfo, scratch: Path) -> Iterator[str]:
    if not archive.manifest.problem:
        yield "It holds no problem folder: scores cannot be compared, and it cannot be replayed."
        return
    params = run.config.get("params")
    try:
        problem = Problem.load(_unpacked(archive, scratch / "problems"), params if isinstance(params, dict) else {})
    except ProblemError as error:
        yield f"Its problem cannot be read by this version: {error}"
        return
    recorded = run.provenance.get("judge_hash")
    found = problem.as_judged_by(recorded).judge_hash()
    if recorded != found:
        yield f"Its problem folder is judge {found}, but its scores were given by {recorded}."


class _Check:
    """Looks at a record entry by entry."""

    def __init__(self, run: RunInfo) -> None:
        self._judge = run.provenance.get("judge_hash")
        self._found: list[str] = []
        self._steps: set[int] = set()
        self._programs: set[int] = set()
        self._sequences: set[int] = set()

    @property
    def attempts(self) -> int:
        """How many were selected."""
        return len(self._steps)

    def see(self, entry: Entry) -> None:
        """Check an entry beside those before it."""
        match entry.record:
            case Selected(step, choice):
                self._steps.add(step)
                if step and choice.parent >= step:
                    self._note(f"Attempt {step} changes program {choice.parent}, which came later.")
            case Prompted(step, key, request) if request.messages and request_hash(request) != key:
                self._note(f"A prompt of attempt {step} is not the one that was recorded.")
            case Applied(program):
                self._programs.add(program.step)
                for parent in set(program.parents) - self._programs:
                    self._note(f"Program {program.step} descends from {parent}, which is not on record.")
            case Evaluated(step, evaluation) if self._judge is not None and evaluation.judge_hash != self._judge:
                self._note(f"Attempt {step} was judged by {evaluation.judge_hash}, not by {self._judge}.")
            case Finished() as finished:
                self._sequences.add(finished.sequence)
            case _:
                pass

    def findings(self) -> list[str]:
        """Return what is wrong, in words."""
        gaps = []
        if self._steps != set(range(len(self._steps))):
            gaps.append("The numbers of its attempts have gaps.")
        if self._sequences != set(range(len(self._sequences))):
            gaps.append("The order in which its search was told has gaps.")
        return [*gaps, *self._found]

    def _note(self, finding: str) -> None:
        if len(self._found) < _MOST_FINDINGS:
            self._found.append(finding)
