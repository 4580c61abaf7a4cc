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
from contextlib import closing
from dataclasses import fields
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any, Literal, cast

import hydra
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, OverrideParseException
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from evolve import __version__
from evolve.arguments import at_least, check_arguments, check_value
from evolve.controller.budget import Budget
from evolve.controller.loop import Widths
from evolve.controller.run import Observer, Parts, Result, resume_run, start_run
from evolve.domain.problem import Problem
from evolve.domain.rules import Rules
from evolve.domain.steering import check_weights, weight_vector
from evolve.errors import ConfigurationError, EvolveError, NotFound, ProblemError, SandboxUnavailable, nearest
from evolve.evaluation import docker_engine
from evolve.importing.kinds import find_task
from evolve.importing.writing import problem_beside
from evolve.interfaces import Executor, LanguageModel, Member, RunInfo, Sandbox, Search, Store, Tier
from evolve.llm.ensemble import Ensemble
from evolve.mutation.answer import ModelOperator
from evolve.mutation.bandit import OperatorBandit
from evolve.mutation.context_files import check_context_files
from evolve.mutation.lessons import Lessons
from evolve.mutation.mix import Chooser, OperatorMix
from evolve.mutation.novelty import Novelty
from evolve.mutation.python_analysis import AnalysisCache
from evolve.paths import bundled
from evolve.store.address import is_postgres, public

Config = Mapping[str, Any]

_EXPERIMENT = "experiment"
_SEVERAL_GROUPS = (_EXPERIMENT, "ablation")
"""Groups whose options hold settings of other groups."""
_LESSON_OPERATORS = ("distill", "meta_prompt")
_NAMES = ("problem", "run", "store.url")
_LONGEST_RUN = 200
_PLAIN = re.compile(r"""[\w./:~+-]*|.*[,'"$\\].*""", re.ASCII)
"""What is passed on as it is: plain words, and what its author has quoted, made of parts or listed."""


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
    wanted = signature(get_object(config["executor"]["_target_"])).parameters
    return "make_sandbox" in wanted or "build_sandbox" in wanted


def option(group: str, name: str) -> Config:
    """Return an option of a config group as it is written, without what it refers to."""
    return cast(Config, OmegaConf.to_container(OmegaConf.load(bundled("conf") / group / f"{name}.yaml")))


def for_resume(config: Config, overrides: Sequence[str]) -> Config:
    """Return a stored configuration with some ``budget.KEY=VALUE``, the sandbox or the executor changed.

    Sandbox and executor are where programs run, not what they score: another machine may have others.
    Raises ConfigurationError.
    """
    budget = dict(config["budget"])
    for override in overrides:
        key, value = parsed(override)
        if key in ("sandbox", "executor"):
            config = {**config, key: configure(["problem=none", override])[key]}
            if key == "executor":  # its controller is here, unless that is asked for too
                config = {**config, "controller": {**config["controller"], "detached": False}}
            continue
        if key.startswith("executor.") or key == "controller.detached":
            config = _with(config, key.split("."), value, key)
            continue
        name = key.removeprefix("budget.")
        if name == key or name not in budget:
            known = [f"budget.{known}" for known in budget]
            raise ConfigurationError(
                f"A resumed run takes settings of its budget, sandbox=NAME and executor=NAME only, not {key!r}. "
                f"{nearest(key, known)}"
            )
        budget[name] = value
    return {**config, "budget": budget}


def for_fork(config: Config, overrides: Sequence[str]) -> Config:
    """Return a stored configuration with options of groups, or single settings, changed; the problem stays.

    Raises ConfigurationError.
    """
    changed: dict[str, Any] = {**config, "run": None, "study": None}
    for override in (part for given in overrides for part in normal_form(given)):
        key, value = parsed(override)
        if key in ("problem", "store") or key.startswith(("params.", "store.")):
            raise ConfigurationError(f"A fork keeps its {key.partition('.')[0]}; {key!r} cannot be changed.")
        if key in _SEVERAL_GROUPS:
            raise ConfigurationError(f"A fork takes options and settings one by one, not an {key}.")
        if key in _groups():
            changed[key] = configure(["problem=none", override])[key]
        else:
            changed = _with(changed, key.split("."), value, key)
    return changed


