"""A problem folder: what is searched, how it is judged, what is known.

Layout::

    problem.yaml     see FIELDS below
    seed/            the initial program
    evaluate.py      def evaluate(candidate, stage, params) -> Score
    baselines/       optional: programs with names, scored beside the result
    exploits/        optional: programs that must not score
"""

from __future__ import annotations

import glob
import hashlib
import json
import math
import symtable
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatch
from operator import itemgetter
from pathlib import Path
from typing import Any, NoReturn

import yaml

from evolve.domain.blocks import editable_regions
from evolve.domain.isolation import Isolation
from evolve.domain.judge_sources import judge_library
from evolve.domain.objective import Constraint, Direction, Feature, Objective
from evolve.domain.program import AUTOMATIC, Program
from evolve.domain.resources import ONE_CORE, Resources
from evolve.domain.single_block import one_block
from evolve.errors import ProblemError, nearest
from evolve.paths import bundled

SEALED = "sealed"
_JUDGE_SUFFIXES_LEFT_OUT = {".pyc", ".md"}
_LONGEST_NAME = 200
_automatic: Callable[[Mapping[str, float]], tuple[float, ...]] = itemgetter(*AUTOMATIC)


class Beside(StrEnum):
    """Whose score on the same stage a program is measured by."""

    SEED = "seed"
    BEST = "best"
    """The best program when the attempt was chosen; what it scored on this stage."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What a stage demands before the next stage is worth running.

    The metric must be at least (maximised) or at most (minimised) ``factor`` times what the program
    ``beside`` it scored on the same stage.
    """

    metric: str
    direction: Direction
    factor: float
    beside: Beside = Beside.SEED

    def passes(self, value: float, standard: float) -> bool:
        """Whether ``value`` is good enough beside the other's."""
        bar = standard * self.factor
        return value >= bar if self.direction is Direction.MAXIMIZE else value <= bar


