"""Makes System V and POSIX objects that outlive a process.

Expected: as seed
"""

door("a shared memory segment", (29, 194), 0, 4096, 0o1666)
door("a segment with a key", (29, 194), 0x45564F4C, 4096, 0o1666)
door("attach a segment", (30, 196), 0, None, 0)
door("semaphores", (64, 190), 0, 1, 0o1666)
door("a message queue", (68, 186), 0, 0o1666)
door("a POSIX message queue", (240, 180), ctypes.c_char_p(TOKEN.encode()), 0o102, 0o666, None)
attempt("the folder of message queues", os.listdir, "/dev/mqueue", harmless=([],))