def _with(settings: Mapping[str, Any], path: Sequence[str], value: object, key: str) -> dict[str, Any]:
    name, *rest = path
    if name not in settings:
        raise ConfigurationError(f"There is no setting {key!r} in this run. {nearest(name, settings)}")
    inner = settings[name]
    if rest and not isinstance(inner, Mapping):
        raise ConfigurationError(f"There is no setting {key!r} in this run: {name} is a single value.")
    return {**settings, name: _with(inner, rest, value, key) if rest else value}


def parsed(override: str) -> tuple[str, Any]:
    """Return key and value of ``KEY=VALUE``, read as ``run`` reads it. Raises ConfigurationError."""
    try:
        read = OverridesParser.create().parse_override(override)
    except HydraException as error:
        raise ConfigurationError(_unreadable(override)) from error
    return read.key_or_group, read.value()


def _unreadable(override: str) -> str:
    key, separator, value = override.lstrip("+~").partition("=")
    if not separator:
        return f"{key!r} is not of the form key=value."
    return f"The value of {key}={value} cannot be read. Put a text with special characters in quotes: \"{key}='TEXT'\"."


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

    ``params.NAME=`` may name any parameter of the problem. Names and paths may hold spaces and
    letters of any language; with commas they are several, for a sweep. ``llm=`` takes a preset of conf/llm, a
    model name as litellm knows it, or the URL of an OpenAI-compatible server with ``#MODEL``.
    """
    if override.startswith(("params.", "objective_weights.")):
        return [f"++{override}"]
    key, separator, value = override.partition("=")
    if key in _NAMES and not _PLAIN.fullmatch(value):
        return [f"{key}={quoted(value)}"]
    if key != "llm" or value in options("llm"):
        return [override]
    if separator and not value:
        known = ", ".join(options("llm"))
        raise ConfigurationError(
            f"llm has no value: expected {known}, the name of a model, or http://HOST:PORT/v1#MODEL."
        )
    if re.match(r"https?://", value):
        url, _, model = value.partition("#")
        return ["llm=single", f"llm.model='openai/{model or 'default'}'", f"llm.api_base='{url}'"]
    return ["llm=single", f"llm.model='{value}'"]


def quoted(text: str) -> str:
    """Return a text as a value that Hydra takes literally."""
    return "'" + re.sub(r"(\\*)'", r"\1\1\'", text) + "'"


def options(group: str) -> list[str]:
    """Return the names of the options of a config group."""
    return sorted(path.stem for path in (bundled("conf") / group).glob("*.yaml"))


def _groups() -> list[str]:
    return sorted(path.name for path in bundled("conf").iterdir() if path.is_dir())


def _explain(error: Exception, overrides: Sequence[str]) -> str:
    if isinstance(error, OverrideParseException):
        return _unreadable(error.override)
    known_keys = _known_keys()
    for override in overrides:
        key, separator, value = override.lstrip("+~").partition("=")
        if not separator:
            return _unreadable(override)
        if key in _groups():
            if value not in options(key):
                return f"{key} has no option {value!r}. {nearest(value, options(key))}"
        elif not override.startswith(("+", "hydra.")) and key not in known_keys:
            return f"There is no setting {key!r}. {_nearest_key(key, known_keys)}"
    return _not_in_option(str(error), overrides)


def _not_in_option(said: str, overrides: Sequence[str]) -> str:
    """Explain a setting that another option of its group has, but not the one that is chosen."""
    found = re.search(r"Could not override '(([a-z_]+)\.[^']+)'", said)
    if found is None:
        return said
    key, group = found.groups()
    chosen = [value for name, _, value in (o.lstrip("+").partition("=") for o in overrides) if name == group]
    option = f"{group}={chosen[-1]}" if chosen else f"the default option of {group}"
    return f"{option} has no setting {key!r}. `evolve run ... --cfg job` prints the settings that apply."


def _known_keys() -> set[str]:
    keys: set[str] = set()
    for path in bundled("conf").rglob("*.yaml"):
        if path.parent.name in _SEVERAL_GROUPS:
            continue
        prefix = "" if path.parent == bundled("conf") else f"{path.parent.name}."
        keys.update(prefix + key for key in _paths(OmegaConf.to_container(OmegaConf.load(path))))
    return keys | set(_groups())


def _paths(data: Any, prefix: str = "") -> Iterator[str]:
    for key, value in data.items() if isinstance(data, dict) else ():
        yield f"{prefix}{key}"
        yield from _paths(value, f"{prefix}{key}.")


def _nearest_key(key: str, known_keys: set[str]) -> str:
    known = {name for name in known_keys if not name.startswith(("hydra", "defaults")) and "_target_" not in name}
    same_end = sorted(name for name in known if name.endswith(f".{key}"))
    if same_end:
        return f"Did you mean {' or '.join(map(repr, same_end))}?"
    parent = key.rpartition(".")[0]
    while parent and parent not in known:
        parent = parent.rpartition(".")[0]
    return nearest(key, {name for name in known if name.rpartition(".")[0] == parent})


# ── objects ───────────────────────────────────────────────────────────────────────────────────
def problem_names() -> list[str]:
    """Return the names of the bundled problems."""
    return sorted(
        p.parent.name for p in bundled("problems").glob("*/problem.yaml") if not p.parent.name.startswith("_")
    )


def load_problem(name: str, params: Mapping[str, object] | None = None) -> Problem:
    """Return a bundled problem by name, the one in a folder, or that of another system's task at a path.

    Raises ConfigurationError or ProblemError.
    """
    if name in problem_names():
        return Problem.load(bundled("problems") / name, params)
    path = Path(name)
    if "/" not in name and name not in (".", "..") and not path.exists():
        hint = f"{nearest(name, problem_names())} A path like ./{name} names a folder of yours."
        raise ConfigurationError(f"There is no problem {name!r}. {hint}")
    task = None if (path / "problem.yaml").exists() else find_task(path)
    return Problem.load(problem_beside(task).folder if task else path, params)


def build_problem(config: Config) -> Problem:
    """Return the problem of a configuration. Raises ConfigurationError or ProblemError."""
    problem = load_problem(config["problem"], config["params"])
    blocks = config["mutation"].get("blocks", "all")  # a run on record may be older
    check_value(blocks, Literal["all", "one"], "mutation.blocks")
    return problem.with_one_block() if blocks == "one" else problem


def build(config: Config, problem: Problem | None = None) -> Parts:
    """Build everything a run is made of. Nothing is started, opened or spent.

    ``problem`` is the one that the configuration names, where its folder is elsewhere on this machine.
    Raises ConfigurationError or ProblemError.
    """
    check_settings(config)
    problem = problem or build_problem(config)
    model = build_model(config)
    build_sandbox(config, problem)  # so that a wrong setting of it is met now, not when the first one starts
    executor = build_executor(config, problem)
    build_search(config, problem)  # the same for its settings
    controller = dict(config["controller"])
    # A run on record may be older than a setting.
    is_detached(config)
    controller.pop("detached", None)
    reuse_evaluations = controller.pop("reuse_evaluations", False)
    check_value(reuse_evaluations, bool, "controller.reuse_evaluations")
    lease_s, store_patience_s = _patience(controller.pop("lease_s", 30.0), controller.pop("store_patience_s", None))
    budget = {**dict.fromkeys(limit.name for limit in fields(Budget)), **config["budget"]}
    check_arguments(Budget, budget, "budget")
    is_elastic = config["executor"].get("width", 1) is None
    if is_elastic:  # whether it is one at a time must not depend on how many machines there are just now
        controller["ordered"] = bool(controller["ordered"])
    widths_for = partial(build_widths, controller, keyless=model is None)
    return Parts(
        problem=problem,
        seed=config["seed"],
        new_search=lambda: build_search(config, problem),
        operators=build_operators(config, problem, model),
        lessons=build_lessons(config, model),
        novelty=build_novelty(config, problem, model),
        model=model,
        executor=executor,
        budget=Budget(**budget),
        widths=widths_for(executor.width),
        widths_for=widths_for if is_elastic else None,
        open_store=lambda: open_store(config),
        holder=_holder(),
        sealed=config["sealed"],
        reuse_evaluations=reuse_evaluations,
        rules=build_rules(config, problem),
        lease_s=lease_s,
        store_patience_s=store_patience_s,
        store=public(str(config["store"]["url"])),
    )


def _patience(lease_s: float, store_patience_s: float | None) -> tuple[float, float | None]:
    check_value(lease_s, float, "controller.lease_s")
    check_value(store_patience_s, float | None, "controller.store_patience_s")
    at_least(1, "controller", lease_s=lease_s)
    at_least(0, "controller", store_patience_s=store_patience_s)
    return lease_s, store_patience_s


def check_settings(config: Config) -> None:
    """Raise ConfigurationError for a setting outside the groups that has the wrong type."""
    for name, kind in {"problem": str, "params": dict, "seed": int, "sealed": bool}.items():
        check_value(config[name], kind, name)
    if config["seed"] < 0:
        raise ConfigurationError(f"seed: expected at least 0, found {config['seed']!r}.")
    if not isinstance(config["params"], dict):
        raise ConfigurationError(f"params: expected settings params.NAME=VALUE, found {config['params']!r}.")


def is_detached(config: Config) -> bool:
    """Whether the controller is to work on the cluster. Raises ConfigurationError where it cannot."""
    detached = config["controller"].get("detached", False)
    check_value(detached, bool, "controller.detached")
    if detached and "ship_code" not in config["executor"]:
        raise ConfigurationError(
            "controller.detached=true: the controller is to work on a cluster, so a cluster is needed: executor=ray."
        )
    return bool(detached)


async def carry_on(config: Config, info: RunInfo, problem: Problem, observe: Observer, again: bool) -> Result | None:
    """Begin a run, or go on where its record ends; return how it ended.

    ``problem`` is the one that the configuration names, wherever its folder is here. ``again``: this controller takes
    the place of one that was lost; None if that one had ended the run, or was told to pause.
    """
    parts = build(config, problem)
    store = parts.open_store()
    try:
        known = next((run for run in store.runs() if run.id == info.id), None)
    finally:
        store.close()
    if known is None:
        return await start_run(parts, info, observe)
    if again and known.status != "running":
        return None
    return await resume_run(parts, info.id, observe)


def build_widths(controller: Config, width: int, *, keyless: bool) -> Widths:
    """Return how much happens at once, in proportion to the executor's width."""
    check_arguments(_per_slot, controller, "controller")
    return _per_slot(**controller, width=width, keyless=keyless)


