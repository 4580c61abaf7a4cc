"""A problem folder as one value that another machine can make the folder from again.

A parcel is named by what is in it, so that each machine unpacks it once, whoever sent it. Only files travel:
no links, no owners, no dates.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

import zstandard

from evolve.domain.problem import Problem
from evolve.errors import ProblemError, SandboxUnavailable

MAX_PARCEL_BYTES: Final = 256 << 20
"""What the files of a parcel may amount to, before compression."""
_LEFT_OUT: Final = ".pyc"  # a score does not depend on them, and they differ between interpreters
_LARGEST_SHOWN: Final = 3
_EXECUTABLE, _PLAIN = 0o755, 0o644


@dataclass(frozen=True, slots=True)
class Parcel:
    """The files of a folder.

    Args:
        digest: SHA-256 of the archive before compression, in hexadecimal.
        data: a tar archive, compressed by zstandard.
    """

    digest: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Shipment:
    """What a problem is loaded from on another machine, beside the folder that its parcel holds."""

    digest: str
    name: str
    params: Mapping[str, object]
    one_block: bool
    judge_hash: str

    @classmethod
    def of(cls, problem: Problem, parcel: Parcel) -> Shipment:
        """Return what goes with the parcel of a problem."""
        return cls(parcel.digest, problem.name, dict(problem.params), problem.one_block, problem.judge_hash())

    def load(self, folder: Path) -> Problem:
        """Return the problem in an unpacked folder. Raises ProblemError, also if it would be judged otherwise here."""
        problem = Problem.load(folder, self.params)
        if self.one_block:
            problem = problem.with_one_block()
        problem = problem.as_judged_by(self.judge_hash)
        found = problem.judge_hash()
        if found != self.judge_hash:
            raise ProblemError(
                f"Problem {self.name!r} in {folder} is judged by {found}, expected {self.judge_hash}: its files were "
                "changed after they were unpacked, or this is another version of evolve. Remove that folder and "
                "compare `evolve --version` on both machines."
            )
        return replace(problem, name=self.name)


def pack(problem: Problem) -> Parcel:
    """Return the folder of a problem as a parcel. Raises ProblemError for what cannot be sent."""
    return pack_folder(problem.folder)


def pack_folder(folder: Path) -> Parcel:
    """Return the files below a folder: equal files make equal parcels. Raises ProblemError."""
    files = list(_files(folder))
    _check_size(folder, files)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in files:
            data = path.read_bytes()
            member = tarfile.TarInfo(path.relative_to(folder).as_posix())
            member.size = len(data)
            member.mode = _EXECUTABLE if os.access(path, os.X_OK) else _PLAIN
            archive.addfile(member, io.BytesIO(data))
    archived = buffer.getvalue()
    return Parcel(hashlib.sha256(archived).hexdigest(), zstandard.ZstdCompressor().compress(archived))


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder in order. Raises ProblemError for links that lead out of it, and the like."""
    root = folder.resolve()
    for path in sorted(folder.rglob("*")):
        target = path.resolve()
        if path.is_symlink() and not target.is_relative_to(root):
            raise ProblemError(f"{path} is a link to {target}, out of the folder: expected a file, to send to workers.")
        if path.is_symlink() and target.is_dir():
            raise ProblemError(f"{path} is a link to a folder: expected the folder itself, to send to workers.")
        if path.is_file():
            if path.suffix != _LEFT_OUT:
                yield path
        elif not path.is_dir():
            raise ProblemError(f"{path} is neither a file nor a folder: it cannot be sent to workers. Remove it.")


def _check_size(folder: Path, files: list[Path]) -> None:
    sizes = sorted(((path.stat().st_size, path) for path in files), reverse=True)
    total = sum(size for size, _ in sizes)
    if total > MAX_PARCEL_BYTES:
        largest = ", ".join(f"{path.relative_to(folder)} ({size >> 20} MiB)" for size, path in sizes[:_LARGEST_SHOWN])
        raise ProblemError(
            f"{folder} holds {total >> 20} MiB: expected at most {MAX_PARCEL_BYTES >> 20} MiB, to send to workers. "
            f"The largest files: {largest}. Put large data into the image of the workers and read it from there."
        )


def unpack(parcel: Parcel, cache: Path) -> Path:
    """Return the folder of a parcel below ``cache``, unpacked unless it is there already.

    Any number of processes may do this at once. Raises SandboxUnavailable for a parcel that is not what its name
    says, holds anything but files with paths inside it, or is too large, and for a cache of another user.
    """
    _make_private(cache)
    folder = cache / PurePosixPath(parcel.digest).name
    if folder.is_dir():
        return folder
    archived = _archive(parcel)
    scratch = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=cache))
    try:
        _extract(archived, scratch)
        try:
            scratch.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process was faster; its files are the same
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _make_private(cache: Path) -> None:
    """Make a folder that this user alone may write to. Raises SandboxUnavailable if somebody else's is there."""
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = cache.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise SandboxUnavailable(
            f"{cache}: expected a folder of this user's that nobody else may write to, as judges are kept there."
        )


def _archive(parcel: Parcel) -> bytes:
    try:
        with zstandard.ZstdDecompressor().stream_reader(parcel.data) as reader:
            archived = reader.read(2 * MAX_PARCEL_BYTES + 1)  # headers of many small files come on top
    except zstandard.ZstdError as error:
        raise SandboxUnavailable(f"Parcel {parcel.digest:.12} cannot be unpacked: {error}") from error
    if len(archived) > 2 * MAX_PARCEL_BYTES:
        raise SandboxUnavailable(f"Parcel {parcel.digest:.12} is larger than {MAX_PARCEL_BYTES >> 20} MiB.")
    found = hashlib.sha256(archived).hexdigest()
    if found != parcel.digest:
        raise SandboxUnavailable(f"Parcel {parcel.digest:.12} arrived with other content ({found:.12}).")
    return archived


def _extract(archived: bytes, folder: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(archived)) as archive:
        for member in archive:
            parts = PurePosixPath(member.name).parts
            data = archive.extractfile(member) if member.isreg() else None
            if data is None or not parts or parts[0] == "/" or ".." in parts:
                raise SandboxUnavailable(f"A parcel holds {member.name!r}: expected files inside its folder only.")
            path = folder.joinpath(*parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.read())
            path.chmod(_EXECUTABLE if member.mode & stat.S_IXUSR else _PLAIN)
