"""The system calls of a worker container: what its list says, and what a container with it can do."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

import pytest

from evolve.paths import bundled
from tests.engine import Engine

PROFILE = bundled("infra") / "seccomp.json"
# What the supervisor and the host of the candidate need, beyond what every program does.
NEEDED = """
capget capset close_range connect kill landlock_add_rule landlock_create_ruleset landlock_restrict_self memfd_create
prctl prlimit64 recvmsg sched_setaffinity seccomp sendmsg setgroups setresgid setresuid setsid
"""
REFUSED = """
acct add_key adjtimex bpf chroot clock_adjtime clock_settime delete_module fanotify_init finit_module fsconfig fsmount
fsopen fspick get_mempolicy init_module io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit
io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl lookup_dcookie
mbind memfd_secret migrate_pages modify_ldt mount mount_setattr move_mount move_pages mq_getsetattr mq_notify mq_open
mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd name_to_handle_at nfsservctl open_by_handle_at
open_tree perf_event_open pidfd_getfd pivot_root process_madvise process_mrelease process_vm_readv process_vm_writev
ptrace quotactl quotactl_fd reboot remap_file_pages request_key semctl semget semop semtimedop set_mempolicy
setdomainname sethostname setns settimeofday shmat shmctl shmdt shmget swapoff swapon sysfs syslog umount2 unshare
userfaultfd uselib ustat vhangup
"""

HONEST = """
import multiprocessing, os, socket, subprocess, tempfile, threading
import numpy

def work(queue):
    queue.send(float(numpy.linalg.svd(numpy.eye(64))[1].sum()))

here, there = multiprocessing.Pipe()
child = multiprocessing.Process(target=work, args=(there,))
child.start()
assert here.recv() == 64.0
child.join()
numbers = []
matrix = numpy.ones((200, 200))
threads = [threading.Thread(target=lambda: numbers.append(matrix @ matrix)) for _ in range(4)]
[thread.start() for thread in threads] and [thread.join() for thread in threads]
assert len(numbers) == 4
assert subprocess.check_output(["sh", "-c", "echo $((6 * 7)) | cat"]) == b"42\\n"
left, right = socket.socketpair()
socket.send_fds(left, [b"x"], [os.memfd_create("m")])
assert socket.recv_fds(right, 1, 1)[0] == b"x"
server = socket.socket(socket.AF_UNIX)
server.bind("\\0name")
server.listen()
socket.socket(socket.AF_UNIX).connect("\\0name")
os.sched_setaffinity(0, os.sched_getaffinity(0))
with tempfile.NamedTemporaryFile() as file:
    os.posix_fallocate(file.fileno(), 0, 4096)
os.mkfifo("/tmp/fifo")
assert os.posix_spawn("/bin/true", ["true"], {}) > 0
print("fine")
"""

# Arguments with which a kernel that allows the call answers anything but EPERM, and does nothing.
# The container that runs this may do all of them, so that a refusal is the filter's.
CAPABILITIES = ("DAC_READ_SEARCH", "SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_PACCT", "SYS_PTRACE")
ATTEMPTS = {
    "acct": (163, 1),
    "add_key": (248, 0, 0, 0, 0, 0),
    "bpf": (321, 99, 0, 0),
    "chroot": (161, 1),
    "clone of a user namespace": (56, 0x10000000 | 0x00000200, 0, 0, 0, 0),
    "finit_module": (313, -1, 0, 0),
    "fsopen": (430, 1, 0),
    "init_module": (175, 0, 0, 0),
    "io_setup": (206, 0, 0),
    "io_uring_setup": (425, 0, 0),
    "kcmp": (312, -1, -1, 99, 0, 0),
    "kexec_load": (246, 0, 99, 0, -1),
    "keyctl": (250, 99999),
    "mbind": (237, 1, 0, 99, 0, 0, 0),
    "mount": (165, 1, 1, 1, 0, 0),
    "mq_open": (240, 1, 0),
    "msgget": (68, 1, 0),
    "name_to_handle_at": (303, -1, 1, 0, 0, 0),
    "open_by_handle_at": (304, -1, 0, 0),
    "perf_event_open": (298, 0, 0, -1, -1, 0),
    "personality without random addresses": (135, 0x0040000),
    "pidfd_getfd": (438, -1, 0, 0),
    "pivot_root": (155, 1, 1),
    "process_vm_readv": (310, -1, 0, 0, 0, 0, 0),
    "ptrace": (101, 99, 0, 0, 0),
    "quotactl": (179, -1, 0, 0, 0),
    "reboot": (169, 0, 0, 0, 0),
    "request_key": (249, 0, 0, 0, 0),
    "semget": (64, 1, 0, 0),
    "setns": (308, -1, 0),
    "shmget": (29, 1, 0, 0),
    "socket of the internet": (41, 2, 1, 0),
    "socket of the virtual machine's host": (41, 40, 1, 0),
    "socket of the kernel": (41, 16, 3, 0),
    "socket of the kernel's ciphers": (41, 38, 5, 0),
    "swapon": (167, 0, 0),
    "umount2": (166, 1, 0),
    "unshare": (272, 0),
    "userfaultfd": (323, -1),
}
PROBE = """
import ctypes, json, sys
libc = ctypes.CDLL(None, use_errno=True)
answers = {}
for name, (number, *arguments) in json.loads(sys.argv[1]).items():
    ctypes.set_errno(0)
    answers[name] = ctypes.get_errno() if libc.syscall(number, *map(ctypes.c_long, arguments)) == -1 else 0