def _per_slot(
    *, propose_per_slot: int, queue_per_slot: int, ordered: bool | None, stall: int, width: int, keyless: bool
) -> Widths:
    at_least(1, "controller", propose_per_slot=propose_per_slot, queue_per_slot=queue_per_slot, stall=stall)
    if ordered is None:
        ordered = width == 1 and keyless
    return Widths(propose=propose_per_slot * width, queue=queue_per_slot * width, ordered=ordered, stall=stall)


def build_search(config: Config, problem: Problem) -> Search:
    """Return the search of a configuration, behind what tells noise from progress."""
    inner = cast(Search, _make(config["search"], "search", features=problem.features))
    if "noise" not in config:  # a run of a version that took every score as it came
        return inner
    extra = {"search": inner, "sealed": problem.sealed is not None, "known": problem.known_gain()}
    return cast(Search, _make(config["noise"], "noise", **extra))


def build_rules(config: Config, problem: Problem) -> Rules:
    """Return the rules a run begins with: by ``objective_weights``, if there are any. Raises ConfigurationError."""
    weights = config.get("objective_weights")
    if weights is not None:
        check_weights(weights, "objective_weights")
    return Rules(weight_vector(problem, weights))


def build_model(config: Config) -> Ensemble | None:
    """Return the models, or None in a keyless run. A single model is an ensemble of one."""
    if "_target_" not in config["llm"]:
        return None
    made = cast(LanguageModel | Ensemble, _make(config["llm"], "llm"))
    return made if isinstance(made, Ensemble) else Ensemble([Member(made)])


