"""Workers in network namespaces of their own whose cables are pulled, and killed: `evolve worker` itself, encrypted."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from evolve import configuration, wiring
from evolve.bench.machinery import TRIVIAL
from evolve.controller.loop import Loop, Widths
from evolve.controller.run import start_run
from tests.cli.cli_support import ROOT
from tests.cluster.hub_support import certificate, check_record, hub

LEASE_S, EVALUATIONS = 3.0, 100
PATIENCE_S = 180.0


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@dataclass(frozen=True)
class Island:
    """A namespace that one cable leads to; ``hub`` is the address at our end."""

    name: str
    cable: str
    hub: str

    def pull(self) -> None:
        ip("link", "set", self.cable, "down")

    def plug(self) -> None:
        ip("link", "set", self.cable, "up")


@contextmanager
def island(number: int) -> Iterator[Island]:
    tag = f"{os.getpid() % 100_000}{number}"
    subnet = f"10.{100 + number}.{os.getpid() // 60 % 256}.{os.getpid() % 60 * 4}"
    base, _, last = subnet.rpartition(".")
    ours, theirs = f"{base}.{int(last) + 1}", f"{base}.{int(last) + 2}"
    name, cable, end = f"evolve{tag}", f"evh{tag}", f"evw{tag}"
    ip("netns", "add", name)
    try:
        ip("link", "add", cable, "type", "veth", "peer", "name", end, "netns", name)
        ip("address", "add", f"{ours}/30", "dev", cable)
        ip("link", "set", cable, "up")
        ip("-n", name, "address", "add", f"{theirs}/30", "dev", end)
        ip("-n", name, "link", "set", end, "up")
        ip("-n", name, "link", "set", "lo", "up")
        yield Island(name, cable, ours)
    finally:
        ip("netns", "delete", name)  # its end of the cable goes with it, and so does ours


@contextmanager
def worker(place: Island, port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `evolve worker` on an island; killed in the end."""
    code = "from evolve.cli import main; main()"
    command = ["ip", "netns", "exec", place.name, sys.executable, "-c", code, "worker", "--slots", "2"]
    command += ["--connect", f"https://{place.hub}:{port}", "--ca", str(folder / "cert.pem")]
    command += ["--token-file", str(folder / "token")]
    scratch = tempfile.mkdtemp(dir=folder)
    environment = {**os.environ, "EVOLVE_SANDBOX": "process", "TMPDIR": scratch}
    with open(folder / f"{Path(scratch).name}.log", "wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


async def reached(loops: list[Loop], evaluations: int) -> None:
    while not loops or loops[0].progress.spent.evaluations < evaluations:
        await asyncio.sleep(0.05)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make network namespaces")
async def test_the_store_has_every_verdict_once_though_cables_are_pulled_and_workers_killed(tmp_path: Path) -> None:
    with island(1) as one, island(2) as other:
        certificate(tmp_path, one.hub, other.hub)
        tls = {"tls_cert": str(tmp_path / "cert.pem"), "tls_key": str(tmp_path / "key.pem")}
        executor = hub(tmp_path, host="0.0.0.0", width=8, lease_s=LEASE_S, losses=100, **tls)
        settings = [f"problem={TRIVIAL}", "noise=off", "params.seconds=0.15", f"store.url=sqlite:///{tmp_path}/run.db"]
        settings += [f"budget.evaluations={EVALUATIONS}", "budget.wall_s=null", "sandbox=process"]
        config = configuration.configure(settings)
        widths = Widths(propose=1, queue=8, ordered=False, stall=500)
        parts = replace(wiring.build(config), executor=executor, widths=widths)
        info = wiring.new_run(config, parts)
        loops: list[Loop] = []
        running = asyncio.create_task(start_run(parts, info, loops.append))
        async with asyncio.timeout(PATIENCE_S):
            while not executor.url:
                await asyncio.sleep(0.05)
            port = int(executor.url.rpartition(":")[2])
            with worker(one, port, tmp_path), worker(other, port, tmp_path) as victim, worker(other, port, tmp_path):
                await reached(loops, 15)
                one.pull()
                await asyncio.sleep(1.5 * LEASE_S)
                one.plug()
                await reached(loops, 40)
                victim.kill()
                await reached(loops, 60)
                other.pull()
                with worker(one, port, tmp_path):
                    await asyncio.sleep(0.5 * LEASE_S)  # shorter than a lease: nothing has to be lost
                    other.plug()
                    result = await running
    assert result.status == "finished"
    assert check_record(f"sqlite:///{tmp_path}/run.db", info.id) >= EVALUATIONS
    said = "".join(log.read_text() for log in tmp_path.glob("*.log"))
    assert "Leases have lapsed" in said or "was not taken" in said
