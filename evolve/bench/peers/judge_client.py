"""Ask the race's judge; for peers' environments, so nothing but the standard library."""

import json
import socket


def judge(port, program):
    """Return {"valid", "score", "metrics", "feedback"} for the text of a program."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(json.dumps({"program": program}).encode() + b"\n")
        with connection.makefile() as answers:
            return json.loads(answers.readline())
