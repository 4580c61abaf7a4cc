"""The wheel: what it holds, and that it works away from the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = out.glob("evolve_search-*.whl")
    return built


def test_only_evolve_becomes_importable(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"evolve"}
    for needed in (
        "evolve/py.typed",
        "evolve/_bundled/conf/config.yaml",
        "evolve/_bundled/evaluators/__main__.py",
        "evolve/_bundled/infra/Dockerfile",
        "evolve/_bundled/infra/base_image.sh",
        "evolve/_bundled/infra/engine.sh",
        "evolve/_bundled/infra/guest.Dockerfile",
        "evolve/_bundled/infra/seccomp.json",
        "evolve/_bundled/problems/bin_packing/problem.yaml",
        "evolve/_bundled/problems/_template/problem.yaml",
        "evolve/_bundled/problems/_imported/evaluate.py",
        "evolve/_bundled/problems/_imported/shims/shinka/core/wrap_eval.py",
        "evolve/mutation/templates/system.j2",
        "evolve/store/migrations/env.py",
        "evolve/bench/trivial/problem.yaml",
        "evolve/cli/completions/bash.sh",
        "evolve/conformance/archive.py",
        "evolve/plugins/templates/_package/pyproject.toml",
        "evolve/plugins/templates/operator/plugin_name/conf/operator/plugin_name.yaml",
        "evolve/plugins/templates/operator/tests/test_operator.py",
    ):
        assert needed in names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".db")]


def test_the_installed_package_runs_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = "import evolve, sys; print(evolve.__file__, file=sys.stderr); from evolve.cli import main; main()"
    setting = ("problem=circle_packing", "params.n=4", "budget.evaluations=10", "--json")
    done = subprocess.run(
        [sys.executable, "-c", code, "run", *setting],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == str(site / "evolve" / "__init__.py")
    assert json.loads(done.stdout)["best"]["outcome"] == "valid"


def test_import_and_help_are_quick_because_nothing_heavy_is_loaded() -> None:
    heavy = {"docker", "numpy", "sqlalchemy", "litellm", "hydra", "cmaes", "alembic", "rich", "jinja2"}
    for code in ("import evolve", "from evolve.cli import main"):
        script = f"{code}; import sys, json; print(json.dumps(sorted(sys.modules)))"
        loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
        assert not heavy & set(json.loads(loaded.stdout))


def test_a_keyless_run_loads_no_model_client() -> None:
    script = (
        "import sys; sys.argv = ['evolve', 'run', 'problem=circle_packing', '--cfg', 'job']\n"
        "from evolve.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "from evolve import configuration, wiring; wiring.build(configuration.configure(['problem=circle_packing']))\n"
        "print(sorted({'litellm', 'aiohttp', 'openai', 'alembic', 'jinja2'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines()[-1] == "[]"
