"""doctor: what works on this machine and what does not."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from evolve import __version__, configuration, problem_library, this_machine, wiring
from evolve.cli.options import as_json, json_option, store_option
from evolve.cli.plugin_health import plugin_health
from evolve.cli.store_health import store_health
from evolve.domain.problem import Problem
from evolve.errors import EvolveError
from evolve.evaluation import docker_engine, gpus
from evolve.evaluation.leftovers import find_leftovers

_LOW_DISK_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: ``ok``, ``note`` (works, with a limit) or ``fail``."""

    topic: str
    state: str
    says: str


@click.command()
@click.option("--clean", is_flag=True, help="Remove what runs that were killed have left: containers and folders.")
@click.option(
    "--ray",
    default=lambda: os.environ.get("RAY_ADDRESS"),
    show_default="$RAY_ADDRESS",
    help="Also look at a Ray cluster: auto, HOST:PORT or ray://HOST:PORT, as executor.address.",
)
@store_option
@json_option
def doctor(clean: bool, ray: str | None, store: str, json_: bool) -> None:
    """Look at the interpreter, the store, the sandboxes, GPUs and the models; exit code 1 if something fails."""
    checks: tuple[Callable[[], list[Finding]], ...] = (
        _interpreter,
        lambda: _store(store),
        _disk,
        _sandboxes,
        _gpus,
        _models,
        _plugins,
        lambda: _ray(ray),
        lambda: _leftovers(clean),
    )
    findings = [finding for look in checks for finding in look()]
    if json_:
        click.echo(as_json([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            click.echo(f"{finding.state:<5} {finding.topic:<9} {finding.says}")
    sys.exit(1 if any(finding.state == "fail" for finding in findings) else 0)


def _interpreter() -> list[Finding]:
    python = f"evolve {__version__}, Python {platform.python_version()}, {configuration.usable_cores()} cores"
    system = platform.system()
    findings = [Finding("python", "ok", python)]
    if system != "Linux":
        findings.append(Finding("system", "fail", f"{system}: the process sandbox needs Linux."))
    return findings


def _store(url: str) -> list[Finding]:
    return [Finding("store", state, says) for state, says in store_health(url)]


def _plugins() -> list[Finding]:
    return [Finding("plug-ins", state, says) for state, says in plugin_health()]


def _disk() -> list[Finding]:
    free = shutil.disk_usage(Path.cwd()).free
    says = f"{free / 2**30:.1f} GiB free in {Path.cwd()}"
    return [Finding("disk", "ok" if free > _LOW_DISK_BYTES else "note", says)]


def _sandboxes() -> list[Finding]:
    """Start a sandbox of each kind that works here, and let it say what it does and does not do."""
    used = this_machine.sandbox_of_this_machine([])[0].removeprefix("sandbox=")
    reasons = {
        "docker": "sandbox=docker is used unless you choose: a container engine answers.",
        "process": "sandbox=process is used unless you choose: no container engine answers. "
        "`DOCKER_HOST` names one at another address.",
    }
    named = f"sandbox={used} is used unless you choose: EVOLVE_SANDBOX names it."
    says = named if os.environ.get("EVOLVE_SANDBOX") else reasons[used]
    kinds = ["docker", "process"] if docker_engine.answers() else ["process"]
    return [Finding("sandbox", "ok", says), *(finding for kind in kinds for finding in _sandbox(kind))]


def _sandbox(kind: str) -> list[Finding]:
    problem = problem_library.load_problem(problem_library.problem_names()[0])
    settings = configuration.configure([f"problem={problem.name}", f"sandbox={kind}"])
    if kind == "docker" and not _has_image(problem, settings["sandbox"]["base_image"]):
        return [Finding(kind, "note", "The images are not built yet: `evolve image build`, or the first run does it.")]
    sandbox = wiring.build_sandbox(settings, problem)

    async def look() -> list[Finding]:
        try:
            await sandbox.start()
        except EvolveError as error:
            return [Finding(kind, "fail", str(error))]
        try:
            protects = [Finding(kind, "ok", sentence) for sentence in sandbox.protects()]
            limits = [Finding(kind, "note", sentence) for sentence in sandbox.does_not_protect()]
            return protects + limits
        finally:
            await sandbox.close()

    return asyncio.run(look())


def _has_image(problem: Problem, base_image: str) -> bool:
    with closing(docker_engine.Engine()) as engine:
        return engine.has_image(problem, base_image)


def _gpus() -> list[Finding]:
    """Say which parts of judging GPU kernels work here; none of them is needed for anything else."""
    return [Finding("gpu", "ok" if works else "note", says) for works, says in gpus.kernel_parts()]


def _ray(address: str | None) -> list[Finding]:
    """Connect to a cluster, if one is named, and see what it has."""
    if address is None:
        return [Finding("ray", "note", "no cluster is named: executor=local. `evolve doctor --ray auto` looks at one.")]
    from evolve.cluster import ray_controllers, ray_link

    try:
        ray_link.connect(address)
        nodes = ray_link.table_of_nodes()
        lacks = ray_link.lacks_package()
    except EvolveError as error:
        return [Finding("ray", "fail", str(error))]
    sent = "its nodes lack evolve: it is sent to them, what it depends on must be there (executor.ship_code)"
    findings = [Finding("ray", "ok", f"{address}: {ray_controllers.nodes_in_words(nodes)}")]
    return [*findings, Finding("ray", "note", sent)] if lacks else findings


def _leftovers(clean: bool) -> list[Finding]:
    """Find, and remove if asked to, what belongs to runs of this machine that ended without cleaning up."""
    left = find_leftovers()
    if clean:
        left.remove()
    verb = "removed" if clean else "left by a run that was killed; `evolve doctor --clean` removes it"
    return [Finding("leftovers", "ok" if clean else "note", f"{name}: {verb}") for name in left.names()]


def _models() -> list[Finding]:
    keys = sorted(name for name in os.environ if name.endswith("_API_KEY") and os.environ[name])
    if keys:
        return [Finding("models", "ok", f"keys found: {', '.join(keys)}; use them with llm=MODEL")]
    says = "no key found: runs are keyless (syntax, tune), or llm=http://HOST:PORT/v1#MODEL for a local server"
    return [Finding("models", "note", says)]
