"""From a configuration to objects: the only place that knows Hydra."""

from __future__ import annotations

import os
import platform
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import hydra
import yaml
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from evolve import __version__
from evolve.controller.budget import Budget
from evolve.controller.loop import Widths
from evolve.controller.run import Parts
from evolve.domain.problem import Problem
from evolve.errors import ConfigurationError, EvolveError, NotFound, nearest
from evolve.interfaces import Executor, LanguageModel, RunInfo, Sandbox, Search, Store
from evolve.mutation.mix import OperatorMix
from evolve.mutation.python_analysis import AnalysisCache
from evolve.paths import bundled

Config = Mapping[str, Any]


def usable_cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


# ── configuration ─────────────────────────────────────────────────────────────────────────────
def configure(overrides: Sequence[str], config_dir: Path | None = None) -> Config:
    """Compose ``conf/`` with overrides; return the resolved configuration as plain data.

    Raises ConfigurationError that names the nearest valid key or option.
    """
    register_resolvers()
    arguments = [part for override in overrides for part in normal_form(override)]
    if config_dir is not None:
        arguments.append(f"hydra.searchpath=[file://{config_dir.resolve()}]")
    with initialize_config_dir(config_dir=str(bundled("conf")), version_base="1.3"):
        try:
            config = compose("config", arguments)
        except (HydraException, OmegaConfBaseException) as error:
            raise ConfigurationError(_explain(error, arguments)) from error
    return as_data(config)


def as_data(config: DictConfig) -> Config:
    """Return a composed configuration as plain, resolved data. Raises ConfigurationError."""
    try:
        data = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        key = error.full_key or "a setting"
        hint = f"Bundled problems: {', '.join(problem_names())}." if key == "problem" else ""
        raise ConfigurationError(f"{key} has no value: give it as {key}=VALUE. {hint}".strip()) from error
    return cast(Config, data)


def as_yaml(config: Config) -> str:
    """Return a configuration as YAML."""
    return OmegaConf.to_yaml(OmegaConf.create(dict(config)))


def with_budget(config: Config, overrides: Sequence[str]) -> Config:
    """Return a stored configuration with some ``budget.KEY=VALUE`` changed. Raises ConfigurationError."""
    budget = dict(config["budget"])
    for override in overrides:
        key, separator, value = override.partition("=")
        name = key.removeprefix("budget.")
        if not separator or name == key or name not in budget:
            known = [f"budget.{known}" for known in budget]
            raise ConfigurationError(f"A resumed run takes budget settings only, not {key!r}. {nearest(key, known)}")
        budget[name] = yaml.safe_load(value)
    return {**config, "budget": budget}


def sweep(arguments: Sequence[str], run: Callable[[Config], None]) -> None:
    """Let Hydra's sweeper call ``run`` for each combination of comma-separated values."""
    register_resolvers()
    sys.argv = ["evolve run", "--multirun", *arguments]

    @hydra.main(config_path=str(bundled("conf")), config_name="config", version_base="1.3")
    def once(config: DictConfig) -> None:
        run({key: value for key, value in as_data(config).items() if key != "hydra"})

    once()


def register_resolvers() -> None:
    """Make ``${cores:}`` known to OmegaConf."""
    if not OmegaConf.has_resolver("cores"):
        OmegaConf.register_new_resolver("cores", usable_cores)


def normal_form(override: str) -> list[str]:
    """Return an override as Hydra wants it.

    ``params.NAME=`` may name any parameter of the problem. ``llm=`` takes a preset of conf/llm, a
    model name as litellm knows it, or the URL of an OpenAI-compatible server with ``#MODEL``.
    """
    if override.startswith("params."):
        return [f"++{override}"]
    key, _, value = override.partition("=")
    if key != "llm" or value in options("llm"):
        return [override]
    if re.match(r"https?://", value):
        url, _, model = value.partition("#")
        return ["llm=single", f"llm.model='openai/{model or 'default'}'", f"llm.api_base='{url}'"]
    return ["llm=single", f"llm.model='{value}'"]


