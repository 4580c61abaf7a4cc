"""Watches what the host does with the files that both can see.

Expected: as seed
"""

door("inotify_init1", (294, 26), 0)
door("inotify_init", (253, None))
door("inotify_add_watch", (254, 27), 0, ctypes.c_char_p(b"/usr/bin"), 0x21)
door("fanotify_init", (300, 262), 0, 0)
