"""The files that set clusters up: their shapes, that what they refer to exists, that their commands are commands."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from packaging.specifiers import SpecifierSet

from evolve import configuration, wiring
from evolve.cli.working import worker as worker_command
from evolve.paths import bundled

INFRA = bundled("infra")
MANIFESTS = sorted((INFRA / "kubernetes").glob("*.yaml"))
MADE_BY_HAND = {"evolve-hub-tls": {"tls.crt", "tls.key"}}  # by the commands at the top of hub.yaml
BUILT_HERE = {"evolve:local", "evolve:ray"}
Thing = dict[str, Any]


def documents(path: Path) -> list[Thing]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document is not None]


def everything() -> list[Thing]:
    return [document for path in MANIFESTS for document in documents(path)]


def pod_specs(manifest: Thing) -> Iterator[tuple[Thing, Thing]]:
    """Yield the metadata and spec of every pod that a manifest describes."""
    spec = manifest.get("spec", {})
    for group in (spec, spec.get("headGroupSpec", {}), *spec.get("workerGroupSpecs", ())):
        if "template" in group:
            yield group["template"].get("metadata", {}), group["template"]["spec"]


def check_command(arguments: list[str]) -> None:
    """Check that `evolve` takes a command line: that its options and settings exist and make sense together."""
    command, *rest = arguments
    if command == "worker":
        worker_command.make_context("worker", rest)
        return
    assert command == "run"
    wiring.build(configuration.configure(["sandbox=process", *rest]))


# ── Kubernetes ────────────────────────────────────────────────────────────────────────────────
def test_every_manifest_is_a_thing_with_a_name_of_a_known_kind() -> None:
    kinds = {
        ("v1", "Secret"), ("v1", "Service"), ("apps/v1", "StatefulSet"), ("apps/v1", "Deployment"), ("batch/v1", "Job"),
        ("ray.io/v1", "RayCluster"),
    }  # fmt: skip
    found = [(thing["apiVersion"], thing["kind"]) for thing in everything()]
    assert set(found) == kinds
    names = [(thing["kind"], thing["metadata"]["name"]) for thing in everything()]
    assert len(set(names)) == len(names)


def test_services_reach_a_port_of_the_pods_they_select() -> None:
    pods = [pod for thing in everything() for pod in pod_specs(thing)]
    for service in (thing for thing in everything() if thing["kind"] == "Service"):
        selector = service["spec"]["selector"]
        (chosen,) = [spec for metadata, spec in pods if selector.items() <= metadata.get("labels", {}).items()]
        ports = {port["name"]: port["containerPort"] for c in chosen["containers"] for port in c.get("ports", ())}
        for port in service["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]


def test_selectors_select_what_their_template_makes() -> None:
    for thing in everything():
        if thing["kind"] in ("Deployment", "StatefulSet"):
            wanted = thing["spec"]["selector"]["matchLabels"]
            assert wanted.items() <= thing["spec"]["template"]["metadata"]["labels"].items()


def test_secrets_and_volumes_that_are_referred_to_exist() -> None:
    secrets = {
        thing["metadata"]["name"]: set(thing["stringData"]) for thing in everything() if thing["kind"] == "Secret"
    } | MADE_BY_HAND
    for thing in everything():
        claims = {claim["metadata"]["name"] for claim in thing.get("spec", {}).get("volumeClaimTemplates", ())}
        for _, spec in pod_specs(thing):
            volumes = {volume["name"]: volume for volume in spec.get("volumes", ())}
            for volume in (v["secret"] for v in volumes.values() if "secret" in v):
                assert {item["key"] for item in volume.get("items", ())} <= secrets[volume["secretName"]]
            for container in spec["containers"]:
                mounted = {mount["name"] for mount in container.get("volumeMounts", ())}
                assert mounted == set(volumes) | claims
                for variable in container.get("env", ()):
                    if "valueFrom" in variable:
                        reference = variable["valueFrom"]["secretKeyRef"]
                        assert reference["key"] in secrets[reference["name"]]


def test_no_secret_is_written_down() -> None:
    for thing in everything():
        if thing["kind"] == "Secret":
            assert set(thing["stringData"].values()) == {""}
    for path in (*MANIFESTS, INFRA / "compose.yaml"):
        for name in ("PASSWORD", "TOKEN"):
            written = re.findall(rf"{name}: *(\S+)|{name}, value: *(\S+)", path.read_text())
            assert all("${" in "".join(found) for found in written), path


def test_every_container_says_what_it_needs_and_whose_image_it_is() -> None:
    for thing in everything():
        for _, spec in pod_specs(thing):
            for container in spec["containers"]:
                image = container["image"]
                assert image in BUILT_HERE or re.fullmatch(r"postgres:\d+", image)
                assert {"cpu", "memory"} <= set(container["resources"]["requests"])
                assert "memory" in container["resources"]["limits"]


def test_commands_of_manifests_are_commands() -> None:
    containers = [
        container for thing in everything() for _, spec in pod_specs(thing) for container in spec["containers"]
    ]
    lines = [container["args"] for container in containers if container["image"] == "evolve:local"]
    for arguments in lines:
        check_command([argument for argument in arguments if not argument.startswith("--ca=")])  # a file in the pod
    assert sorted(arguments[0] for arguments in lines) == ["run", "worker"]


def test_a_pod_has_longer_to_end_than_its_worker_to_drain() -> None:
    for thing in everything():
        for _, spec in pod_specs(thing):
            for arguments in (container.get("args", ()) for container in spec["containers"]):
                drains = [float(a.partition("=")[2]) for a in arguments if a.startswith("--drain-s=")]
                assert all(spec["terminationGracePeriodSeconds"] > drain for drain in drains)


def test_the_ray_cluster_runs_a_version_that_evolve_takes_with_groups_that_can_shrink_to_nothing() -> None:
    (cluster,) = (thing["spec"] for thing in everything() if thing["kind"] == "RayCluster")
    wanted = tomllib.loads((INFRA.parent / "pyproject.toml").read_text())["project"]["dependencies"]
    (ray,) = (dependency.removeprefix("ray") for dependency in wanted if dependency.startswith("ray"))
    assert SpecifierSet(ray).contains(cluster["rayVersion"])
    assert f"rayproject/ray:{cluster['rayVersion']}-py3" in (INFRA / "kubernetes" / "raycluster.yaml").read_text()
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    for group in cluster["workerGroupSpecs"]:
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
        (container,) = group["template"]["spec"]["containers"]
        assert container["resources"]["requests"] == container["resources"]["limits"]  # what Ray counts by


# ── Ray on machines ───────────────────────────────────────────────────────────────────────────
def test_the_cluster_launcher_takes_its_file() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    (config,) = documents(INFRA / "ray_cluster.yaml")
    prepared = prepare_config(config)
    validate_config(prepared)
    assert prepared["available_node_types"]["local.cluster.node"]["max_workers"] == len(
        config["provider"]["worker_ips"]
    )


# ── compose ───────────────────────────────────────────────────────────────────────────────────
KEYS = {
    "image", "build", "init", "restart", "profiles", "command", "entrypoint", "environment", "depends_on", "deploy",
    "volumes", "healthcheck", "stop_grace_period", "shm_size",
}  # fmt: skip


@pytest.fixture(scope="module")
def compose() -> Thing:
    """Return the file as compose reads it, with the variables of an .env that holds what must be given."""
    text = (INFRA / "compose.yaml").read_text()
    given = {"EVOLVE_DB_PASSWORD": "x" * 20, "EVOLVE_WORKER_TOKEN": "y" * 20}
    needed = set(re.findall(r"\$\{(\w+):\?", text))
    assert needed == set(given)

    def value(match: re.Match[str]) -> str:
        return given.get(match["name"], match["default"])

    return dict(yaml.safe_load(re.sub(r"\$\{(?P<name>\w+):[-?](?P<default>[^}]*)\}", value, text)))


def test_compose_services_have_known_keys_and_refer_to_each_other(compose: Thing) -> None:
    services: Mapping[str, Thing] = compose["services"]
    assert set(compose) == {"x-evolve", "x-database", "services", "volumes"}
    for name, service in services.items():
        assert set(service) <= KEYS, name
        profiles = set(service.get("profiles", ()))
        for other in service.get("depends_on", ()):
            assert set(services[other].get("profiles", profiles)) >= profiles
        for volume in service.get("volumes", ()):
            assert volume.partition(":")[0] in compose["volumes"]
    built = {
        (INFRA / s["build"]["context"] / s["build"]["dockerfile"]).resolve() for s in services.values() if "build" in s
    }
    assert built == {INFRA / "evolve.Dockerfile"}


def test_each_profile_of_compose_has_two_workers_beside_a_controller(compose: Thing) -> None:
    for profile in ("hub", "ray"):
        members = [s for s in compose["services"].values() if profile in s.get("profiles", ())]
        assert sorted(s.get("deploy", {}).get("replicas", 1) for s in members) == [1, 2]


def test_commands_of_compose_are_commands(compose: Thing) -> None:
    services = compose["services"]
    for name in ("controller", "worker"):
        check_command(services[name]["command"])
    _, _, of_the_head = services["head"]["command"][0].partition("exec evolve ")
    check_command(shlex.split(of_the_head))
    url = services["worker"]["command"][services["worker"]["command"].index("--connect") + 1]
    host, port = re.fullmatch(r"http://(\w+):(\d+)", url).groups()  # type: ignore[union-attr]
    assert host in services and int(port) == configuration.option("executor", "hub")["port"]


# ── Slurm, images, scripts ────────────────────────────────────────────────────────────────────
def run_sbatch(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script as Slurm would, with an `evolve` that only says how it was called."""
    fake = folder / "evolve"
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    fake.chmod(0o755)
    script = INFRA / "slurm" / "workers.sbatch"
    path = f"{folder}:{os.environ['PATH']}"
    return subprocess.run(["bash", str(script)], env={"PATH": path, **environment}, capture_output=True, text=True)


