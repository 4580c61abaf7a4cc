"""Calls a peer's evaluator on the program. Runs in the program's own process, so nothing here is trusted."""

import asyncio
import importlib.util
import inspect
import io
import json
import os
import runpy
import shlex
import subprocess
import sys
import traceback
import types
import zipfile
from pathlib import Path

SHIMS = "evolve_shims"
RESULTS = "evolve_results"
LONGEST_ERROR = 4000
MOST_ARTIFACTS = 64
LARGEST_ARTIFACT = 32_000  # all together they must fit into one answer, which may have 4 MiB


def score(peer, spec):
    """Unpack the peer's files around the program and return what its evaluator says, as plain data."""
    here = str(Path.cwd())
    unpack(peer.tobytes())
    sys.path[:0] = [here, f"{here}/{SHIMS}"]
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:2])  # for what the evaluator starts
    sys.argv = [spec["evaluator"]]
    sys.modules["__main__"] = types.ModuleType("__main__")  # a spawned process imports that of its parent
    try:
        return KINDS[spec["kind"]](spec, f"{here}/{spec['program']}")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the border to any evaluator
        return result(error=described(error))


def unpack(content):
    """Write the files of an archive into this folder, executable ones as such."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for item in archive.infolist():
            Path(archive.extract(item)).chmod(0o600 | (item.external_attr >> 16 & 0o111))


def described(error):
    """Return the traceback, without this file's own frames."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "evolve_runner" not in frame.filename]
    lines = [*traceback.format_list(frames[-8:]), *traceback.format_exception_only(error)]
    return "".join(lines).replace(str(Path.cwd()) + "/", "").strip()[-LONGEST_ERROR:]


# ── the kinds ─────────────────────────────────────────────────────────────────────────────────
def openevolve(spec, path):
    """``evaluate(path)``, or the stages one after the other as long as each passes its threshold."""
    module = loaded(spec["evaluator"])
    if spec["thresholds"] is None or not hasattr(module, "evaluate_stage1"):
        return collected(*parts(awaited(module.evaluate(path))))
    return cascade(module, path, spec["thresholds"])


def cascade(module, path, thresholds):
    metrics, artifacts, notes = {}, {}, []
    for number in (1, 2, 3):
        stage = getattr(module, f"evaluate_stage{number}", None)
        if stage is None:
            break
        found, words = parts(awaited(stage(path)))
        metrics, artifacts = {**metrics, **found}, {**artifacts, **words}
        metrics["cascade_stages"] = number
        if number == 3 or not hasattr(module, f"evaluate_stage{number + 1}"):
            break
        threshold = thresholds[number - 1] if number <= len(thresholds) else None
        reached = standing(metrics)
        if threshold is None or not reached >= threshold:
            notes.append(f"Stopped after evaluate_stage{number}: {reached:g}, the next stage needs {threshold}.")
            break
    return collected(metrics, artifacts, notes)


def standing(metrics):
    """Return what a threshold is held against: combined_score, else the mean of all numbers but ``error``."""
    numbers = {name: number(value) for name, value in metrics.items() if name not in ("error", "cascade_stages")}
    known = {name: value for name, value in numbers.items() if value is not None}
    if "combined_score" in known:
        return known["combined_score"]
    return sum(known.values()) / len(known) if known else float("-inf")


def shinka(spec, path):
    """``python evaluate.py --program_path P --results_dir D``, which leaves two files in D."""
    Path(RESULTS).mkdir(exist_ok=True)
    results = str(Path(RESULTS).absolute())
    sys.argv = [spec["evaluator"], "--program_path", path, "--results_dir", results]
    try:
        runpy.run_path(spec["evaluator"], run_name="__main__")
    except SystemExit as ended:
        if not Path(RESULTS, "metrics.json").exists():
            return result(error=f"{spec['evaluator']} ended with exit code {ended.code} and wrote no metrics.json")
    correct, metrics = read("correct.json"), read("metrics.json")
    if not correct.get("correct"):
        return result(error=str(correct.get("error") or "not correct")[-LONGEST_ERROR:])
    feedback = metrics.pop("text_feedback", "")
    metrics.pop("extra_data", None)
    public = metrics.pop("public", None) or {}
    return collected({**public, **metrics}, {}, [str(feedback)] if feedback else [])