@dataclass(frozen=True, slots=True)
class Interim:
    """When a stage is not worth finishing: the judge reports that the metric will at best be worse than
    that of the program ``beside`` it, by more than ``slack`` times its size."""

    metric: str
    direction: Direction
    slack: float
    beside: Beside = Beside.BEST

    def limit(self, standard: float) -> float:
        """Return the worst value that is still worth going on for."""
        slack = self.slack * abs(standard)
        return standard - slack if self.direction is Direction.MAXIMIZE else standard + slack


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the cascade. ``timeout_s`` bounds the program's whole time in this stage; ``resources`` say
    where on a cluster it may run."""

    name: str
    timeout_s: float
    gate: Gate | None = None
    interim: Interim | None = None
    resources: Resources = ONE_CORE


@dataclass(frozen=True, slots=True)
class Limits:
    """What one candidate process tree may use, beyond the interpreter and its preloaded modules.

    With ``gpus`` the address space of a process is not limited, as drivers reserve far more than they
    use; the memory of a container is.
    """

    memory_mb: int = 1024
    processes: int = 16
    output_mb: int = 16
    scratch_mb: int = 64
    gpus: int = 0


@dataclass(frozen=True, slots=True)
class KnownBest:
    """A value from the literature, with where it was published."""

    objective: str
    value: float
    source: str
    params: Mapping[str, object] = field(default_factory=dict)

    def applies(self, params: Mapping[str, object]) -> bool:
        """Whether it is the best known for a problem with these parameters."""
        return all(params.get(name) == value for name, value in self.params.items())


@dataclass(frozen=True, slots=True)
class Problem:
    """A validated problem folder with its parameters filled in.

    Args:
        name: the folder's name unless problem.yaml says otherwise.
        folder: absolute path.
        statement: the task in words; shown to models.
        language: of the editable files, lower case (``python``, ``cpp``, ...).
        objectives: in order of importance; the first leads.
        features: axes of the archive grid.
        params: what ``evaluate`` receives; defaults from problem.yaml, overridden per run.
        editable: glob patterns of the files that may change; the rest of the program is read-only.
        entry: the file whose functions the judge calls.
        stages: the cascade, cheap first.
        sealed: the stage whose instances are kept for the champion, or None.
        limits, preload: sandbox limits; modules loaded before candidates are forked.
        known_best: values from the literature.
        constraints: bounds that come before all objectives.
        deterministic: whether a program scores the same whenever it is judged, so that a score on record
            need not be found again.
        one_block: whether only one of the seed's blocks may change.
        isolation: whether a program shares a process with what scores it.
        guidance: (glob pattern, words) in order: what the author of a program should know of a file.
        library_counts: whether the hash of the judge covers what it takes from ``evaluators``. False for runs that were
            begun before it did.
    """

    name: str
    folder: Path
    statement: str
    language: str
    objectives: tuple[Objective, ...]
    features: tuple[Feature, ...]
    params: Mapping[str, object]
    editable: tuple[str, ...]
    entry: str
    stages: tuple[Stage, ...]
    sealed: Stage | None
    limits: Limits
    preload: tuple[str, ...]
    known_best: tuple[KnownBest, ...]
    constraints: tuple[Constraint, ...] = ()
    deterministic: bool = True
    one_block: bool = False
    isolation: Isolation = Isolation.SEPARATE
    guidance: tuple[tuple[str, str], ...] = ()
    library_counts: bool = True

    @classmethod
    def load(cls, folder: Path, params: Mapping[str, object] | None = None) -> Problem:
        """Read and validate a problem folder.

        Raises ProblemError that names the file, the field, what was expected and what was found.
        """
        return _Reader(folder).problem(params or {})

    def seed(self) -> Program:
        """Return the initial program."""
        files = read_program(self.folder / "seed")
        if self.one_block:
            path, text = one_block(files, self._editable(files))
            files = {**files, path: text}
        return Program(step=0, files=files, parents=(), detail={"operator": "seed"})

    def with_one_block(self) -> Problem:
        """Return the problem with one block of its seed that may change. Raises ProblemError if it has no other."""
        files = read_program(self.folder / "seed")
        path, _ = one_block(files, self._editable(files))
        return replace(self, editable=(glob.escape(path),), one_block=True)

    def _editable(self, files: Mapping[str, str]) -> list[str]:
        """Return the files that may change, the one that the judge calls first."""
        return sorted((path for path in files if self.is_editable(path)), key=lambda path: (path != self.entry, path))

    def baselines(self) -> dict[str, Mapping[str, str]]:
        """Return the programs under ``baselines/`` by name, each completed with the seed's other files."""
        return self._programs("baselines")

    def exploits(self) -> dict[str, Mapping[str, str]]:
        """Return the programs under ``exploits/`` by name; each must fail to score."""
        return self._programs("exploits")

    def is_editable(self, path: str) -> bool:
        """Whether the search may change the file at ``path``."""
        return any(fnmatch(path, pattern) for pattern in self.editable)

    def guidance_on(self, path: str) -> str:
        """Return what is to be known of a file, "" where nothing is said."""
        return " ".join(words for pattern, words in self.guidance if fnmatch(path, pattern))

    def vector(self, metrics: Mapping[str, float]) -> tuple[float, ...]:
        """Return one gain per objective, higher is better."""
        return tuple([objective.gain(metrics[objective.name]) for objective in self.objectives])

    def scores(self, gains: Sequence[float]) -> dict[str, float]:
        """Return name -> value of each objective, in the judge's own units."""
        return {o.name: o.gain(gain) for o, gain in zip(self.objectives, gains, strict=True)}

    def violation(self, metrics: Mapping[str, float]) -> float:
        """Return by how much the constraints are broken: the sum of relative violations, 0 when all hold."""
        return sum([c.violation(metrics[c.metric]) for c in self.constraints], 0.0)

    def reference(self, gains: Sequence[float]) -> tuple[float, ...]:
        """Return the gains that hypervolume is measured from; ``gains`` stands in where none is declared."""
        return tuple(
            gain if objective.reference is None else objective.gain(objective.reference)
            for objective, gain in zip(self.objectives, gains, strict=True)
        )

    def shape(self, metrics: Mapping[str, float]) -> tuple[float, ...]:
        """Return a program's shape from its metrics; ``()`` where the record does not hold it."""
        try:
            return _automatic(metrics)
        except KeyError:
            return ()

    def known_gain(self) -> float | None:
        """Return the best value from the literature of the first objective for these parameters, as a gain, or None."""
        lead = self.objectives[0]
        found = [
            lead.gain(known.value)
            for known in self.known_best
            if known.objective == lead.name and known.applies(self.params)
        ]
        return max(found, default=None)

    def stage(self, name: str) -> Stage:
        """Return a stage by name, the sealed one included. Raises ProblemError with the nearest name."""
        every = (*self.stages, self.sealed) if self.sealed else self.stages
        stages = {stage.name: stage for stage in every}
        if name not in stages:
            raise ProblemError(f"Problem {self.name!r} has no stage {name!r}. {nearest(name, stages)}")
        return stages[name]

    def judge_hash(self) -> str:
        """Return a hash of everything a score depends on but the program: judge code, what it takes from the library of
        judges (``library_counts``), data, parameters, limits."""
        digest = hashlib.sha256()
        modules = []
        for path in self._judge_files():
            digest.update(str(path.relative_to(self.folder)).encode() + b"\0" + path.read_bytes() + b"\0")
            modules += [path] if path.suffix == ".py" else []
        scored_by = [self.params, [(s.name, s.timeout_s) for s in self.stages], self.limits.memory_mb]
        digest.update(json.dumps(scored_by, sort_keys=True).encode())
        for place, source in judge_library(modules, bundled("evaluators")) if self.library_counts else ():
            digest.update(place.encode() + b"\0" + source.encode("utf-8", "surrogateescape") + b"\0")
        return digest.hexdigest()[:16]

    def as_judged_by(self, recorded: object) -> Problem:
        """Return the problem with the rule by which a recorded hash of its judge was made, if it is its judge.

        Records from before the library counted are held to what was known then: the folder, parameters and limits.
        """
        former = replace(self, library_counts=False)
        return former if recorded == former.judge_hash() != self.judge_hash() else self

    def _judge_files(self) -> list[Path]:
        """Return the files of the folder that a score depends on, problem.yaml left out."""
        skipped = ("seed", "baselines", "exploits", "__pycache__")
        found = []
        for path in sorted(self.folder.rglob("*")):
            relative = path.relative_to(self.folder)
            if relative.parts[0] in skipped or path.suffix in _JUDGE_SUFFIXES_LEFT_OUT or not path.is_file():
                continue
            found += [path] if relative.parts[0] != "problem.yaml" else []
        return found

    def _programs(self, name: str) -> dict[str, Mapping[str, str]]:
        folder = self.folder / name
        found: dict[str, Mapping[str, str]] = {}
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.name.startswith((".", "__")) or path.suffix == ".json":
                continue
            found[path.stem] = complete_program(self, path)
        return found


