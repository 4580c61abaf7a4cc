from __future__ import annotations

import subprocess
import sys

from evolve import catalogue


def test_every_group_of_the_main_configuration_has_options() -> None:
    assert {"search", "store", "llm", "sandbox", "executor", "mutation", "noise", "budget"} <= set(catalogue.groups())
    assert catalogue.options("search")[:2] == ["adaevolve", "alphaevolve"]
    assert catalogue.option_file("search", "greedy") is not None and catalogue.option_file("search", "no") is None


def test_problems_are_named_by_their_folders() -> None:
    assert "bin_packing" in catalogue.problem_names() and "_template" not in catalogue.problem_names()
    folder = catalogue.problem_folder("bin_packing")
    assert folder is not None and (folder / "problem.yaml").is_file()


def test_known_keys_are_those_of_any_option() -> None:
    keys = catalogue.known_keys()
    assert {"seed", "search.islands", "llm.model", "mutation.weights.diff", "sandbox.base_image"} <= keys
    assert not [key for key in keys if key.startswith(("defaults", "experiment."))]


def test_names_are_found_without_anything_slow() -> None:
    """Shells ask for them while somebody types."""
    script = (
        "from evolve import catalogue; import sys; catalogue.known_keys(); catalogue.problem_names();"
        "print(sorted({'hydra', 'omegaconf', 'numpy', 'sqlalchemy', 'ray', 'litellm', 'rich'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