def options(group: str) -> list[str]:
    """Return the names of the options of a config group."""
    return sorted(path.stem for path in (bundled("conf") / group).glob("*.yaml"))


def _groups() -> list[str]:
    return sorted(path.name for path in bundled("conf").iterdir() if path.is_dir())


def _explain(error: Exception, overrides: Sequence[str]) -> str:
    for override in overrides:
        key, separator, value = override.lstrip("+~").partition("=")
        if not separator:
            return f"{override!r} is not of the form key=value."
        if key in _groups():
            if value not in options(key):
                return f"{key} has no option {value!r}. {nearest(value, options(key))}"
        elif not override.startswith(("+", "hydra.")) and key not in _known_keys():
            return f"There is no setting {key!r}. {_nearest_key(key)}"
    return str(error)


def _known_keys() -> set[str]:
    keys: set[str] = set()
    for path in bundled("conf").rglob("*.yaml"):
        prefix = "" if path.parent == bundled("conf") else f"{path.parent.name}."
        keys.update(prefix + key for key in _paths(OmegaConf.to_container(OmegaConf.load(path))))
    return keys | set(_groups())


def _paths(data: Any, prefix: str = "") -> Iterator[str]:
    for key, value in data.items() if isinstance(data, dict) else ():
        yield f"{prefix}{key}"
        yield from _paths(value, f"{prefix}{key}.")


def _nearest_key(key: str) -> str:
    known = {name for name in _known_keys() if not name.startswith(("hydra", "defaults")) and "_target_" not in name}
    head = key.partition(".")[0]
    siblings = {name for name in known if name.startswith(f"{head}.")}
    return nearest(key, siblings or known)


# ── objects ───────────────────────────────────────────────────────────────────────────────────
def problem_names() -> list[str]:
    """Return the names of the bundled problems."""
    return sorted(
        p.parent.name for p in bundled("problems").glob("*/problem.yaml") if not p.parent.name.startswith("_")
    )


def load_problem(name: str, params: Mapping[str, object] | None = None) -> Problem:
    """Return a bundled problem by name, or the one in a folder. Raises ConfigurationError or ProblemError."""
    if name in problem_names():
        return Problem.load(bundled("problems") / name, params)
    if "/" not in name and name not in (".", "..") and not Path(name).is_dir():
        hint = f"{nearest(name, problem_names())} A path like ./{name} names a folder of yours."
        raise ConfigurationError(f"There is no problem {name!r}. {hint}")
    return Problem.load(Path(name), params)


def build(config: Config) -> Parts:
    """Build everything a run is made of. Nothing is started, opened or spent.

    Raises ConfigurationError or ProblemError.
    """
    problem = load_problem(str(config["problem"]), config["params"])
    model = build_model(config)
    width = int(config["executor"]["width"])
    ordered = config["controller"]["ordered"]
    if ordered is None:
        ordered = width == 1 and model is None
    widths = Widths(
        propose=int(config["controller"]["propose_per_slot"]) * width,
        queue=int(config["controller"]["queue_per_slot"]) * width,
        ordered=bool(ordered),
        stall=int(config["controller"]["stall"]),
    )
    return Parts(
        problem=problem,
        seed=int(config["seed"]),
        search=build_search(config, problem),
        operators=build_operators(config, keyless=model is None),
        model=model,
        executor=build_executor(config, problem),
        budget=Budget(**config["budget"]),
        widths=widths,
        open_store=lambda: open_store(config),
        holder=_holder(),
        sealed=bool(config["sealed"]),
    )


def build_search(config: Config, problem: Problem) -> Search:
    """Return the search of a configuration."""
    return cast(Search, _make(config["search"], "search", features=problem.features))


def build_model(config: Config) -> LanguageModel | None:
    """Return the language model, or None in a keyless run."""
    return cast(LanguageModel, _make(config["llm"], "llm")) if "_target_" in config["llm"] else None


