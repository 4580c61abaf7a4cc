"""The instrument does what it says: seeded, counted, and as rude as asked."""

import asyncio
import json
import subprocess
import sys

import aiohttp
import pytest

from evolve.bench.model_server import ModelServer
from evolve.bench.personas import PERSONAS, mix
from evolve.domain.blocks import only_blocks_changed
from evolve.errors import ConfigurationError
from evolve.mutation.patch import apply, parse
from evolve.mutation.rewriting import parse_rewrite

PROGRAM = "SIZE = 4\n# EVOLVE-BLOCK-START\ndef f(x):\n    return 2.5 * x + 1\n# EVOLVE-BLOCK-END\n"
OTHER = PROGRAM.replace("2.5", "9.75")
PLAIN = "def f(x):\n    return x * 3\n"

OWN_STYLE = f"# Other programs, for ideas\n```python\n    return 1\n```\n# Current program\n```python\n{PROGRAM}```\n"
HISTORY_FIRST = f"## Top programs\n```python\n{OTHER}```\n\n# Current Program\n```python\n{PROGRAM}```\n"
CURRENT_FIRST = f"Current program:\n\n```python\n{PROGRAM}```\nInspirations:\n```python\n{OTHER}```\n"
UNNAMED = f"Some examples:\n```\n1 2 3\n```\nChange this:\n````\n{PROGRAM}````\n"
WITHOUT_MARKERS = f"Run `make`:\n```bash\nmake\n```\n```python\n{PLAIN}```\n"
DIFF_RULES = "Use\n```\n<<<<<<< SEARCH\nold\n=======\nnew\n>>>>>>> REPLACE\n```\n"


async def chat(url: str, *texts: str, **body: object) -> tuple[int, dict[str, object]]:
    messages = [{"role": "user", "content": text} for text in texts]
    async with (
        aiohttp.ClientSession() as session,
        session.post(url + "/chat/completions", json={"model": "m", "messages": messages, **body}) as response,
    ):
        return response.status, await response.json()


async def answer(server: ModelServer, *texts: str) -> str:
    status, body = await chat(server.url, *texts)
    assert status == 200
    return str(body["choices"][0]["message"]["content"])  # type: ignore[index]


def everything(_path: str) -> bool:
    return True


@pytest.mark.parametrize("prompt", [OWN_STYLE, HISTORY_FIRST, CURRENT_FIRST, UNNAMED, WITHOUT_MARKERS])
@pytest.mark.parametrize("seed", [0, 1])
async def test_the_mutator_changes_the_current_program_of_any_prompt(prompt: str, seed: int) -> None:
    program = PLAIN if prompt is WITHOUT_MARKERS else PROGRAM
    files = {"main.py": program}
    async with ModelServer(seed=seed) as server:
        whole = parse_rewrite(await answer(server, prompt), files, everything, "python")["main.py"]
        patched = apply(parse(await answer(server, DIFF_RULES, prompt), files), files, everything)["main.py"]
    for child in (whole, patched):
        assert child != program
        assert only_blocks_changed(program, child) == ""
        compile(child, "main.py", "exec")


async def test_the_mutator_quotes_enough_to_be_unambiguous() -> None:
    program = "# EVOLVE-BLOCK-START\n" + "x = 1\ny = 2\n" * 6 + "# EVOLVE-BLOCK-END\n"
    files = {"main.py": program}
    async with ModelServer() as server:
        for number in range(12):
            text = await answer(server, DIFF_RULES, f"{number}\n```python\n{program}```\n")
            assert apply(parse(text, files), files, everything) != files


async def test_answers_depend_on_seed_and_prompt_not_on_order() -> None:
    prompts = [f"{number}\n{OWN_STYLE}" for number in range(8)]

    async def answers(seed: int, order: list[str]) -> dict[str, str]:
        async with ModelServer("mutator:0.5,prose:0.5", seed=seed) as server:
            texts = await asyncio.gather(*(answer(server, prompt) for prompt in order))
        return dict(zip(order, texts, strict=True))

    first = await answers(0, prompts)
    assert await answers(0, prompts[::-1]) == first
    assert await answers(1, prompts) != first