def test_the_slurm_script_calls_a_worker_with_what_the_job_was_given(tmp_path: Path) -> None:
    for file in ("token", "ca"):
        (tmp_path / file).write_text("x")
    asked = {"EVOLVE_HUB": "https://login1:8470", "EVOLVE_TOKEN_FILE": str(tmp_path / "token")}
    given = {"SLURM_CPUS_PER_TASK": "4", "SLURM_MEM_PER_NODE": "8192", "SLURM_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3"}
    done = run_sbatch(tmp_path, **asked, **given, EVOLVE_CA=str(tmp_path / "ca"))
    command, *rest = done.stdout.splitlines()
    assert command == "worker" and not done.stderr
    values = worker_command.make_context("worker", rest).params
    assert (values["slots"], values["cpus"], values["memory_mb"], values["gpus"]) == (4, 4.0, 8192.0, 0.0)
    assert (values["url"], values["name"], values["ca"]) == (asked["EVOLVE_HUB"], "slurm-7-3", tmp_path / "ca")
    assert values["drain_s"] < 120  # seconds between the signal and the end


def test_the_slurm_script_says_what_it_needs(tmp_path: Path) -> None:
    done = run_sbatch(tmp_path)
    assert done.returncode != 0 and "EVOLVE_HUB" in done.stderr and "https://login1:8470" in done.stderr


