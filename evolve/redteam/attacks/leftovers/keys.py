"""Keys in the kernel's keyrings, which belong to the user and not to the process.

Expected: as seed
"""

for ring in (-1, -2, -3, -4, -5):
    door(
        f"add a key to ring {ring}",
        (248, 217),
        ctypes.c_char_p(b"user"),
        ctypes.c_char_p(TOKEN.encode()),
        ctypes.c_char_p(b"x"),
        1,
        ring,
    )
    door(f"look at ring {ring}", (250, 219), 6, ring, None, 0)
rows = contents("/proc/keys").splitlines()
breach("keys in sight", rows[:1]) if any(TOKEN in row for row in rows) else held("its keys in /proc/keys", "none")
