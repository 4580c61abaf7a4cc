"""From a configuration to objects."""

from __future__ import annotations

import platform
import secrets
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any, Literal, cast

from hydra.errors import HydraException
from hydra.utils import instantiate

from evolve import __version__
from evolve.arguments import at_least, check_arguments, check_value
from evolve.catalogue import options, problem_names
from evolve.configuration import Config, option
from evolve.controller.budget import Budget
from evolve.controller.loop import Widths
from evolve.controller.run import Observer, Parts, Result, resume_run, start_run
from evolve.domain.problem import Limits, Problem
from evolve.domain.rules import Rules
from evolve.domain.steering import check_weights, weight_vector
from evolve.errors import ConfigurationError, EvolveError, NotFound, ProblemError, nearest
from evolve.interfaces import Executor, LanguageModel, Member, RunInfo, Sandbox, Search, Store, Tier, Tracker, Workshop
from evolve.llm.ensemble import Ensemble
from evolve.mutation.answer import ModelOperator
from evolve.mutation.bandit import OperatorBandit
from evolve.mutation.context_files import check_context_files
from evolve.mutation.lessons import Lessons
from evolve.mutation.mix import Chooser, OperatorMix
from evolve.mutation.novelty import Novelty
from evolve.mutation.python_analysis import AnalysisCache
from evolve.plugins.installed import installed_plugins
from evolve.plugins.locating import locate
from evolve.problem_library import load_problem
from evolve.store.address import is_postgres, public

_LESSON_OPERATORS = ("distill", "meta_prompt")
_AGENT = "agent"
_LONGEST_RUN = 200


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
        trackers=lambda: build_trackers(config),
        workshop=build_workshop(config, problem),
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
    wanted = signature(locate(config["executor"]["_target_"], "executor")).parameters
    extra = {name: value for name, value in offered.items() if name in wanted}
    return cast(Executor, _make(config["executor"], "executor", **extra))


def build_sandbox(config: Config, problem: Problem) -> Sandbox:
    """Return one sandbox for a problem, not started."""
    return cast(Sandbox, _make(config["sandbox"], "sandbox", problem=problem))


def build_workshop(config: Config, problem: Problem) -> Workshop | None:
    """Return where coding agents work: in sandboxes of the run's kind; None where no operator has one work.

    Raises ConfigurationError where these sandboxes cannot give agents what the settings ask for.
    """
    mutation = config["mutation"]
    settings = mutation.get("workshop")  # a run on record may be older
    if settings is None or not mutation["weights"].get(_AGENT):
        return None
    sandbox = _session_sandbox(config["sandbox"], settings)

    def make_sandbox(limits: Limits) -> Sandbox:
        # Still the problem's: its image and libraries are what agents try programs out with, its folder stays hidden.
        return build_sandbox({"sandbox": sandbox}, replace(problem, limits=limits))

    return cast(Workshop, _make(settings, "mutation.workshop", make_sandbox=make_sandbox))


def _session_sandbox(sandbox: Config, settings: Config) -> Config:
    """Return the settings of the sandboxes that sessions run in."""
    if "docker" in sandbox:  # the machine decides which of both it will be
        if settings["network"] is not None:
            raise ConfigurationError("mutation.workshop.network: only containers can have one; choose sandbox=docker.")
        return {**sandbox, **{name: _session_sandbox(sandbox[name], settings) for name in ("docker", "process")}}
    wanted = {"pin": False, "sockets": settings["model_address"], "network": settings["network"]}
    known = signature(locate(sandbox["_target_"], "sandbox")).parameters
    for name, value in wanted.items():
        if value and name not in known:
            raise ConfigurationError(
                f"mutation.workshop.{name}={value}: this sandbox ({sandbox['_target_']}) lets nothing out, so an "
                "agent that needs a network of its own cannot be run in it. Choose sandbox=docker, or an agent that "
                "is content with the run's model (mutation.workshop.model_address=true)."
            )
    return {**sandbox, **{name: value for name, value in wanted.items() if name in known}}


def open_store(config: Config) -> Store:
    """Open the store of a configuration. Raises StoreError."""
    return cast(Store, _make(config["store"], "store"))