@pytest.mark.parametrize(
    "script", [*sorted(INFRA.glob("*.sh")), INFRA / "slurm" / "workers.sbatch"], ids=lambda p: p.name
)
def test_scripts_are_well_formed(script: Path) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_the_image_of_evolve_is_made_of_what_is_sent_to_the_engine() -> None:
    sent = {line[1:] for line in (INFRA.parent / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    lines = (INFRA / "evolve.Dockerfile").read_text().splitlines()
    copied = {source for line in lines if line.startswith("COPY ") for source in line.split()[1:-1]}
    assert {source.partition("/")[0] for source in copied} <= sent
    for line in lines:
        if line.startswith(("RUN ", "ENTRYPOINT ", "CMD ")):
            assert json.loads(line.partition(" ")[2]), line
    (program,) = (json.loads(line.partition(" ")[2])[2] for line in lines if "tomllib" in line)
    compile(program, "evolve.Dockerfile", "exec")


def test_every_file_is_explained() -> None:
    readme = (INFRA / "README.md").read_text()
    for path in INFRA.rglob("*"):
        if path.is_file() and path.name not in ("README.md", ".env") and "__pycache__" not in path.parts:
            assert f"`{path.relative_to(INFRA).as_posix()}`" in readme, path


def test_unknown_options_of_a_worker_would_be_noticed() -> None:
    with pytest.raises(click.NoSuchOption):
        check_command(["worker", "--connect", "x", "--no-such-option"])
