"""Runs of an ablation: of which variant each is, whether it is what that says, and which are on record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from evolve import configuration, wiring
from evolve.catalogue import conf_folders
from evolve.domain.problem import Problem
from evolve.errors import ConfigurationError, ProblemError
from evolve.interfaces import RunInfo, Store, Tier
from evolve.paths import bundled

NEEDS = ("nothing", "model", "ensemble")
_WHERE = frozenset({"sandbox", "executor", "store", "run"})
_WHERE_MODELS_ARE = frozenset({"api_base", "api_key_env"})


def name_of(config: configuration.Config) -> str:
    """Return the variant that a configuration is of; ``full`` where nothing was left out."""
    variant = config.get("variant")
    return "full" if variant is None else str(variant["name"])


def check(config: configuration.Config, config_dir: Path | None = None) -> None:
    """Raise ConfigurationError for a variant that would be no different from the whole, or is not what it says.

    Args:
        config: composed with an option of ``ablation``, or with none.
        config_dir: where else such options lie.
    """
    if config.get("variant") is None:
        return
    name, needs = name_of(config), config["variant"].get("needs")
    if needs not in NEEDS:
        raise ConfigurationError(
            f"ablation={name}: variant.needs: expected one of {', '.join(NEEDS)}, found {needs!r}."
        )
    _check_models(config, name, needs)
    for key, wanted in _settings_of(name, config_dir).items():
        found = _at(config, key)
        if found != wanted:
            raise ConfigurationError(
                f"ablation={name} means {key}={wanted}, but another setting of yours makes it {found}. "
                f"Leave that setting or this variant out: ablation=full,..."
            )
    _check_blocks(config, name)


def _check_models(config: configuration.Config, name: str, needs: str) -> None:
    if needs == "nothing":
        return
    keyless = "_target_" not in config["llm"]
    if keyless:
        raise ConfigurationError(f"ablation={name} needs a model, and the run has none: choose one with llm=MODEL.")
    if needs == "ensemble":
        members = config["llm"].get("members", {})
        tiers = {str(Tier(member.get("tier", Tier.CHEAP))) for member in members.values()}
        if len(tiers) < len(Tier):
            raise ConfigurationError(f"ablation={name} needs llm=ensemble with members of the tiers cheap and strong.")


def _check_blocks(config: configuration.Config, name: str) -> None:
    try:
        wiring.build_problem(config)
    except ProblemError as error:
        if config["mutation"].get("blocks") != "one":
            raise
        raise ConfigurationError(f"ablation={name}: {error}") from error


def _settings_of(name: str, config_dir: Path | None) -> Mapping[str, object]:
    """Return dotted key -> value of all that a variant sets, the options it chooses included."""
    folders = [bundled("conf"), *conf_folders(config_dir)]
    paths = [folder / "ablation" / f"{name}.yaml" for folder in folders]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise ConfigurationError(
            f"variant.name: there is no file {name}.yaml in a folder ablation of {', '.join(map(str, folders))}."
        )
    settings = yaml.safe_load(path.read_text())
    chosen = [item for item in settings.pop("defaults", []) if isinstance(item, dict)]
    found: dict[str, object] = dict(_leaves(settings))
    for group, option in ((key.split("/")[-1], value) for item in chosen for key, value in item.items()):
        found.update((f"{group}.{key}", value) for key, value in _leaves(configuration.option(group, str(option))))
    return found


def _leaves(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        elif not (isinstance(value, str) and value.startswith("${")):
            yield f"{prefix}{key}", value


def _at(config: configuration.Config, key: str) -> object:
    found: Any = config
    for part in key.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found


# ── which runs belong to a study ──────────────────────────────────────────────────────────────
def run_id(config: configuration.Config, problem: Problem) -> str:
    """Return the name of a study's run."""
    return f"{config['study']}-{problem.name}-{name_of(config)}-{config['seed']}"


def on_record(store: Store, info: RunInfo) -> RunInfo | None:
    """Return the run of this id that the store has, or None.

    Raises:
        ConfigurationError: it was made with other settings or by another judge; results of both in one
            table would say nothing. Where programs run and models are reached does not matter.
    """
    known = {run.id: run for run in store.runs()}.get(info.id)
    if known is None:
        return None
    before, now = (dict(_settings(run.config)) for run in (known, info))
    before["the judge"], now["the judge"] = (run.provenance.get("judge_hash") for run in (known, info))
    for key in sorted(before.keys() | now.keys(), key=lambda key: (key.count("."), key)):
        if before.get(key) != now.get(key):
            raise ConfigurationError(
                f"Run {info.id!r} is on record with {key}={before.get(key)}, not {now.get(key)}. Runs of one study "
                "have equal settings: give this one a name of its own with study=NAME."
            )
    return known


def _settings(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in config.items():
        if key in (_WHERE if not prefix else _WHERE_MODELS_ARE):
            continue
        if isinstance(value, Mapping):
            yield from _settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", list(value) if isinstance(value, tuple) else value
