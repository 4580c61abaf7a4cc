"""Fills every folder that can be written to.

Expected: as seed, crashed, timed_out
Variants: one file, many files, empty files, folders, links, sparse file
"""

most_bytes = 4 * (max(LIMITS["scratch_mb"], LIMITS["output_mb"]) << 20) + (64 << 20)
most_files = 8 * (64 * LIMITS["scratch_mb"] + 1024)
piece = bytes(1 << 20)
did("fill: " + VARIANT)
for folder in writable_folders():
    size = made = 0
    try:
        while size < most_bytes and made < most_files:
            path = f"{folder}/{TOKEN}-{made}"
            if VARIANT == "one file":
                with open(f"{folder}/{TOKEN}", "ab") as file:
                    size += file.write(piece)
            elif VARIANT == "many files":
                with open(path, "wb") as file:
                    size += file.write(piece)
            elif VARIANT == "sparse file":
                with open(path, "wb") as file:
                    file.truncate(1 << 40)
                size += 1 << 40
            elif VARIANT == "empty files":
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
            elif VARIANT == "folders":
                os.mkdir(path)
            else:
                os.symlink("/" + "x" * 200, path)
            made += 1
        breach(f"fill {folder}", f"{size >> 20} MB in {made} files")
    except OSError as error:
        held(f"fill {folder}: {size >> 20} MB, {made} files", errno.errorcode[error.errno])
