"""Becomes another user, or takes back capabilities.

Expected: as seed
"""

attempt("setuid", os.setuid, 0)
attempt("setgid", os.setgid, 0)
attempt("seteuid", os.seteuid, 0)
attempt("setresuid", os.setresuid, 0, 0, 0)
stranger = 65534 if os.getuid() != 65534 else 65533
attempt("setresuid to another user", os.setresuid, stranger, stranger, stranger)
attempt("setgroups", os.setgroups, [0])
header, data = struct.pack("<II", 0x20080522, 0), struct.pack("<6I", *[0xFFFFFFFF, 0xFFFFFFFF, 0] * 2)
attempt("capset", syscall, (126, 91), header, data)
attempt("raise an ambient capability", syscall, (157, 167), 47, 2, 21, 0, 0)
for name in ("uid_map", "gid_map", "setgroups"):
    attempt(f"write {name}", lambda: os.write(os.open(f"/proc/self/{name}", os.O_WRONLY), b"0 0 1"))
for row in contents("/proc/self/status").splitlines():
    if row.startswith(("CapEff", "CapPrm", "CapInh", "CapAmb")):
        value = row.split()[1]
        held(row.split(":")[0], value) if int(value, 16) == 0 else breach(row.split(":")[0], value)
groups = [group for group in os.getgroups() if group == 0]
breach("is in root's group") if groups or os.getgid() == 0 else held("root's group")
