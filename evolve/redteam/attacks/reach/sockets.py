"""Makes sockets of every family, and connects to sockets of the host by name.

Expected: as seed
"""

import socket

for name, family in (
    ("unix", 1),
    ("inet", 2),
    ("inet6", 10),
    ("netlink", 16),
    ("packet", 17),
    ("alg", 38),
    ("bluetooth", 31),
    ("can", 29),
    ("vsock", 40),
    ("xdp", 44),
    ("tipc", 30),
    ("rds", 21),
):
    # Only numbers are known of most; some machines lack the family, which is as good.
    attempt(f"socket {name}", syscall, (41, 198), family, 3 if name in ("packet", "netlink") else 2, 0)


def connect(address):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(0.3)
        connection.connect(address)
        return "connected"


attempt("the host's abstract socket", connect, "\0" + CANARY["abstract"])
attempt("the host's socket in a folder", connect, CANARY["unix"])
for uid in range(20000, 20004):
    attempt(f"the name of slot {uid}", connect, f"\0evolve-candidate-{uid}")
for path in (
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/dbus/system_bus_socket",
    "/run/systemd/private",
    "/ctl/z.sock",
    os.environ.get("SSH_AUTH_SOCK", "/nowhere"),
):
    attempt(f"connect to {path}", connect, path)
