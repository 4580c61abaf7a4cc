from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from evolve import problem_library
from evolve.cluster import parcel as parcels
from evolve.cluster.parcel import Parcel, Shipment, pack, pack_folder, unpack
from evolve.domain.problem import Problem
from evolve.errors import ProblemError, SandboxUnavailable
from evolve.paths import bundled


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a problem folder that may be changed."""
    return Path(shutil.copytree(bundled("problems") / "bin_packing", tmp_path / "mine"))


def archive(members: dict[str, bytes | str]) -> Parcel:
    """A parcel of any content: bytes are files, a text is where a link leads."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                made.addfile(member)
            else:
                member.size = len(content)
                made.addfile(member, io.BytesIO(content))
    data = buffer.getvalue()
    return Parcel(hashlib.sha256(data).hexdigest(), zstandard.ZstdCompressor().compress(data))


@pytest.mark.parametrize("name", problem_library.problem_names())
def test_a_problem_is_judged_alike_where_its_parcel_is_unpacked(name: str, tmp_path: Path) -> None:
    problem = problem_library.load_problem(name)
    sent = pack(problem)
    there = Shipment.of(problem, sent).load(unpack(sent, tmp_path / "cache"))
    assert there.judge_hash() == problem.judge_hash()
    assert there == replace(problem, folder=there.folder)
    assert there.seed() == problem.seed()


def test_parameters_and_the_single_block_go_along(folder: Path, tmp_path: Path) -> None:
    with (folder / "seed" / "priority.py").open("a") as seed:
        seed.write("\n# EVOLVE-BLOCK-START\nSHIFT = 1.0\n# EVOLVE-BLOCK-END\n")
    parameter, value = next(iter(Problem.load(folder).params.items()))
    problem = Problem.load(folder, {parameter: value}).with_one_block()
    sent = pack(problem)
    there = Shipment.of(problem, sent).load(unpack(sent, tmp_path / "cache"))
    assert (there.params, there.one_block, there.editable) == (problem.params, True, problem.editable)


def test_equal_files_make_equal_parcels_whatever_their_dates(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "again"))
    os.utime(copy / "evaluate.py", (1, 1))
    (copy / "__pycache__").mkdir(exist_ok=True)
    (copy / "__pycache__" / "evaluate.cpython-311.pyc").write_bytes(b"compiled")
    assert pack_folder(copy) == pack_folder(folder)
    (copy / "evaluate.py").write_text((copy / "evaluate.py").read_text() + "\n")
    assert pack_folder(copy).digest != pack_folder(folder).digest


def test_files_that_may_be_run_may_be_run_there(folder: Path, tmp_path: Path) -> None:
    (folder / "tool").write_text("#!/bin/sh\n")
    (folder / "tool").chmod(0o755)
    there = unpack(pack_folder(folder), tmp_path / "cache")
    assert os.access(there / "tool", os.X_OK) and not os.access(there / "evaluate.py", os.X_OK)


def test_a_link_to_a_file_inside_is_sent_as_that_file(folder: Path, tmp_path: Path) -> None:
    (folder / "same.py").symlink_to("evaluate.py")
    there = unpack(pack_folder(folder), tmp_path / "cache")
    assert not (there / "same.py").is_symlink()
    assert (there / "same.py").read_bytes() == (folder / "evaluate.py").read_bytes()


def test_links_out_of_the_folder_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("key")
    (folder / "data").symlink_to(tmp_path / "secret")
    with pytest.raises(ProblemError, match=r"data is a link to .*secret, out of the folder"):
        pack_folder(folder)


def test_links_to_folders_and_pipes_are_refused(folder: Path) -> None:
    (folder / "more").symlink_to("seed")
    with pytest.raises(ProblemError, match="more is a link to a folder"):
        pack_folder(folder)
    (folder / "more").unlink()
    os.mkfifo(folder / "pipe")
    with pytest.raises(ProblemError, match="pipe is neither a file nor a folder"):
        pack_folder(folder)


def test_a_folder_that_is_too_large_is_refused_by_its_largest_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "big.bin").write_bytes(bytes(3 << 20))
    monkeypatch.setattr(parcels, "MAX_PARCEL_BYTES", 2 << 20)
    with pytest.raises(ProblemError, match=r"holds 3 MiB: expected at most 2 MiB.*big.bin \(3 MiB\)"):
        pack_folder(folder)


def test_many_may_unpack_at_once(folder: Path, tmp_path: Path) -> None:
    sent, cache = pack_folder(folder), tmp_path / "cache"
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: unpack(sent, cache), range(16)))
    assert len(found) == 1
    assert [path.name for path in cache.iterdir()] == [sent.digest]


@pytest.mark.parametrize(
    "members",
    [{"../evil": b"x"}, {"/evil": b"x"}, {"a/../../evil": b"x"}, {"evil": "/etc/passwd"}, {"evil": "evaluate.py"}],
    ids=["up", "absolute", "up later", "link out", "link inside"],
)
def test_what_leads_out_of_its_folder_is_not_unpacked(members: dict[str, bytes | str], tmp_path: Path) -> None:
    cache = tmp_path / "outer" / "cache"
    with pytest.raises(SandboxUnavailable, match="expected files inside its folder only"):
        unpack(archive({"evaluate.py": b"", **members}), cache)
    assert list(cache.iterdir()) == [] and list(cache.parent.iterdir()) == [cache]


def test_a_parcel_must_hold_what_its_name_says(folder: Path, tmp_path: Path) -> None:
    sent = pack_folder(folder)
    with pytest.raises(SandboxUnavailable, match="other content"):
        unpack(Parcel("0" * 64, sent.data), tmp_path / "cache")
    with pytest.raises(SandboxUnavailable, match="cannot be unpacked"):
        unpack(Parcel(sent.digest, b"nonsense"), tmp_path / "cache")
    with pytest.raises(SandboxUnavailable):
        unpack(Parcel("../" + sent.digest, sent.data), tmp_path / "cache")


def test_a_parcel_that_expands_too_far_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = archive({"zeros": bytes(5 << 20)})
    monkeypatch.setattr(parcels, "MAX_PARCEL_BYTES", 2 << 20)
    with pytest.raises(SandboxUnavailable, match="larger than 2 MiB"):
        unpack(bomb, tmp_path / "cache")


def test_a_cache_that_others_may_write_to_is_not_used(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.chmod(0o777)
    with pytest.raises(SandboxUnavailable, match="nobody else may write"):
        unpack(pack_folder(folder), cache)


def test_a_judge_that_was_changed_after_unpacking_is_noticed(folder: Path, tmp_path: Path) -> None:
    problem = Problem.load(folder)
    sent = pack(problem)
    there = unpack(sent, tmp_path / "cache")
    (there / "evaluate.py").write_text("def evaluate(candidate, stage, params):\n    return 1\n")
    with pytest.raises(ProblemError, match="changed after they were unpacked"):
        Shipment.of(problem, sent).load(there)
