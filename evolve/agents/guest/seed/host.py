"""Runs a coding agent beside itself, in the sandbox: passes on what it asks, and reads its files at the end.

It shares user and files with the agent, so nothing that it says is believed; see evaluate.py.
"""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LARGEST_REQUEST = 2_000_000
LARGEST_FILE = 1_000_000
KEPT_OUTPUT = 40_000
MOST_OTHERS = 50
REQUESTS_A_TURN = 8
LOOK_EVERY_S = 0.01
LONGEST_WAIT_S = 7200
SET_DUMPABLE = 4

session = None


def begin(setup):
    """Write the checkout, and start the agent in it."""
    global session
    session = Session(setup)
    session.start()


def turn(answers, wait_s):
    """Hand answers over; return what was asked since, waiting a while for it, and how the agent ended, if it has."""
    return session.turn(answers, wait_s)


def collect():
    """End the agent; return what is in its checkout and what it printed."""
    return session.collect()


class Session:
    def __init__(self, setup):
        self.setup = setup
        self.root = Path.cwd()
        self.checkout = self.root / "checkout"
        self.spool = self.root / "spool"
        self.tools = self.root / "tools"
        self.output = Output()
        self.agent = None
        self.stuck = set()

    def start(self):
        ctypes.CDLL(None).prctl(SET_DUMPABLE, 0)  # the agent is the same user, and need not look into this process
        for path, text in self.setup["files"].items():
            write(self.checkout / path, text)
        for folder in (self.spool / "requests", self.spool / "answers", self.tools):
            folder.mkdir(parents=True)
        tool = self.tools / "evolve"
        write(tool, f"#!{sys.executable or shutil.which('python3')}\n" + Path("client.py").read_text())
        tool.chmod(0o700)
        prompt = self.root / "prompt.md"
        write(prompt, self.setup["task"])
        places = {"{prompt_file}": str(prompt), "{workdir}": str(self.checkout), "{prompt}": self.setup["task"]}
        command = [filled(part, places) for part in self.setup["command"]]
        try:
            self.agent = subprocess.Popen(
                command,
                cwd=self.checkout,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise RuntimeError(f"the agent {command[0]!r} cannot be started in the sandbox: {error}") from None
        threading.Thread(target=self.output.follow, args=(self.agent.stdout,), daemon=True).start()

    def environment(self):
        path = os.pathsep.join((str(self.tools), os.environ.get("PATH", "/usr/bin:/bin")))
        own = {"PATH": path, "AGENT_SPOOL": str(self.spool), "PYTHONDONTWRITEBYTECODE": "1"}
        own |= {"HOME": str(self.root), "TMPDIR": str(self.root)}
        if self.setup["model_address"]:
            address = serve_models(self)
            own |= dict.fromkeys(("OPENAI_BASE_URL", "OPENAI_API_BASE"), address) | {"OPENAI_API_KEY": "none"}
        return {**os.environ, **own, **self.setup["environment"]}

    def turn(self, answers, wait_s):
        for id, answer in answers:
            self.answer(id, answer)
        until = time.monotonic() + wait_s
        requests = []
        while not requests and self.agent.poll() is None and time.monotonic() < until:
            requests = self.asked()
            if not requests:
                time.sleep(LOOK_EVERY_S)
        return {"requests": requests, "exit_code": self.agent.poll()}

    def asked(self):
        found = []
        try:
            names = sorted(os.listdir(self.spool / "requests"))
        except OSError:
            return []
        for name in names:
            if len(found) == REQUESTS_A_TURN:
                break
            path = self.spool / "requests" / name
            if not name.endswith(".json") or name in self.stuck:
                continue
            text = read(path, LARGEST_REQUEST)
            try:
                path.unlink()
            except OSError:
                self.stuck.add(name)
            request = parsed(text)
            if request is None:
                self.answer(name[:-5], {"error": f"not a request: expected JSON of at most {LARGEST_REQUEST} bytes"})
                continue
            if request.get("kind") == "eval":
                request["files"] = self.files()[0]
            found.append([name[:-5], request])
        return found

    def answer(self, id, answer):
        place = self.spool / "answers"
        with contextlib.suppress(OSError):  # the agent removed its own mailbox
            write(place / f".{id}", json.dumps(answer))
            os.rename(place / f".{id}", place / f"{id}.json")

    def files(self):
        """Return path -> text of the program's files, None for one that is gone or no text; and the others' paths."""
        kept = {path: read(self.checkout / path, LARGEST_FILE) for path in self.setup["files"]}
        others = []
        for folder, folders, names in os.walk(self.checkout):
            folders[:] = [name for name in folders if name not in (".git", "__pycache__")]
            paths = [os.path.relpath(os.path.join(folder, name), self.checkout) for name in names]
            others += [path for path in paths if path not in kept]
            if len(others) > MOST_OTHERS:
                break
        return kept, sorted(others)[:MOST_OTHERS]

    def collect(self):
        with contextlib.suppress(OSError):
            os.killpg(self.agent.pid, signal.SIGKILL)
        exit_code = self.agent.poll()
        kept, others = self.files()
        self.output.ended.wait(0.5)
        return {"files": kept, "others": others, "output": self.output.text(), "exit_code": exit_code}


class Output:
    """The beginning and the end of what the agent prints; it may print without end."""

    def __init__(self):
        self.head, self.tail, self.skipped = b"", b"", 0
        self.ended = threading.Event()

    def follow(self, stream):
        while chunk := os.read(stream.fileno(), 1 << 16):
            room = KEPT_OUTPUT - len(self.head)
            self.head += chunk[:room]
            tail = self.tail + chunk[room:] if room > 0 else self.tail + chunk
            self.skipped += max(0, len(tail) - KEPT_OUTPUT)
            self.tail = tail[-KEPT_OUTPUT:]
        self.ended.set()

    def text(self):
        between = f"\n[... {self.skipped} bytes ...]\n".encode() if self.skipped else b""
        return (self.head + between + self.tail).decode("utf-8", "replace")


# ── a model's address, for agents that speak HTTP ─────────────────────────────────────────────
def serve_models(session):
    """Answer the chat completions of OpenAI's interface on this sandbox's own loopback; return the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.reply(200, {"object": "list", "data": [{"id": "evolve", "object": "model"}]})

        def do_POST(self):
            asked = parsed(self.rfile.read(min(int(self.headers.get("Content-Length") or 0), LARGEST_REQUEST)))
            if asked is None or not self.path.endswith("/chat/completions"):
                self.reply(404, {"error": {"message": "only POST /v1/chat/completions is served here"}})
                return
            answer = ask(
                session.spool, {"kind": "ask", "messages": asked.get("messages"), "tools": bool(asked.get("tools"))}
            )
            if "error" in answer:
                self.reply(429 if answer.get("spent") else 400, {"error": {"message": answer["error"]}})
            elif asked.get("stream"):
                self.stream(answer)
            else:
                self.reply(200, completion(answer, "message"))

        def stream(self, answer):
            lines = (json.dumps(completion(answer, "delta")), "[DONE]")
            self.raw(200, "text/event-stream", "".join(f"data: {line}\n\n" for line in lines).encode())

        def reply(self, status, content):
            self.raw(status, "application/json", json.dumps(content).encode())

        def raw(self, status, kind, content):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}/v1"


def completion(answer, key):
    usage = {"prompt_tokens": answer["prompt_tokens"], "completion_tokens": answer["completion_tokens"]}
    usage["total_tokens"] = sum(usage.values())
    choice = {
        "index": 0,
        key: {"role": "assistant", "content": answer["text"]},
        "finish_reason": answer["finish_reason"],
    }
    kind = "chat.completion" if key == "message" else "chat.completion.chunk"
    return {"id": "evolve", "object": kind, "created": 0, "model": "evolve", "choices": [choice], "usage": usage}


def ask(spool, request):
    """Put a request into the spool and wait for its answer, as the client does."""
    id = os.urandom(8).hex()
    write(spool / "requests" / f".{id}", json.dumps(request))
    os.rename(spool / "requests" / f".{id}", spool / "requests" / f"{id}.json")
    place = spool / "answers" / f"{id}.json"
    until = time.monotonic() + LONGEST_WAIT_S
    while time.monotonic() < until:
        if place.exists():
            answer = parsed(place.read_bytes())
            place.unlink()
            return answer or {"error": "the answer was damaged"}
        time.sleep(LOOK_EVERY_S)
    return {"error": "no answer came"}


# ── files that the agent may have made into anything ──────────────────────────────────────────
def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))


def read(path, most):
    """Return the text of a plain file, None for anything else: links, pipes, folders, bytes that are no text."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        with os.fdopen(os.dup(descriptor), "rb") as file:
            content = file.read(most + 1)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    try:
        return content.decode("utf-8") if len(content) <= most else None
    except UnicodeDecodeError:
        return None


def parsed(text):
    try:
        value = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def filled(part, places):
    for name, value in places.items():
        part = part.replace(name, value)
    return part