async def test_the_log_holds_what_was_paid_for() -> None:
    async with ModelServer("http500_once", input_usd_per_million=10.0, output_usd_per_million=20.0) as server:
        assert (await chat(server.url, OWN_STYLE))[0] == 500
        await answer(server, OWN_STYLE)
        async with aiohttp.ClientSession() as session, session.get(server.url.removesuffix("/v1") + "/log") as response:
            log = await response.json()
    assert (log["requests"], log["paid"]) == (2, 1)
    assert log["cost_usd"] == pytest.approx(log["prompt_tokens"] * 1e-5 + log["completion_tokens"] * 2e-5)
    assert log["prompt_tokens"] == -(-len(OWN_STYLE) // 4)
    assert [entry["paid"] for entry in log["entries"]] == [False, True]
    assert len({entry["messages_hash"] for entry in log["entries"]}) == 1


_SILENT = {"hang", "hang_once", "stall", "stall_once"}
_BROKEN = ("close", "invalid_json", "reset", "html")


@pytest.mark.parametrize("persona", sorted(set(PERSONAS) - _SILENT))
@pytest.mark.parametrize("prompt", [OWN_STYLE, "no program here"])
async def test_every_persona_answers_or_fails_as_its_name_says(persona: str, prompt: str) -> None:
    async with ModelServer(persona) as server:
        try:
            status, body = await chat(server.url, DIFF_RULES, prompt)
        except (aiohttp.ClientError, json.JSONDecodeError):
            assert persona.startswith(_BROKEN)
            assert not server.paid()
            return
        assert not persona.startswith(_BROKEN)
        expected = int(persona[4:7]) if persona.startswith("http") else 200
        assert status == expected
        if persona.startswith("truncated"):
            assert body["choices"][0]["finish_reason"] == "length"  # type: ignore[index]


async def test_a_hanging_model_never_answers_and_does_not_keep_the_server_from_closing() -> None:
    async with ModelServer("hang") as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await chat(server.url, OWN_STYLE)
        waiting = asyncio.create_task(chat(server.url, OWN_STYLE))
        while len(server.log) < 2:
            await asyncio.sleep(0.01)
        assert not server.paid()
    with pytest.raises(aiohttp.ClientError):
        await waiting


async def test_latency_delays_answers_but_not_each_other() -> None:
    async with ModelServer(latency_s=0.05, latency_sigma=0.5) as server:
        texts = await asyncio.gather(*(answer(server, f"{number} {OWN_STYLE}") for number in range(20)))
    assert len(texts) == 20


async def test_a_connection_is_kept_and_may_carry_several_requests_at_once() -> None:
    async with ModelServer("prose") as server:
        host, _, port = server.url.removeprefix("http://").removesuffix("/v1").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        body = json.dumps({"messages": [{"role": "user", "content": "x"}]}).encode()
        request = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        writer.write(request + request[:30])
        await writer.drain()
        writer.write(request[30:] + b"GET /v1/models HTTP/1.1\r\n\r\n" + b"GET /nothing HTTP/1.1\r\n\r\n")
        heads = []
        for _ in range(4):
            head = await reader.readuntil(b"\r\n\r\n")
            heads.append(head.split(b" ")[1])
            length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
            await reader.readexactly(length)
        writer.close()
        assert heads == [b"200", b"200", b"200", b"404"]


async def test_requests_that_are_no_chats_are_refused() -> None:
    async with ModelServer() as server:
        async with aiohttp.ClientSession() as session:
            for data in (b"", b"{", b"[]", b"{}"):
                async with session.post(server.url + "/chat/completions", data=data) as response:
                    assert response.status == 400
        assert not server.log


@pytest.mark.parametrize("wrong", ["nobody", "mutator:x", "mutator:-1", "mutator:0", ""])
def test_a_wrong_mix_is_a_configuration_error(wrong: str) -> None:
    with pytest.raises(ConfigurationError):
        mix(wrong)


def test_the_command_prints_its_address() -> None:
    command = [sys.executable, "-m", "evolve.bench.model_server", "--persona", "prose", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert asyncio.run(chat(url, "x"))[0] == 200
        finally:
            process.terminate()


async def test_an_answer_whose_client_left_is_not_charged() -> None:
    async with ModelServer(latency_s=0.1) as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.03):
                await chat(server.url, OWN_STYLE)
        await answer(server, OWN_STYLE)
        assert [entry.paid for entry in server.log] == [False, True]
        assert server.totals()["cost_usd"] == server.log[1].cost_usd > 0


def test_the_failing_mix_fails_three_times_in_ten() -> None:
    names, shares = mix("failing")
    assert dict(zip(names, shares, strict=True))["mutator"] == pytest.approx(0.7)
    assert len(names) > 15
