"""The system calls a candidate may not make, as a seccomp filter.

A list of refusals, not of permissions: candidates are any program in any language, and namespaces,
user ids and Landlock stand behind it. Refused are the network, other processes' memory, kernel
interfaces with a history of escapes, memory that outlives or evades the limits (System V and POSIX
IPC, memfd), and everything that mounts or changes namespaces.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

from evaluators.linux import Kernel, Unsupported

_SET_SECCOMP, _MODE_FILTER = 22, 2
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_OFFSET_NUMBER, _OFFSET_ARCHITECTURE, _OFFSET_FIRST_ARGUMENT = 0, 4, 16
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_X32_BIT = 0x40000000
_NEW_NAMESPACES = 0x7E020000

_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# name: (x86_64, aarch64); None where the architecture has no such call
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "kcmp": (312, 272),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    # The system's files are the host's own: watching them tells which programs the host runs.
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "inotify_add_watch": (254, 27),
    "quotactl": (179, 60),
    "personality": (135, 92),
    "modify_ldt": (154, None),
    "iopl": (172, None),
    "ioperm": (173, None),
    "vhangup": (153, 58),
    "acct": (163, 89),
    "syslog": (103, 116),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
}
# Harmless for the caller itself (first argument 0), a weapon against the supervisor.
_OWN_PROCESS_ONLY: dict[str, tuple[int, int]] = {
    "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
}
_OF_SOCKETS = {"connect", "bind", "listen", "accept", "accept4"}
_FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6; all others lead to kernel interfaces that nobody here needs
_CLONE = (56, 220)
_CLONE3 = 435

_Instruction = tuple[int, int, int, int]


def install(kernel: Kernel, *, sockets: bool = False) -> None:
    """Restrict this process and its descendants for good. Needs ``forbid_new_privileges`` before.

    With ``sockets`` those of the internet and of this machine are allowed, wherever they lead.

    Raises OSError, or Unsupported on an architecture whose calls are not listed.
    """
    code = b"".join(struct.pack("<HBBI", *instruction) for instruction in _program(platform.machine(), sockets))
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
    kernel.prctl(_SET_SECCOMP, _MODE_FILTER, ctypes.create_string_buffer(program, len(program)))


def _program(machine: str, sockets: bool = False) -> list[_Instruction]:
    if machine not in _ARCHITECTURE:
        raise Unsupported(f"no list of system calls for {machine}")
    column = list(_ARCHITECTURE).index(machine)
    program = _prologue(_ARCHITECTURE[machine])
    for name, numbers in _REFUSED.items():
        number = numbers[column]
        if number is None or (sockets and name in _OF_SOCKETS):
            continue
        if sockets and name == "socket":
            program += _allow_first_arguments(number, _FAMILIES)
        else:
            program += _refuse(number, errno.EPERM)
    # Its flags lie in memory, out of the filter's sight; C libraries then use clone instead.
    program += _refuse(_CLONE3, errno.ENOSYS)
    for pair in _OWN_PROCESS_ONLY.values():
        program += _allow_first_argument_zero(pair[column])
    program += _refuse_first_argument_bits(_CLONE[column], _NEW_NAMESPACES)
    return [*program, (_RETURN, 0, 0, _ALLOW)]


def _prologue(architecture: int) -> list[_Instruction]:
    return [
        (_LOAD, 0, 0, _OFFSET_ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _OFFSET_NUMBER),
        (_AT_LEAST, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, _KILL),
    ]


def _refuse(number: int, error: int) -> list[_Instruction]:
    return [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | error)]


def _allow_first_argument_zero(number: int) -> list[_Instruction]:
    return [
        (_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, _OFFSET_FIRST_ARGUMENT),
        (_EQUAL, 0, 1, 0),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO | errno.EPERM),
    ]


def _allow_first_arguments(number: int, allowed: tuple[int, ...]) -> list[_Instruction]:
    return [
        (_EQUAL, 0, len(allowed) + 3, number),
        (_LOAD, 0, 0, _OFFSET_FIRST_ARGUMENT),
        *[(_EQUAL, len(allowed) - index, 0, value) for index, value in enumerate(allowed)],
        (_RETURN, 0, 0, _ERRNO | errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _refuse_first_argument_bits(number: int, bits: int) -> list[_Instruction]:
    return [
        (_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, _OFFSET_FIRST_ARGUMENT),
        (_ANY_BIT, 0, 1, bits),
        (_RETURN, 0, 0, _ERRNO | errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
