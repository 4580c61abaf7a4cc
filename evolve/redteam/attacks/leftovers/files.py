"""Leaves files of every kind in every folder it can write to.

Expected: as seed
Variants: plain, unremovable, odd names, deep, pipes and sockets, many, hidden in the program's folder
"""

import stat

did("leave files: " + VARIANT)


def try_to(action, *arguments, **names):
    try:
        action(*arguments, **names)
    except (OSError, ValueError) as error:
        held(f"{action.__name__} in {folder}", type(error).__name__)


for folder in writable_folders():
    if VARIANT == "plain":
        for name in (TOKEN, f".{TOKEN}", f"{TOKEN}.pth", f"{TOKEN}.so"):
            open(f"{folder}/{name}", "w").write("x")
    elif VARIANT == "unremovable":
        path = f"{folder}/{TOKEN}-folder"
        try_to(os.makedirs, f"{path}/inside/deeper")
        open(f"{path}/inside/file", "w").close()
        open(f"{folder}/{TOKEN}-mapped", "w").close()
        try_to(os.setxattr, path, "user.evil", b"x" * 1000)
        for name in (f"{path}/inside/deeper", f"{path}/inside", path):
            try_to(os.chmod, name, 0)
        try_to(os.chmod, f"{folder}/{TOKEN}-mapped", 0)
    elif VARIANT == "odd names":
        for name in (b"\xff\xfe", b"new\nline", b"-rf", b"*", b"x" * 200, b" ", b"\\", b"\x1b[2J", "\u202e".encode()):
            try_to(os.mkdir, os.fsencode(f"{folder}/{TOKEN}") + name)
    elif VARIANT == "deep":
        here = os.open(".", os.O_RDONLY)
        os.chdir(folder)
        for _ in range(600):
            try:
                os.mkdir(TOKEN + "d" * 50)
                os.chdir(TOKEN + "d" * 50)
            except OSError as error:
                held("deeper folders", errno.errorcode[error.errno])
                break
        os.fchdir(here)
    elif VARIANT == "pipes and sockets":
        try_to(os.mkfifo, f"{folder}/{TOKEN}-pipe")
        try_to(os.mknod, f"{folder}/{TOKEN}-socket", stat.S_IFSOCK | 0o666)
        try_to(os.mknod, f"{folder}/{TOKEN}-null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    elif VARIANT == "many":
        for number in range(900):
            try_to(
                os.link if number else lambda a, b: open(b, "w").close(),
                f"{folder}/{TOKEN}-0",
                f"{folder}/{TOKEN}-{number}",
            )
    else:
        for name in ("__pycache__", ".git", ".removed-1-0", ".streams", "..."):
            try_to(os.makedirs, f"{folder}/{name}/{TOKEN}", exist_ok=True)