def build_operators(config: Config, problem: Problem, model: LanguageModel | None) -> Chooser:
    """Return what chooses among the operators that have a share, and those that draw lessons."""
    mutation = config["mutation"]
    check_context_files(mutation["prompt"]["context_files"], problem.folder)
    weights, definitions = mutation["weights"], mutation["operators"]
    for name, weight in weights.items():
        check_value(weight, float, f"mutation.weights.{name}")
        if name not in definitions:
            raise ConfigurationError(f"mutation.weights names no operator {name!r}. {nearest(name, definitions)}")
    lessons = _LESSON_OPERATORS if model is not None and mutation["lessons"] is not None else ()
    shares = {name: weight for name, weight in weights.items() if weight} | dict.fromkeys(lessons, 0.0)
    analyses = AnalysisCache()
    # They edit the same parents: of 636 analyses in one run, 258 were of a text the other had analysed.
    extra = {name: {"analyses": analyses} for name in ("syntax", "tune")}
    operators = [_make(definitions[name], f"mutation.operators.{name}", **extra.get(name, {})) for name in shares]
    strong = [*lessons, *(o.name for o in operators if isinstance(o, ModelOperator) and o.tier is Tier.STRONG)]
    members = model.members if isinstance(model, Ensemble) else ()
    mix = OperatorMix(operators, shares, keyless=model is None, members=members, strong=strong)
    if model is None or mutation["bandit"] is None:
        return mix
    check_arguments(OperatorBandit, mutation["bandit"], "mutation.bandit")
    return OperatorBandit(mix, **mutation["bandit"])