def build_trackers(config: Config) -> dict[str, Tracker]:
    """Return those that are told of a run, by name. Raises ConfigurationError where a package is missing."""
    chosen = config.get("trackers", {})  # a run on record may be older
    return {name: cast(Tracker, _make(settings, f"trackers.{name}")) for name, settings in chosen.items()}


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
    target = locate(config["_target_"], "a part")
    return partial(target, **{name: _with_factories(value) for name, value in settings.items()})


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
        check_arguments(locate(config["_target_"], where), config, where)
    for name, value in config.items():
        if isinstance(value, Mapping):
            _check_parts(value, f"{where}.{name}")


def _holder() -> str:
    from evolve.store.holder import this_holder

    return this_holder()


def store_config(url: str) -> Config:
    """Return the configuration of the store at a URL; a plug-in's option is named as the URL's scheme."""
    return {**option("store", _kind_of_store(url)), "url": url}


def _kind_of_store(url: str) -> str:
    scheme = url.partition(":")[0]
    if is_postgres(url):
        return "postgres"
    return scheme if scheme in options("store") else "sqlite"


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
    """Return the problem of a run on record, judged by the rule that the record was made by.

    Raises ProblemError when its folder cannot be read any more.
    """
    try:
        return build_problem(run.config).as_judged_by(run.provenance.get("judge_hash"))
    except (ProblemError, ConfigurationError) as error:
        raise ProblemError(
            f"Run {run.id!r} needs its problem: {error} Put the folder back where it was. "
            f"Without it, `evolve export {run.id}` and `evolve show {run.id} STEP` still work."
        ) from error


def refuse_changed_judge(parts: Parts, info: RunInfo) -> None:
    """Raise ConfigurationError if what a run was scored by is not what would score it now."""
    before, now = info.provenance.get("judge_hash"), parts.problem.judge_hash()
    if before != now:
        raise ConfigurationError(
            f"Run {info.id!r} was scored by judge {before}, but {parts.problem.folder} is now {now}: code, data or "
            "parameters changed, and the scores would not be comparable. Restore the folder, or start a new run."
        )


def open_existing(url: str) -> Store:
    """Open a store for looking. Raises NotFound when its file does not exist."""
    path = url.removeprefix("sqlite:///")
    if path != url and not Path(path).is_file():
        raise NotFound(f"There is no store at {url} (looked for {Path(path).resolve()}). Give another with --store.")
    return open_store({"store": store_config(url)})


def new_run(config: Config, parts: Parts) -> RunInfo:
    """Return the record of a run that is about to start, with everything needed to repeat it."""
    name = config["run"] or f"{parts.problem.name}-{secrets.token_hex(3)}"
    if len(str(name)) > _LONGEST_RUN:
        raise ConfigurationError(f"run: expected at most {_LONGEST_RUN} characters, found {len(str(name))}.")
    store = {**config["store"], "url": public(str(config["store"]["url"]))}
    stored = {**config, "problem": _stored_problem(str(config["problem"])), "run": name, "store": store}
    stored["trackers"] = {key: _public(settings) for key, settings in config.get("trackers", {}).items()}
    provenance = {
        "version": __version__,
        "commit": _commit(),
        "judge_hash": parts.problem.judge_hash(),
        "python": platform.python_version(),
        "plugins": {plugin.name: f"{plugin.distribution} {plugin.version}" for plugin in installed_plugins()},
        "machine": f"{platform.node()} {platform.machine()} {platform.system()} {platform.release()}",
    }
    aims = parts.problem.objectives
    return RunInfo(str(name), parts.problem.name, "running", stored, provenance, time.time(), objectives=aims)


def _stored_problem(name: str) -> str:
    return name if name in problem_names() else str(Path(name).resolve())


def _public(settings: Config) -> Config:
    """Return settings without what could be a password in an address."""
    return {key: public(value) if isinstance(value, str) else value for key, value in settings.items()}


def _commit() -> str:
    """Return the checkout's commit, or an empty string for an installed package."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return ""
    shown = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return shown.stdout.strip()
