"""The file of a bundle: a zip of compressed parts and a manifest that says what each must be.

::

    manifest.json               format, version that wrote it, the run, and bytes and SHA-256 of each part
    record/<table>.jsonl.zst    the record, a table of evolve.store.columns each
    problem.tar.zst             the problem's folder, as a parcel; left out where it was gone

Nothing of it is believed: parts have fixed names, are read as streams, and never grow beyond what the
manifest says, which has a limit of its own.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, Final

import zstandard

from evolve import __version__
from evolve.errors import StoreError
from evolve.store.columns import TABLES
from evolve.store.importing import refuse_newer

BUNDLE_FORMAT: Final = 1
MAX_BYTES: Final = 8 << 30
"""What the parts of a bundle may amount to, uncompressed."""
MANIFEST: Final = "manifest.json"
PROBLEM: Final = "problem.tar.zst"
_LONGEST_MANIFEST = 16 << 20
_LARGEST_WINDOW = 1 << 27
_AT_ONCE = 1 << 20
_NO_DATE = (1980, 1, 1, 0, 0, 0)


def part_of(table: str) -> str:
    """Return the name of the part that holds a table."""
    return f"record/{table}.jsonl.zst"


PARTS: Final = (*(part_of(table.name) for table in TABLES), PROBLEM)


@dataclass(frozen=True, slots=True)
class Part:
    """What a part must be: size and SHA-256 of its content; of the problem, as it is packed."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says of itself.

    Args:
        written_by: version of the package.
        run: the run's own data, as exports have them.
        parts: by name.
        problem: digest of the parcel with the problem's folder; empty without one.
    """

    written_by: str
    run: Mapping[str, Any]
    parts: Mapping[str, Part]
    problem: str = ""

    def text(self) -> bytes:
        """Return the manifest as it is written."""
        parts = {name: {"bytes": part.bytes, "sha256": part.sha256} for name, part in sorted(self.parts.items())}
        data = {"format": BUNDLE_FORMAT, "written_by": self.written_by, "run": self.run, "parts": parts}
        return json.dumps({**data, "problem": self.problem}, indent=1).encode("ascii")


# ── writing ───────────────────────────────────────────────────────────────────────────────────
def write_archive(file: Path, run: Mapping[str, Any], parts: Mapping[str, Path], problem: str) -> Manifest:
    """Write a bundle of compressed parts that lie in files; equal parts make equal bundles."""
    known = {name: _measured(path, packed=name == PROBLEM) for name, path in parts.items()}
    manifest = Manifest(__version__, run, known, problem)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(MANIFEST, _NO_DATE), manifest.text())
        for name, path in parts.items():
            with (
                archive.open(zipfile.ZipInfo(name, _NO_DATE), "w", force_zip64=True) as target,
                path.open("rb") as part,
            ):
                while block := part.read(_AT_ONCE):
                    target.write(block)
    return manifest


def compressed(path: Path) -> BinaryIO:
    """Return a stream whose content goes to a file, compressed."""
    parameters = zstandard.ZstdCompressionParameters.from_level(9, window_log=24, enable_ldm=True)
    compressor = zstandard.ZstdCompressor(compression_params=parameters)
    return compressor.stream_writer(path.open("wb"), closefd=True)


def _measured(path: Path, packed: bool) -> Part:
    with path.open("rb") as file:
        return _measure(file if packed else _unpacking(file))


def _measure(stream: IO[bytes]) -> Part:
    digest, size = hashlib.sha256(), 0
    while block := stream.read(_AT_ONCE):
        digest.update(block)
        size += len(block)
    return Part(size, digest.hexdigest())


# ── reading ───────────────────────────────────────────────────────────────────────────────────
class Archive:
    """A bundle that is open for reading. Raises StoreError for whatever a bundle must not be."""

    def __init__(self, file: Path, archive: zipfile.ZipFile, max_bytes: int) -> None:
        self._file = file
        self._archive = archive
        raw = self._manifest_text()
        self.digest = hashlib.sha256(raw).hexdigest()
        self.manifest = _parsed_manifest(raw, str(file))
        self._check_names()
        total = sum(part.bytes for part in self.manifest.parts.values())
        if total > max_bytes:
            raise StoreError(
                f"{file} holds {total >> 20} MiB uncompressed, more than {max_bytes >> 20}. If you trust it, "
                "allow more with --max-mb."
            )

    @contextmanager
    def part(self, name: str) -> Iterator[BinaryIO]:
        """Give the content of a part; it ends with an error if it is longer than the manifest says."""
        with self._archive.open(name) as packed:
            stream = packed if name == PROBLEM else _unpacking(packed)
            yield io.BufferedReader(
                _Bounded(stream, self.manifest.parts[name].bytes, f"{self._file}: {name}"), _AT_ONCE
            )

    def check(self) -> None:
        """Raise StoreError unless each part is what the manifest says."""
        for name, expected in self.manifest.parts.items():
            with self.part(name) as stream:
                found = _measure(stream)
            if found != expected:
                raise StoreError(
                    f"{self._file}: {name} is damaged or was changed: expected {expected.bytes} bytes with SHA-256 "
                    f"{expected.sha256:.16}, found {found.bytes} with {found.sha256:.16}. Ask for the file again."
                )

    def _manifest_text(self) -> bytes:
        try:
            info = self._archive.getinfo(MANIFEST)
        except KeyError as error:
            raise StoreError(f"{self._file} has no {MANIFEST}: expected what `evolve bundle` writes.") from error
        if info.file_size > _LONGEST_MANIFEST or info.compress_type != zipfile.ZIP_STORED:
            raise StoreError(f"{self._file}: {MANIFEST} is not as `evolve bundle` writes it.")
        return self._archive.read(info)

    def _check_names(self) -> None:
        names = [info.filename for info in self._archive.infolist()]
        parts = set(self.manifest.parts)
        foreign = sorted(parts - set(PARTS)) or sorted(set(names) - parts - {MANIFEST})
        if foreign:
            raise StoreError(f"{self._file} holds {foreign[0]!r}: expected {MANIFEST} and the parts of a run alone.")
        lacking = sorted(set(PARTS) - {PROBLEM} - parts) or sorted(parts - set(names))
        if lacking or len(names) != len(set(names)):
            raise StoreError(f"{self._file} lacks {lacking[0]!r}." if lacking else f"{self._file} has a part twice.")
        odd = [i.filename for i in self._archive.infolist() if i.compress_type != zipfile.ZIP_STORED or i.flag_bits & 1]
        if odd:
            raise StoreError(f"{self._file}: {odd[0]} is packed otherwise than `evolve bundle` does.")


@contextmanager
def opened(file: Path, max_bytes: int = MAX_BYTES) -> Iterator[Archive]:
    """Open a bundle. Raises StoreError."""
    try:
        with zipfile.ZipFile(file) as archive:
            yield Archive(file, archive, max_bytes)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise StoreError(f"{file} is not a bundle, or it is damaged: {error}") from error
    except zstandard.ZstdError as error:
        raise StoreError(f"{file} is damaged: {error}") from error


class _Bounded(io.RawIOBase):
    def __init__(self, stream: IO[bytes], limit: int, where: str) -> None:
        self._stream = stream
        self._left = limit
        self._where = where

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._stream.read(min(len(buffer), self._left + 1))
        if len(block) > self._left:
            raise StoreError(f"{self._where} is longer than the manifest says. Ask for the file again.")
        self._left -= len(block)
        buffer[: len(block)] = block
        return len(block)


def _unpacking(stream: IO[bytes]) -> IO[bytes]:
    return zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW).stream_reader(stream, read_across_frames=True)


def _parsed_manifest(raw: bytes, where: str) -> Manifest:
    try:
        data = json.loads(raw)
        refuse_newer(int(data["format"]), data.get("written_by"), where)
        parts = {str(name): Part(int(part["bytes"]), str(part["sha256"])) for name, part in data["parts"].items()}
        manifest = Manifest(str(data["written_by"]), data["run"], parts, str(data["problem"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StoreError(f"{where}: its manifest makes no sense: {type(error).__name__} {error}") from error
    if any(part.bytes < 0 for part in parts.values()) or bool(manifest.problem) != (PROBLEM in parts):
        raise StoreError(f"{where}: its manifest contradicts itself.")
    return manifest