def build_lessons(config: Config, model: LanguageModel | None) -> Lessons | None:
    """Return what prompts teach, or None in a run without a model or lessons."""
    if model is None or config["mutation"]["lessons"] is None:
        return None
    return cast(Lessons, _make(config["mutation"]["lessons"], "mutation.lessons"))


def build_novelty(config: Config, problem: Problem, model: LanguageModel | None) -> Novelty | None:
    """Return what recognises programs that there were already; None without a model, as nothing is renamed then."""
    near = config["mutation"]["near_duplicates"]
    check_value(near, float, "mutation.near_duplicates")
    return Novelty(problem.language, near=near) if model is not None else None


def build_executor(config: Config, problem: Problem, make_sandbox: Callable[[], Sandbox] | None = None) -> Executor:
    """Return the executor, with sandboxes for this problem, or those that ``make_sandbox`` makes.

    One that judges on other machines gets what sandboxes are made from there.
    """

    def configured() -> Sandbox:
        return build_sandbox(config, problem)

    offered = {
        "make_sandbox": make_sandbox or configured,
        "problem": problem,
        "build_sandbox": build_sandbox,
        "settings": {"sandbox": config["sandbox"]},
    }
    wanted = signature(get_object(config["executor"]["_target_"])).parameters
    extra = {name: value for name, value in offered.items() if name in wanted}
    return cast(Executor, _make(config["executor"], "executor", **extra))


def build_sandbox(config: Config, problem: Problem) -> Sandbox:
    """Return one sandbox for a problem, not started."""
    return cast(Sandbox, _make(config["sandbox"], "sandbox", problem=problem))