def complete_program(problem: Problem, path: Path) -> Mapping[str, str]:
    """Read a program from a folder, or from one file that stands for the problem's entry file.

    Files that a folder lacks are taken from the seed. Raises ProblemError.
    """
    seed = read_program(problem.folder / "seed")
    if path.is_dir():
        return {**seed, **read_program(path)}
    if not path.is_file():
        raise ProblemError(f"No program at {path}: expected a file or a folder.")
    return {**seed, problem.entry: _text(path)}


def read_program(folder: Path) -> dict[str, str]:
    """Return path -> text of every file below ``folder``, caches left out."""
    files = {
        path.relative_to(folder).as_posix(): _text(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    if not files:
        raise ProblemError(f"{folder} holds no files: expected the files of a program.")
    return files


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProblemError(f"{path} is not UTF-8 text ({error}): programs are text files.") from error


_FIELDS = {
    "name", "statement", "language", "objectives", "features", "constraints", "params", "editable", "entry",
    "stages", "sealed", "limits", "resources", "preload", "known_best", "deterministic", "isolation", "guidance",
}  # fmt: skip
_DEFAULT_FEATURES = (Feature("program_lines", 0.0, 80.0, 16),)


class _Reader:
    """Turns problem.yaml into a Problem, blaming the exact field."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.file = self.folder / "problem.yaml"
        self._limited = Limits()
        self._resources = ONE_CORE

    def problem(self, overrides: Mapping[str, object]) -> Problem:
        raw = self._yaml()
        self._check_files()
        self._begin_resources(raw)
        objectives = tuple(self._objective(item, i) for i, item in enumerate(self._list(raw, "objectives", True)))
        if not objectives:
            self._fail("objectives", "at least one objective", "an empty list")
        self._distinct("objectives", [objective.name for objective in objectives])
        stages = tuple(
            self._stage(item, f"stages[{i}]", objectives) for i, item in enumerate(self._list(raw, "stages"))
        )
        self._distinct("stages", [*(stage.name for stage in stages), SEALED])
        seed_files = read_program(self.folder / "seed")
        entry = self._entry(raw, seed_files)
        problem = Problem(
            name=self._str(raw, "name", self.folder.name),
            folder=self.folder,
            statement=self._str(raw, "statement", None).strip(),
            language=self._str(raw, "language", "python").lower(),
            objectives=objectives,
            features=tuple(self._feature(f, i) for i, f in enumerate(self._list(raw, "features"))) or _DEFAULT_FEATURES,
            params=self._params(raw, overrides),
            editable=tuple(str(item) for item in self._list(raw, "editable")) or ("*",),
            entry=entry,
            stages=stages or (Stage("full", 60.0, resources=self._resources),),
            sealed=self._sealed(raw, objectives),
            limits=self._limited,
            preload=tuple(str(item) for item in self._list(raw, "preload")) or ("numpy",),
            known_best=tuple(self._known(item, i, objectives) for i, item in enumerate(self._list(raw, "known_best"))),
            constraints=tuple(self._constraint(item, i) for i, item in enumerate(self._list(raw, "constraints"))),
            deterministic=self._bool(raw, "deterministic", True),
            isolation=self._isolation(raw),
            guidance=self._guidance(raw, seed_files),
        )
        editable = [path for path in seed_files if problem.is_editable(path)]
        if not editable:
            self._fail("editable", f"a pattern that matches one of {sorted(seed_files)}", str(list(problem.editable)))
        for path in editable:
            editable_regions(seed_files[path], str(self.folder / "seed" / path))
        return problem

    def _guidance(self, raw: Mapping[str, Any], seed_files: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        said = raw.get("guidance") or {}
        if not isinstance(said, dict):
            self._fail("guidance", "a mapping of file patterns to words", repr(said))
        for pattern, words in said.items():
            if not isinstance(words, str) or not words.strip():
                self._fail(f"guidance.{pattern}", "words", repr(words))
            if not any(fnmatch(path, str(pattern)) for path in seed_files):
                self._fail("guidance", f"patterns that match one of {sorted(seed_files)}", repr(pattern))
        return tuple((str(pattern), " ".join(words.split())) for pattern, words in said.items())

    def _fail(self, where: str, expected: str, found: str) -> NoReturn:
        raise ProblemError(f"{self.file}: field {where!r}: expected {expected}, found {found.rstrip('.')}.")

    def _yaml(self) -> dict[str, Any]:
        if not self.folder.is_dir():
            raise ProblemError(f"No problem folder at {self.folder}. `evolve new NAME` writes a working one.")
        if not self.file.is_file():
            raise ProblemError(
                f"{self.folder} has no problem.yaml. `evolve new NAME` writes a working folder to compare with."
            )
        try:
            raw = yaml.safe_load(self.file.read_text("utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ProblemError(f"{self.file} is not valid YAML: {error}") from error
        if not isinstance(raw, dict):
            raise ProblemError(
                f"{self.file}: expected fields like 'statement:' and 'objectives:', found {type(raw).__name__}."
            )
        for key in raw:
            self._known_key(str(key), _FIELDS, "")
        return raw

    def _known_key(self, key: str, known: set[str], where: str) -> None:
        if key not in known:
            raise ProblemError(f"{self.file}: unknown field {where + key!r}. {nearest(key, known)}")

    def _check_files(self) -> None:
        for name, what in (
            ("seed", "the folder of the initial program"),
            ("evaluate.py", "the judge: def evaluate(candidate, stage, params) -> Score"),
        ):
            if not (self.folder / name).exists():
                raise ProblemError(f"{self.folder} has no {name}: expected {what}.")
        self._check_judge(self.folder / "evaluate.py")

    def _check_judge(self, path: Path) -> None:
        try:
            names = symtable.symtable(_text(path), str(path), "exec")
        except SyntaxError as error:
            line = f", line {error.lineno}" if error.lineno else ""
            raise ProblemError(f"{path}{line}: {error.msg}. The judge must be valid Python.") from error
        except ValueError as error:  # a zero byte, before Python 3.12
            raise ProblemError(f"{path}: {error}. The judge must be valid Python.") from error
        bound = {name.get_name() for name in names.get_symbols() if name.is_assigned() or name.is_imported()}
        if "evaluate" not in bound:
            raise ProblemError(
                f"{path} defines no function 'evaluate(candidate, stage, params)'. It defines: {sorted(bound)}."
            )

    def _list(self, raw: Mapping[str, Any], name: str, required: bool = False) -> list[Any]:
        value = raw.get(name)
        if value is None and not required:
            return []
        if not isinstance(value, list):
            self._fail(name, "a list", "nothing" if value is None else type(value).__name__)
        return list(value)

    def _distinct(self, where: str, names: Sequence[str]) -> None:
        for index, name in enumerate(names):
            if name in names[:index]:
                self._fail(where, "different names", f"{name!r} twice")

    def _str(self, raw: Mapping[str, Any], name: str, default: str | None, where: str = "") -> str:
        value = raw.get(name, default)
        if not isinstance(value, str) or not value.strip():
            self._fail(f"{where}.{name}" if where else name, "text", "nothing" if value is None else repr(value))
        return str(value)

    def _bool(self, raw: Mapping[str, Any], name: str, default: bool) -> bool:
        value = raw.get(name, default)
        if not isinstance(value, bool):
            self._fail(name, "true or false", repr(value))
        return value

    def _isolation(self, raw: Mapping[str, Any]) -> Isolation:
        value = self._str(raw, "isolation", Isolation.SEPARATE)
        if value not in tuple(Isolation):
            self._fail("isolation", f"one of {', '.join(Isolation)}", repr(value))
        return Isolation(value)

    def _mapping(self, item: Any, where: str, known: set[str]) -> dict[str, Any]:
        if not isinstance(item, dict):
            self._fail(where, f"a mapping with {sorted(known)}", repr(item))
        for key in item:
            self._known_key(str(key), known, where + ".")
        return dict(item)

    def _number(self, item: Mapping[str, Any], key: str, where: str, default: float | None) -> float:
        value = item.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._fail(f"{where}.{key}", "a number", "nothing" if value is None else repr(value))
        if not math.isfinite(value):
            self._fail(f"{where}.{key}", "a finite number", repr(value))
        return float(value)

    def _objective_name(self, name: str, where: str, objectives: Sequence[Objective]) -> Objective:
        known = {objective.name: objective for objective in objectives}
        if name not in known:
            self._fail(where, "the name of an objective", f"{name!r}. {nearest(name, known)}")
        return known[name]

    def _direction(self, item: Mapping[str, Any], where: str) -> Direction:
        value = item.get("direction")
        if value not in tuple(Direction):
            self._fail(f"{where}.direction", "'maximize' or 'minimize'", "nothing" if value is None else repr(value))
        return Direction(str(value))

    def _objective(self, item: Any, index: int) -> Objective:
        where = f"objectives[{index}]"
        item = self._mapping(item, where, {"name", "direction", "target", "reference"})
        return Objective(
            self._str(item, "name", None, where),
            self._direction(item, where),
            target=self._optional(item, "target", where),
            reference=self._optional(item, "reference", where),
        )

    def _optional(self, item: Mapping[str, Any], key: str, where: str) -> float | None:
        return None if item.get(key) is None else self._number(item, key, where, None)

    def _constraint(self, item: Any, index: int) -> Constraint:
        where = f"constraints[{index}]"
        item = self._mapping(item, where, {"metric", "at_least", "at_most"})
        at_least, at_most = (self._optional(item, key, where) for key in ("at_least", "at_most"))
        if (at_least is None) == (at_most is None):
            self._fail(where, "either 'at_least' or 'at_most'", "neither" if at_least is None else "both")
        return Constraint(self._str(item, "metric", None, where), at_least, at_most)

    def _feature(self, item: Any, index: int) -> Feature:
        where = f"features[{index}]"
        item = self._mapping(item, where, {"name", "low", "high", "bins"})
        feature = Feature(
            self._str(item, "name", None, where),
            self._number(item, "low", where, None),
            self._number(item, "high", where, None),
            int(self._number(item, "bins", where, 8)),
        )
        if not feature.low < feature.high or feature.bins < 1:
            self._fail(where, "low < high and bins >= 1", repr(item))
        return feature

    def _stage(self, item: Any, where: str, objectives: Sequence[Objective]) -> Stage:
        item = self._mapping(item, where, {"name", "timeout_s", "gate", "interim", "resources"})
        timeout_s = self._number(item, "timeout_s", where, 60.0)
        if timeout_s <= 0:
            self._fail(f"{where}.timeout_s", "a positive number of seconds", repr(timeout_s))
        gate = self._gate(item["gate"], f"{where}.gate", objectives) if item.get("gate") else None
        interim = self._interim(item["interim"], f"{where}.interim", objectives) if item.get("interim") else None
        name = self._str(item, "name", None, where)
        if not (name.isprintable() and 0 < len(name) <= _LONGEST_NAME):
            self._fail(f"{where}.name", f"1 to {_LONGEST_NAME} printable characters", f"{len(name)}: {name[:40]!r}")
        resources = self._claim(item.get("resources"), f"{where}.resources", self._resources)
        return Stage(name, timeout_s, gate, interim, resources)

    def _sealed(self, raw: Mapping[str, Any], objectives: Sequence[Objective]) -> Stage | None:
        if raw.get("sealed") is None:
            return None
        item = self._mapping(raw["sealed"], "sealed", {"timeout_s", "resources"})
        return self._stage({"name": SEALED, **item}, "sealed", objectives)

    def _gate(self, item: Any, where: str, objectives: Sequence[Objective]) -> Gate:
        item = self._mapping(item, where, {"metric", "factor_of_seed", "factor_of_best"})
        objective = self._objective_of(item, where, objectives)
        key = "factor_of_best" if "factor_of_best" in item else "factor_of_seed"
        if key == "factor_of_best" and "factor_of_seed" in item:
            self._fail(where, "factor_of_seed or factor_of_best", "both")
        beside = Beside.BEST if key == "factor_of_best" else Beside.SEED
        return Gate(objective.name, objective.direction, self._number(item, key, where, None), beside)

    def _interim(self, item: Any, where: str, objectives: Sequence[Objective]) -> Interim:
        item = self._mapping(item, where, {"metric", "slack", "beside"})
        objective = self._objective_of(item, where, objectives)
        slack = self._number(item, "slack", where, None)
        if slack < 0:
            self._fail(f"{where}.slack", "a number of at least 0", repr(slack))
        beside = self._str(item, "beside", Beside.BEST, where)
        if beside not in tuple(Beside):
            self._fail(f"{where}.beside", f"one of {', '.join(Beside)}", repr(beside))
        return Interim(objective.name, objective.direction, slack, Beside(beside))

    def _objective_of(self, item: Mapping[str, Any], where: str, objectives: Sequence[Objective]) -> Objective:
        """Return the objective that a rule names, the leading one if it names none."""
        metric = self._str(item, "metric", objectives[0].name, where)
        return self._objective_name(metric, f"{where}.metric", objectives)

    def _entry(self, raw: Mapping[str, Any], seed_files: Mapping[str, str]) -> str:
        entry = self._str(raw, "entry", next(iter(seed_files)) if len(seed_files) == 1 else None)
        if entry not in seed_files:
            self._fail("entry", f"one of the seed's files {sorted(seed_files)}", repr(entry))
        return entry

    def _params(self, raw: Mapping[str, Any], overrides: Mapping[str, object]) -> dict[str, object]:
        params = raw.get("params") or {}
        if not isinstance(params, dict):
            self._fail("params", "a mapping of names to default values", repr(params))
        for key in overrides:
            if key not in params:
                raise ProblemError(
                    f"Problem {self.folder.name!r} has no parameter {key!r}. {nearest(key, map(str, params))}"
                )
        return {**params, **overrides}

    def _limits(self, raw: Mapping[str, Any]) -> Limits:
        limits = Limits()
        known = {"memory_mb", "processes", "output_mb", "scratch_mb", "gpus"}
        item = self._mapping(raw.get("limits") or {}, "limits", known)
        values = {key: int(self._number(item, key, "limits", None)) for key in item}
        for key, value in values.items():
            least = 0 if key == "gpus" else 1
            if value < least:
                self._fail(f"limits.{key}", f"a number of at least {least}", repr(item[key]))
        return replace(limits, **values)

    def _begin_resources(self, raw: Mapping[str, Any]) -> None:
        """Read what every stage occupies, unless it says otherwise."""
        self._limited = self._limits(raw)
        default = Resources(gpus=float(self._limited.gpus))
        self._resources = self._claim(raw.get("resources"), "resources", default)

    def _claim(self, item: Any, where: str, default: Resources) -> Resources:
        """Read a claim; what it does not name is as in ``default``."""
        if item is None:
            return default
        item = self._mapping(item, where, {"cpus", "gpus", "memory_mb", "custom"})
        custom = item.get("custom", dict(default.custom))
        if not isinstance(custom, dict) or not all(isinstance(name, str) and name for name in custom):
            self._fail(f"{where}.custom", "a mapping of names to numbers", repr(custom))
        claim = Resources(
            self._amount(item, "cpus", where, default.cpus),
            self._amount(item, "gpus", where, default.gpus),
            int(self._amount(item, "memory_mb", where, default.memory_mb)),
            tuple(sorted((name, self._amount(custom, name, f"{where}.custom", None)) for name in custom)),
        )
        if claim.gpus > self._limited.gpus:
            found = f"{claim.gpus:g}, but limits.gpus is {self._limited.gpus}"
            self._fail(f"{where}.gpus", "at most limits.gpus, which a program may use", found)
        if not str(claim):
            self._fail(where, "more than nothing of something", repr(item))
        return claim

    def _amount(self, item: Mapping[str, Any], key: str, where: str, default: float | None) -> float:
        value = self._number(item, key, where, default)
        if value < 0:
            self._fail(f"{where}.{key}", "a number of at least 0", repr(value))
        return value

    def _known(self, item: Any, index: int, objectives: Sequence[Objective]) -> KnownBest:
        where = f"known_best[{index}]"
        item = self._mapping(item, where, {"objective", "value", "source", "params"})
        name = self._str(item, "objective", None, where)
        params = item.get("params") or {}
        if not isinstance(params, dict):
            self._fail(f"{where}.params", "a mapping of names to values", repr(params))
        return KnownBest(
            self._objective_name(name, f"{where}.objective", objectives).name,
            self._number(item, "value", where, None),
            self._str(item, "source", None, where),
            params,
        )
