"""Sessions of scripted agents, in both sandboxes: what they can do, and what they cannot."""

from __future__ import annotations

import time

import pytest

from evolve.errors import ConfigurationError
from evolve.interfaces import SessionEnd
from tests.agents.agent_support import FILES, KINDS, NotingDesk, Studio, maker

# Asks as often as it can, without the client's manners.
FLOOD = """
import json, os
spool = os.environ["AGENT_SPOOL"]
for number in range(300):
    for name, text in (("a", '{"kind": "eval"}'), ("b", "no json"), ("c", "[1]"), ("d", '{"kind": ["x"]}')):
        path = f"{spool}/requests/{number}{name}"
        open(path, "w").write(text)
        os.rename(path, path + ".json")
open(f"{spool}/requests/huge.json", "wb").write(b"\\0\\xff" * 2_000_000)
os.mkfifo(f"{spool}/requests/pipe.json")
os.symlink("/etc/passwd", f"{spool}/requests/link.json")
os.mkdir(f"{spool}/requests/folder.json")
"""


@pytest.fixture(params=KINDS)
def studio(request: pytest.FixtureRequest) -> Studio:
    return Studio(maker(request.param, request, False))


@pytest.fixture
def here(request: pytest.FixtureRequest) -> Studio:
    return Studio(maker("process", request, False))


async def test_an_agent_edits_has_its_files_judged_and_stops(studio: Studio) -> None:
    desk = NotingDesk()
    session = await studio.run(
        "cat ../prompt.md; evolve left; echo 'value = 3' > program.py; evolve eval; echo hello | evolve ask;"
        "echo note > note.txt; exit 4",
        desk,
    )
    assert (session.end, session.exit_code) == (SessionEnd.EXITED, 4)
    assert session.files == {**FILES, "program.py": "value = 3\n"}
    assert session.others == ("note.txt",)
    assert desk.evaluated == [session.files]
    for said in ("Make it larger.", '{"evaluations": 7}', "value = 2.5", "well done", "you said hello"):
        assert said in session.output


async def test_one_that_never_ends_is_ended_and_what_it_left_counts(studio: Studio) -> None:
    began = time.monotonic()
    session = await studio.run("echo 'value = 9' > program.py; (setsid sleep 1000 &) ; while :; do :; done", wall_s=1.0)
    assert (session.end, session.exit_code) == (SessionEnd.TIMED_OUT, None)
    assert session.files["program.py"] == "value = 9\n"
    assert time.monotonic() - began < 60


async def test_evaluations_at_once_are_answered_each(here: Studio) -> None:
    desk = NotingDesk(delay_s=0.2)
    session = await here.run("for n in 1 2 3 4; do evolve eval & done; wait; echo all", desk)
    assert desk.most_at_once > 1 and len(desk.evaluated) == 4
    assert session.output.count("well done") == 4


async def test_no_flood_gets_more_than_answers(here: Studio) -> None:
    desk = NotingDesk(delay_s=5.0)
    session = await here.run(f"cat > f.py <<'E'\n{FLOOD}\nE\npython3 f.py; sleep 1; evolve left", desk, wall_s=4.0)
    assert session.end in (SessionEnd.EXITED, SessionEnd.TIMED_OUT)
    assert desk.most_at_once <= 16
    assert all(files == FILES for files in desk.evaluated)


@pytest.mark.parametrize(
    ("script", "kept"),
    [
        ("rm -rf ../* .* 2>/dev/null; rm -rf *; true", set()),
        ("rm program.py; ln -s /etc/passwd program.py", {"lib/part.py"}),
        ("rm program.py; mkfifo program.py", {"lib/part.py"}),
        ("rm -r lib; ln -s /usr lib", {"program.py"}),
        ("head -c 3000000 /dev/zero > program.py", {"lib/part.py"}),
        ("printf '\\377\\376' > program.py", {"lib/part.py"}),
        ("rm program.py; mkdir program.py", {"lib/part.py"}),
    ],
)
async def test_what_is_no_plain_text_any_more_is_not_in_the_proposal(here: Studio, script: str, kept: set[str]) -> None:
    session = await here.run(script)
    assert session.end is SessionEnd.EXITED
    assert set(session.files) == kept


async def test_endless_output_keeps_its_beginning_and_end(here: Studio) -> None:
    session = await here.run("echo first; yes no | head -c 30000000; echo last")
    assert session.output.startswith("first\n") and session.output.endswith("last\n")
    assert len(session.output) < 100_000


async def test_one_that_ends_its_own_sandbox_is_lost_and_nobody_else_is(here: Studio) -> None:
    session = await here.run("kill -9 -1; kill -9 $PPID; sleep 5")
    assert (session.end, session.files) == (SessionEnd.LOST, {})
    assert session.why
    again = await here.run("true")
    assert again.files == FILES


async def test_one_that_is_not_there_says_so(here: Studio) -> None:
    here_too = Studio(here.make_sandbox)
    session = await here_too.run("exec no-such-agent --prompt x")
    assert session.exit_code == 127
    assert "no-such-agent" in session.output


@pytest.mark.parametrize("kind", KINDS)
async def test_a_model_answers_on_the_sandbox_s_own_loopback(kind: str, request: pytest.FixtureRequest) -> None:
    desk = NotingDesk()
    ask = """
import json, os, urllib.request
def post(body):
    data = json.dumps(body).encode()
    address = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    asked = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    return urllib.request.urlopen(asked, timeout=10).read().decode()
messages = [{"role": "user", "content": [{"type": "text", "text": "hi there"}]}]
print(json.loads(post({"model": "any", "messages": messages}))["choices"][0]["message"]["content"])
print(post({"model": "any", "messages": messages, "stream": True}))
try:
    post({"messages": messages, "tools": [{"type": "function"}]})
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
import socket
for family in (socket.AF_NETLINK, socket.AF_PACKET, socket.AF_VSOCK):
    try:
        socket.socket(family, socket.SOCK_RAW)
        print("BREACH", family)
    except OSError as error:
        print("HELD", error.errno)
try:
    socket.create_connection(("10.0.0.1", 80), timeout=2)
    print("BREACH: left the sandbox")
except OSError as error:
    print("HELD", error.errno)
"""
    studio = Studio(maker(kind, request, True), model_address=True)
    session = await studio.run(f"cat > a.py <<'E'\n{ask}\nE\npython3 a.py", desk)
    assert "you said hi there" in session.output, session.output
    assert "chat.completion.chunk" in session.output and "data: [DONE]" in session.output
    assert "400" in session.output and "tools are not passed on" in session.output
    assert session.output.count("HELD") == 4 and "BREACH" not in session.output
    assert len(desk.asked) == 2


def test_keys_are_for_agents_with_a_network_only(here: Studio) -> None:
    from evolve.agents.workshop import SandboxWorkshop

    with pytest.raises(ConfigurationError, match="no use for keys"):
        SandboxWorkshop(here.make_sandbox, memory_mb=64, processes=8, scratch_mb=16, environment=["HOME"])
