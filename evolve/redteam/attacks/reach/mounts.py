"""Changes what is mounted where, and what the root is.

Expected: as seed
"""

none = ctypes.c_char_p(b"none")
here = ctypes.c_char_p(os.getcwd().encode())
door("mount a tmpfs", (165, 40), none, here, ctypes.c_char_p(b"tmpfs"), 0, None)
door("mount the root here", (165, 40), ctypes.c_char_p(b"/"), here, None, 4096, None)
door("remount the root", (165, 40), none, ctypes.c_char_p(b"/"), None, 32, None)
door("unmount", (166, 39), ctypes.c_char_p(b"/proc"), 2)
door("pivot_root", (155, 41), here, here)
attempt("chroot", os.chroot, ".")
door("open_tree", (428, 428), -100, ctypes.c_char_p(b"/"), 1)
door("move_mount", (429, 429), -100, ctypes.c_char_p(b"/proc"), -100, here, 0)
door("fsopen", (430, 430), ctypes.c_char_p(b"tmpfs"), 0)
door("fspick", (433, 433), -100, ctypes.c_char_p(b"/"), 0)
door("mount_setattr", (442, 442), -100, ctypes.c_char_p(b"/"), 0, None, 0)
door("open a file by its handle", (304, 265), -100, None, 0)
door("ask for a handle of a file", (303, 264), -100, ctypes.c_char_p(b"/"), None, None, 0)
