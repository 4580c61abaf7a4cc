"""Makes device files and opens the machine's own.

Expected: as seed
"""

import stat

for name, kind, major, minor in (
    ("memory", stat.S_IFCHR, 1, 1),
    ("kernel log", stat.S_IFCHR, 1, 11),
    ("disk", stat.S_IFBLK, 8, 0),
    ("fuse", stat.S_IFCHR, 10, 229),
    ("console", stat.S_IFCHR, 5, 1),
    ("loop", stat.S_IFBLK, 7, 0),
):
    attempt(f"make a device: {name}", os.mknod, f"{TOKEN}-{minor}", kind | 0o666, os.makedev(major, minor))
for name in (
    "mem",
    "kmem",
    "port",
    "kmsg",
    "sda",
    "vda",
    "nvme0n1",
    "kvm",
    "fuse",
    "net/tun",
    "tty0",
    "console",
    "ptmx",
    "loop-control",
    "mapper/control",
    "vhost-net",
    "uinput",
    "input/event0",
    "dri/card0",
    "nvidia0",
    "nvidiactl",
    "snapshot",
    "cpu/0/msr",
    "rtc0",
    "hpet",
    "watchdog",
    "vsock",
    "userfaultfd",
    "mqueue",
):
    attempt(f"open /dev/{name}", os.open, f"/dev/{name}", os.O_RDONLY | os.O_NONBLOCK)
