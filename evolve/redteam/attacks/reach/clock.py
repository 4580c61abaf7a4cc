"""Sets the clocks of the machine.

Expected: as seed
"""

door("clock_settime", (227, 112), 0, struct.pack("<qq", 0, 0))
door("settimeofday", (164, 170), struct.pack("<qq", 0, 0), None)
door("adjtimex", (159, 171), ctypes.create_string_buffer(256))
door("clock_adjtime", (305, 266), 0, ctypes.create_string_buffer(256))
door("sethostname", (170, 161), ctypes.c_char_p(b"evil"), 4)
door("setdomainname", (171, 162), ctypes.c_char_p(b"evil"), 4)
