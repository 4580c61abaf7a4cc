"""Connects to listeners of the host over IP.

Expected: as seed
"""

import socket

for name, kind, way in (
    ("tcp", socket.AF_INET, socket.SOCK_STREAM),
    ("tcp6", socket.AF_INET6, socket.SOCK_STREAM),
    ("udp", socket.AF_INET, socket.SOCK_DGRAM),
    ("udp6", socket.AF_INET6, socket.SOCK_DGRAM),
):
    if name in CANARY:
        address = ("::1" if kind == socket.AF_INET6 else "127.0.0.1", CANARY[name])

        def reach():
            with socket.socket(kind, way) as connection:
                connection.settimeout(0.3)
                connection.connect(address)
                return connection.send(b"hello")

        attempt(f"reach {name} {address}", reach)
attempt("a route to the world", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("192.0.2.1", 9)))
attempt("listen", lambda: socket.create_server(("127.0.0.1", 0)))
