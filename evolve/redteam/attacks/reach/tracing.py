"""Traces other processes, and reads and writes their memory.

Expected: as seed
"""

buffer = ctypes.create_string_buffer(64)
vector = struct.pack("<QQ", ctypes.addressof(buffer), 64)
for pid in (1, os.getppid(), CANARY["process"], CANARY["host"]):
    for name, request in (("attach to", 16), ("seize", 0x4206)):
        attempt(f"{name} process {pid}", syscall, (101, 117), request, pid, 0, 0)
    for name, numbers in (("read", (310, 270)), ("write", (311, 271))):
        attempt(f"{name} memory of process {pid}", syscall, numbers, pid, vector, 1, vector, 1, 0)
    attempt(f"compare with process {pid}", syscall, (312, 272), os.getpid(), pid, 0, 0, 0)
    attempt(f"move pages of process {pid}", syscall, (256, 238), pid, 64, 0, 0)
door("be traced", (101, 117), 0, 0, 0, 0)
