"""Removes, moves or replaces the folder it was given.

Expected: as seed, crashed
Variants: removed, renamed, replaced by a link, replaced by a file, made unreadable
"""

import shutil

scratch = os.environ.get("TMPDIR", os.getcwd())
did(f"change {scratch}: {VARIANT}")
try:
    os.chdir("/")
    if VARIANT == "made unreadable":
        os.chmod(scratch, 0)
    elif VARIANT == "renamed":
        os.rename(scratch, f"{os.path.dirname(scratch)}/{TOKEN}")
    else:
        shutil.rmtree(scratch)
        if VARIANT == "replaced by a link":
            os.symlink("/etc", scratch)
        elif VARIANT == "replaced by a file":
            open(scratch, "w").close()
except OSError as error:
    held(VARIANT, errno.errorcode[error.errno])
