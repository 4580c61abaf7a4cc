"""Links that lead out of its folder, to be followed by whoever tidies up.

Expected: as seed
"""


def read(path):
    with open(path, "rb") as file:
        return file.read(10)


targets = [*CANARY["files"], *CANARY["folders"], "/etc/shadow", "/proc/1/root", CANARY["problem"]]
for number, target in enumerate(targets):
    link = f"{TOKEN}-link-{number}"
    os.symlink(target, link)
    attempt(f"read {target} through a link", read, link)
    attempt(f"list {target} through a link", os.listdir, link)
    attempt(f"write in {target} through a link", os.open, f"{link}/{TOKEN}", os.O_WRONLY | os.O_CREAT)
    attempt(f"change the mode of {target} through a link", os.chmod, link, 0o777)
    attempt(f"own {target} through a link", os.chown, link, os.getuid(), -1)
    attempt(f"a second name for {target}", os.link, target, f"{TOKEN}-name-{number}")
attempt("a second name for a file of the library", os.link, os.__file__, f"{TOKEN}-library")
attempt("a second name for a set-uid program", os.link, "/usr/bin/su", f"{TOKEN}-su")
os.mkdir(f"{TOKEN}-folder")
for name, target in (("..", ".."), ("root", "/"), ("self", "."), ("loop", "loop")):
    try:
        os.symlink(target, f"{TOKEN}-folder/to-{name}")
    except OSError as error:
        held(f"link to {target}", errno.errorcode[error.errno])
os.chmod(f"{TOKEN}-folder", 0)