def open_store(config: Config) -> Store:
    """Open the store of a configuration. Raises StoreError."""
    return cast(Store, _make(config["store"], "store"))


def _make(config: Config, where: str, **extra: object) -> Any:
    _check_parts(config, where)
    try:
        # Only the configured part goes through Hydra, which would turn objects into configuration.
        made = {name: _factory(value) for name, value in config.items() if _is_factory(value)}
        rest = {name: value for name, value in config.items() if name not in made}
        return instantiate(rest, _convert_="all", _partial_=True)(**made, **extra)
    except HydraException as error:
        cause = error.__cause__
        if isinstance(cause, EvolveError):
            raise cause from error
        raise ConfigurationError(f"{where}: {cause or error}") from error
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{where}: {error}") from error


def _is_factory(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value.get("_partial_"))


def _factory(config: Config) -> partial[Any]:
    """Return what makes a configured object again and again, as for each island: Hydra's take milliseconds."""
    settings = {name: value for name, value in config.items() if name not in ("_target_", "_partial_")}
    return partial(get_object(config["_target_"]), **{name: _with_factories(value) for name, value in settings.items()})


def _with_factories(value: object) -> object:
    if _is_factory(value):
        return _factory(cast(Config, value))
    if isinstance(value, Mapping) and "_target_" in value:
        return instantiate(value, _convert_="all")
    if isinstance(value, Mapping):
        return {name: _with_factories(part) for name, part in value.items()}
    return value


def _check_parts(config: Config, where: str) -> None:
    """Check the values of a configured object and of the objects it is made of."""
    if "_target_" in config:
        check_arguments(get_object(config["_target_"]), config, where)
    for name, value in config.items():
        if isinstance(value, Mapping):
            _check_parts(value, f"{where}.{name}")


def _holder() -> str:
    from evolve.store.holder import this_holder

    return this_holder()


def store_config(url: str) -> Config:
    """Return the configuration of the store at a URL."""
    return {**option("store", "postgres" if is_postgres(url) else "sqlite"), "url": url}


def find_run(url: str, run: str) -> RunInfo:
    """Return a run of a store. Raises NotFound with the nearest id."""
    store = open_existing(url)
    try:
        return store.run(run)
    except NotFound as error:  # only now: the totals of all runs take a while
        known = [info.id for info in store.runs()]
        raise NotFound(f"{public(url)} has no run {run!r}. {nearest(run, known)}") from error
    finally:
        store.close()


def problem_of(run: RunInfo) -> Problem:
    """Return the problem of a run on record. Raises ProblemError when its folder cannot be read any more."""
    try:
        return build_problem(run.config)
    except (ProblemError, ConfigurationError) as error:
        raise ProblemError(
            f"Run {run.id!r} needs its problem: {error} Put the folder back where it was. "
            f"Without it, `evolve export {run.id}` and `evolve show {run.id} STEP` still work."
        ) from error


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
    if len(str(name)) > _LONGEST_RUN:
        raise ConfigurationError(f"run: expected at most {_LONGEST_RUN} characters, found {len(str(name))}.")
    store = {**config["store"], "url": public(str(config["store"]["url"]))}
    stored = {**config, "problem": _stored_problem(str(config["problem"])), "run": name, "store": store}
    provenance = {
        "version": __version__,
        "commit": _commit(),
        "judge_hash": parts.problem.judge_hash(),
        "python": platform.python_version(),
        "machine": f"{platform.node()} {platform.machine()} {platform.system()} {platform.release()}",
    }
    aims = parts.problem.objectives
    return RunInfo(str(name), parts.problem.name, "running", stored, provenance, time.time(), objectives=aims)


def _stored_problem(name: str) -> str:
    return name if name in problem_names() else str(Path(name).resolve())


def _commit() -> str:
    """Return the checkout's commit, or an empty string for an installed package."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return ""
    shown = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return shown.stdout.strip()
