"""A file system of the candidate's own: programs and libraries to read, a scratch folder to write."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from evaluators.linux import Kernel, Mount

_SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
    "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime",
)  # fmt: skip
HARMLESS_DEVICES = ("null", "zero", "full", "random", "urandom")
_GPU_DEVICES = ("nvidia", "kfd", "dri", "dxg")
# What drivers read of the machine. Not /sys/fs and /sys/kernel, of which a user may own parts.
_GPU_KNOWLEDGE = ("/sys/devices", "/sys/bus", "/sys/class", "/sys/module")
_OLD = "/.old"
_SHARED_MEMORY_MB = 16
_FILES_PER_MB = 64
_SEALED = Mount.NO_SETUID | Mount.NO_DEVICES


def readable_paths(libraries: Iterable[str]) -> list[str]:
    """Return what a candidate may read: the system's programs, this interpreter, its libraries."""
    found: list[str] = []
    for path in (*_SYSTEM, sys.base_prefix, sys.prefix, *libraries):
        inside = any(path == other or path.startswith(other + "/") for other in found)
        if not inside and os.path.lexists(path):
            found.append(path)
    return found


def gpu_knowledge() -> list[str]:
    """Return what a program with a GPU may read beside ``readable_paths``."""
    return [path for path in _GPU_KNOWLEDGE if os.path.isdir(path)]


def gpus() -> list[str]:
    """Return the names below /dev of the GPUs that this process sees, and of what drives them."""
    return [name for name in sorted(os.listdir("/dev")) if name.startswith(_GPU_DEVICES)]


def build(
    kernel: Kernel, readable: Iterable[str], hidden: Iterable[str], scratch_mb: int, devices: Iterable[str]
) -> None:
    """Replace the file system of this process, which has a mount namespace and is its pid 1.

    ``devices`` are names below /dev. Raises OSError.
    """
    real = {path: os.path.realpath(path) for path in readable}
    concealed = {path for name in hidden for path in (name, os.path.realpath(name))}
    kernel.mount("none", "/", flags=Mount.RECURSIVE | Mount.PRIVATE)
    kernel.mount("tmpfs", "/tmp", "tmpfs", _SEALED, "size=1m,mode=755")
    Path("/tmp" + _OLD).mkdir()
    kernel.pivot_root("/tmp", "/tmp" + _OLD)
    os.chdir("/")
    _devices(kernel, devices)
    _writable_folders(kernel, scratch_mb)
    # An interpreter may live below /tmp: the way to it has to lie in the scratch folder, closed to writing.
    ways = sorted({"/tmp/" + path.split("/")[2] for path in real if path.startswith("/tmp/")})
    for way in ways:
        Path(way).mkdir(mode=0o755)
        kernel.mount("tmpfs", way, "tmpfs", _SEALED, "size=1m,mode=755")
    for path, source in real.items():
        _show(kernel, path, source)
    for way in ways:
        kernel.make_read_only(way)
    _processes(kernel)
    for path in sorted(concealed):
        if not any(shown == path or shown.startswith(path.rstrip("/") + "/") for shown in real):
            _conceal(kernel, path)
    kernel.detach(_OLD)
    Path(_OLD).rmdir()
    kernel.mount("none", "/", flags=Mount(32) | Mount.BIND | Mount.READ_ONLY | _SEALED)


def _show(kernel: Kernel, path: str, source: str) -> None:
    """Make a host path readable at the same place; a link is made again as a link."""
    target = Path(path)
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    old = Path(_OLD + path)
    if old.is_symlink() and target.parent == Path("/"):
        target.symlink_to(old.readlink())
        return
    if Path(_OLD + source).is_dir():
        target.mkdir(mode=0o755, exist_ok=True)
    else:
        target.touch()
    kernel.mount(_OLD + source, path, flags=Mount.BIND | Mount.RECURSIVE)
    kernel.make_read_only(path)


def _devices(kernel: Kernel, names: Iterable[str]) -> None:
    Path("/dev").mkdir(mode=0o755)
    for name in names:
        if Path(f"{_OLD}/dev/{name}").is_dir():
            Path("/dev", name).mkdir()
        else:
            Path("/dev", name).touch()
        kernel.mount(f"{_OLD}/dev/{name}", f"/dev/{name}", flags=Mount.BIND | Mount.RECURSIVE)
    Path("/dev/fd").symlink_to("/proc/self/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        Path("/dev", name).symlink_to(f"/proc/self/fd/{number}")


def _writable_folders(kernel: Kernel, scratch_mb: int) -> None:
    for path, size_mb in (("/tmp", scratch_mb), ("/dev/shm", min(scratch_mb, _SHARED_MEMORY_MB))):
        Path(path).mkdir(mode=0o755)
        files = max(1024, _FILES_PER_MB * size_mb)
        kernel.mount("tmpfs", path, "tmpfs", _SEALED, f"size={size_mb}m,nr_inodes={files},mode=1777")


def _processes(kernel: Kernel) -> None:
    Path("/proc").mkdir(mode=0o755)
    kernel.mount("proc", "/proc", "proc", _SEALED | Mount.NO_EXECUTE)


def _conceal(kernel: Kernel, path: str) -> None:
    """Cover a folder that lies inside a readable one."""
    if Path(path).is_dir():
        kernel.mount("tmpfs", path, "tmpfs", _SEALED | Mount.READ_ONLY, "size=4k,mode=000")