def build_operators(config: Config, *, keyless: bool) -> OperatorMix:
    """Return the operators that have a share."""
    weights = {str(name): float(weight) for name, weight in config["mutation"]["weights"].items()}
    definitions = config["mutation"]["operators"]
    for name in weights:
        if name not in definitions:
            raise ConfigurationError(f"mutation.weights names no operator {name!r}. {nearest(name, definitions)}")
    shares = {name: weight for name, weight in weights.items() if weight}
    analyses = AnalysisCache()
    # They edit the same parents, and analysing one twice costs 0.2 ms of processor time per proposal.
    extra = {name: {"analyses": analyses} for name in ("syntax", "tune")}
    operators = [_make(definitions[name], f"mutation.operators.{name}", **extra.get(name, {})) for name in shares]
    return OperatorMix(operators, shares, keyless=keyless)


def build_executor(config: Config, problem: Problem) -> Executor:
    """Return the executor, with sandboxes for this problem."""

    def make_sandbox() -> Sandbox:
        return build_sandbox(config, problem)

    return cast(Executor, _make(config["executor"], "executor", make_sandbox=make_sandbox))


def build_sandbox(config: Config, problem: Problem) -> Sandbox:
    """Return one sandbox for a problem, not started."""
    return cast(Sandbox, _make(config["sandbox"], "sandbox", problem=problem))


def open_store(config: Config) -> Store:
    """Open the store of a configuration. Raises StoreError."""
    return cast(Store, _make(config["store"], "store"))


def _make(config: Config, where: str, **extra: object) -> Any:
    try:
        # Only the configured part goes through Hydra, which would turn objects into configuration.
        return instantiate(dict(config), _convert_="all", _partial_=True)(**extra)
    except HydraException as error:
        cause = error.__cause__
        if isinstance(cause, EvolveError):
            raise cause from error
        raise ConfigurationError(f"{where}: {cause or error}") from error
    except TypeError as error:
        raise ConfigurationError(f"{where}: {error}") from error


def _holder() -> str:
    from evolve.store.holder import this_holder

    return this_holder()


def store_config(url: str) -> Config:
    """Return the configuration of the store at a URL."""
    path = bundled("conf") / "store" / "sqlite.yaml"
    return {**cast(dict[str, Any], OmegaConf.to_container(OmegaConf.load(path))), "url": url}


def find_run(url: str, run: str) -> RunInfo:
    """Return a run of a store. Raises NotFound with the nearest id."""
    store = open_existing(url)
    try:
        known = {info.id: info for info in store.runs()}
    finally:
        store.close()
    if run not in known:
        raise NotFound(f"{url} has no run {run!r}. {nearest(run, known)}")
    return known[run]


def open_existing(url: str) -> Store:
    """Open a store for looking. Raises NotFound when its file does not exist."""
    path = url.removeprefix("sqlite:///")
    if path != url and not Path(path).is_file():
        raise NotFound(f"There is no store at {url} (looked for {Path(path).resolve()}). Give another with --store.")
    return open_store({"store": store_config(url)})


# ── provenance ────────────────────────────────────────────────────────────────────────────────
def new_run(config: Config, parts: Parts) -> RunInfo:
    """Return the record of a run that is about to start, with everything needed to repeat it."""
    name = config["run"] or f"{parts.problem.name}-{secrets.token_hex(3)}"
    stored = {**config, "problem": _stored_problem(str(config["problem"])), "run": name}
    provenance = {
        "version": __version__,
        "commit": _commit(),
        "judge_hash": parts.problem.judge_hash(),
        "python": platform.python_version(),
        "machine": f"{platform.node()} {platform.machine()} {platform.system()} {platform.release()}",
    }
    return RunInfo(str(name), parts.problem.name, "running", stored, provenance, created_at=time.time())


def _stored_problem(name: str) -> str:
    return name if name in problem_names() else str(Path(name).resolve())


def _commit() -> str:
    """Return the checkout's commit, or an empty string for an installed package."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return ""
    shown = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return shown.stdout.strip()