print(json.dumps(answers))
"""
EPERM, ENOSYS = 1, 38


def profile() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(PROFILE.read_text())
    return loaded


def allowed_always() -> list[str]:
    (rule,) = [rule for rule in profile()["syscalls"] if "args" not in rule and rule["action"] == "SCMP_ACT_ALLOW"]
    names: list[str] = rule["names"]
    return names


def test_it_is_a_list_of_permissions_for_both_architectures_and_no_32_bit_programs() -> None:
    loaded = profile()
    assert loaded["defaultAction"] == "SCMP_ACT_ERRNO"
    assert {(entry["architecture"], *entry["subArchitectures"]) for entry in loaded["archMap"]} == {
        ("SCMP_ARCH_X86_64",),
        ("SCMP_ARCH_AARCH64",),
    }
    assert allowed_always() == sorted(set(allowed_always()))


def test_what_the_guest_needs_is_on_it_and_what_is_refused_is_not() -> None:
    mentioned = {name for rule in profile()["syscalls"] for name in rule["names"]}
    assert not set(NEEDED.split()) - set(allowed_always())
    assert not set(REFUSED.split()) & mentioned
    assert mentioned - set(allowed_always()) == {"clone", "clone3", "personality", "socket", "socketpair"}


def run(engine: Engine, options: list[str], *command: str, capabilities: tuple[str, ...] = ()) -> str:
    printed: bytes = engine.client.containers.run(
        engine.images().build(None, lambda _: None),
        ["python3", "-c", *command],
        network_mode="none",
        read_only=True,
        tmpfs={"/tmp": "size=8m"},
        cap_drop=["ALL"],
        cap_add=list(capabilities),
        security_opt=options,
        remove=True,
    )
    return printed.decode()


def with_profile(path: Path = PROFILE) -> list[str]:
    return [f"seccomp={path.read_text()}", "no-new-privileges"]


def test_programs_work_under_it(engine: Engine) -> None:
    assert run(engine, with_profile(), HONEST) == "fine\n"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of the calls are those of x86_64")
def test_what_is_refused_is_refused_even_to_a_container_with_the_capability(engine: Engine) -> None:
    refused = json.loads(run(engine, with_profile(), PROBE, json.dumps(ATTEMPTS), capabilities=CAPABILITIES))
    assert {name for name, error in refused.items() if error != EPERM} == set()
    unfiltered = json.loads(run(engine, ["seccomp=unconfined"], PROBE, json.dumps(ATTEMPTS), capabilities=CAPABILITIES))
    assert {name for name, error in unfiltered.items() if error == EPERM} == set()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of the calls are those of x86_64")
def test_libraries_fall_back_from_clone3(engine: Engine) -> None:
    assert json.loads(run(engine, with_profile(), PROBE, json.dumps({"clone3": (435, 0, 0)}))) == {"clone3": ENOSYS}
