"""Opens files, pipes and sockets until no more are allowed.

Expected: as seed, crashed
Variants: files, pipes, large pipes, duplicates
"""

import fcntl

kept = []
try:
    while len(kept) < 5000:
        if VARIANT == "files":
            kept.append(os.open("/dev/null", os.O_RDONLY))
        elif VARIANT == "duplicates":
            kept.append(os.dup(0))
        else:
            kept += os.pipe()
            if VARIANT == "large pipes":
                fcntl.fcntl(kept[-1], 1031, 1 << 20)
                os.set_blocking(kept[-1], False)
                os.write(kept[-1], bytes(1 << 20))
    breach("open descriptors", len(kept))
except OSError as error:
    held(f"descriptor {len(kept)}", errno.errorcode[error.errno])
for descriptor in kept[-20:]:
    os.close(descriptor)
