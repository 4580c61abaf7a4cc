"""A configuration for judging on this machine: with a sandbox that works here, and its image."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from inspect import signature
from pathlib import Path

from evolve.configuration import Config, configure, option
from evolve.domain.problem import Problem, Stage
from evolve.errors import ConfigurationError, SandboxUnavailable
from evolve.evaluation import docker_engine, gpus
from evolve.plugins.locating import locate
from evolve.problem_library import load_problem


def configure_here(overrides: Sequence[str], say: Callable[[str], None], config_dir: Path | None = None) -> Config:
    """Like ``configure``, for judging on this machine: with a sandbox that works here, and its image.

    Where nobody chose a sandbox it is docker if an engine answers, else process. ``say`` gets, line by
    line, how an image is built, and why docker is not used although an engine answers. Raises
    ConfigurationError.
    """
    chosen = sandbox_of_this_machine(overrides)
    config = configure([*chosen, *overrides], config_dir)
    error = _image_error(config, say)
    if not error:
        return config
    if not chosen:
        raise ConfigurationError(f"{error} Without an engine: sandbox=process.")
    say(f"A container engine answers, but: {error} Using sandbox=process.")
    return configure(["sandbox=process", *overrides], config_dir)


def refuse_without_gpu(config: Config, problem: Problem, stages: Iterable[Stage] | None = None) -> None:
    """Raise ConfigurationError if a stage needs a GPU, programs are judged on this machine, and it has none.

    Without ``stages`` all are meant, the sealed one too.
    """
    sealed = (problem.sealed,) if problem.sealed else ()
    remote = "base_image" in config["sandbox"] and os.environ.get("DOCKER_HOST", "unix:").split(":")[0] != "unix"
    if _makes_sandboxes(config) and config["executor"]["_target_"].endswith("LocalExecutor") and not remote:
        gpus.refuse_without_gpu(problem, (*problem.stages, *sealed) if stages is None else stages)


def sandbox_of_this_machine(overrides: Sequence[str]) -> list[str]:
    """Return the override that chooses a sandbox: none if they do, $EVOLVE_SANDBOX's, docker's or process's.

    A setting that docker does not have means that it is not wanted. Of a cluster each node chooses.
    """
    keys = [override.lstrip("+").partition("=")[0] for override in overrides]
    if "sandbox" in keys:
        return []
    named = os.environ.get("EVOLVE_SANDBOX")
    if named:
        return [f"sandbox={named}"]
    if "executor=ray" in overrides and not any(key.startswith("sandbox.") for key in keys):
        return ["sandbox=auto"]
    known = {f"sandbox.{key}" for key in option("sandbox", "docker")}
    wanted = all(key in known for key in keys if key.startswith("sandbox."))
    return ["sandbox=docker" if wanted and docker_engine.answers() else "sandbox=process"]


def _image_error(config: Config, say: Callable[[str], None]) -> str:
    """Build the image that a configuration needs, if it is missing; return why that failed, or ''."""
    settings = config["sandbox"]
    if "base_image" not in settings or settings["image"] is not None or not _makes_sandboxes(config):
        return ""
    try:
        with closing(docker_engine.Engine()) as engine:
            engine.image_of(load_problem(config["problem"], config["params"]), settings["base_image"], say)
    except SandboxUnavailable as error:
        return str(error)
    return ""


def _makes_sandboxes(config: Config) -> bool:
    """Whether the executor makes sandboxes as configured here; otherwise those who judge choose theirs."""
    wanted = signature(locate(config["executor"]["_target_"], "executor")).parameters
    return "make_sandbox" in wanted or "build_sandbox" in wanted