def read(name):
    path = Path(RESULTS, name)
    if not path.is_file():
        raise FileNotFoundError(f"the evaluator wrote no {name} into its results folder")
    data = json.loads(path.read_text("utf-8"))
    if not isinstance(data, dict):
        raise TypeError(f"{name} holds {type(data).__name__}, expected an object")
    return data


def one_file(spec, path):
    """The program's own ``evaluate``, with its path if that takes an argument."""
    evaluate = loaded(spec["program"]).evaluate
    needed = [
        p for p in inspect.signature(evaluate).parameters.values() if p.default is p.empty and p.kind < p.VAR_KEYWORD
    ]
    return collected(*parts(awaited(evaluate(path) if needed else evaluate())))


def command(spec, path):
    """A command that prints an object of scores as JSON, alone or as its last line."""
    words = shlex.split(spec["command"])
    if words[0] in ("python", "python3"):
        words[0] = sys.executable
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        return result(error=f"{words[0]} ended with exit code {done.returncode}:\n{done.stderr[-LONGEST_ERROR:]}")
    print(done.stderr, end="", file=sys.stderr)
    for text in (done.stdout, *done.stdout.strip().splitlines()[-1:]):
        try:
            found = json.loads(text)
        except ValueError:
            continue
        if isinstance(found, dict):
            return collected(*parts(found))
    return result(error=f"the command printed no JSON object but {done.stdout[-500:]!r}")


KINDS = {"openevolve": openevolve, "shinka": shinka, "file": one_file, "command": command}


# ── what evaluators return ────────────────────────────────────────────────────────────────────
def loaded(path):
    """Import a file of this folder under its own name, so that what it defines can be pickled."""
    name = Path(path).stem
    specification = importlib.util.spec_from_file_location(name, Path(path).absolute())
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module


def awaited(value):
    async def ended():
        return await value

    return asyncio.run(ended()) if inspect.isawaitable(value) else value


def parts(value):
    """Return metrics and artifacts of a dict or of an EvaluationResult, whoever defined it."""
    if isinstance(value, dict):
        return value, {}
    if isinstance(getattr(value, "metrics", None), dict):
        return value.metrics, dict(getattr(value, "artifacts", None) or {})
    raise TypeError(f"the evaluator returned {type(value).__name__}, expected a dict or an EvaluationResult")


def collected(metrics, artifacts, notes=()):
    """Return a result: what is a number becomes a metric, all else an artifact."""
    numbers, words = {}, {}
    error = metrics.get("error")
    for name, value in flat(metrics):
        found = number(value)
        if found is not None:
            numbers[name] = found
        elif value is not None:
            words[name] = shown(value)
    words.update((name, shown(value)) for name, value in flat(artifacts))
    left_out = list(words)[MOST_ARTIFACTS:]
    for name in left_out:
        del words[name]
    notes = [*notes, *([f"{len(left_out)} artifacts are left out."] if left_out else [])]
    failed = error if isinstance(error, str) and error.strip() and number(error) is None else ""
    return result(numbers, words, list(notes), failed[-LONGEST_ERROR:])


def result(metrics=None, words=None, notes=None, error=""):
    notes = [plain(note[:LONGEST_ERROR]) for note in notes or []]
    return {"metrics": metrics or {}, "words": words or {}, "notes": notes, "error": plain(error)}


def flat(values, prefix=""):
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def number(value):
    """Return a float for a number, a numpy scalar or a text that holds one; None for all else."""
    if hasattr(value, "item") and getattr(value, "size", 1) == 1:
        value = value.item()
    if not isinstance(value, (bool, int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def shown(value):
    """Return an artifact: a picture as it is, all else as text."""
    if isinstance(value, bytes):
        return value if len(value) <= LARGEST_ARTIFACT else f"[{len(value)} bytes left out]"
    if not isinstance(value, str):
        try:
            value = json.dumps(value, default=str)
        except (TypeError, ValueError):
            value = str(value)
    return plain(value[:LARGEST_ARTIFACT])


def plain(text):
    return text.encode("utf-8", "replace").decode()
