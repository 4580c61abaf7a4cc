from __future__ import annotations

from pathlib import Path

import pytest

from evolve import configuration
from evolve.api.settings import literal, overrides_of, problems_folder, store_url
from evolve.errors import ConfigurationError


@pytest.mark.parametrize(
    "value", [None, True, 3, -2.5, 1e-9, 'it\'s, "quoted" = {x}', [1, "a b"], {"a_b": [True, None]}, ()]
)
def test_every_plain_value_survives_as_a_parameter(value: object) -> None:
    config = configuration.configure(["problem=bin_packing", f"params.x={literal(value)}"])
    assert config["params"]["x"] == (list(value) if isinstance(value, tuple) else value)


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}, {"a b": 1}])
def test_what_is_no_plain_value_is_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match=r"expected a number, text|expected names of letters"):
        literal(value)


def test_keywords_are_the_settings_of_the_command(tmp_path: Path) -> None:
    file = tmp_path / "a store's, file.db"
    overrides = overrides_of(
        "7 evaluations",
        {"search": "greedy", "seed": 4, "run": "it's one", "store": file, "overrides": ["executor.width=1"]},
    )
    config = configuration.configure(["problem=bin_packing", *overrides])
    assert config["search"]["_target_"] == configuration.configure(["problem=x", "search=greedy"])["search"]["_target_"]
    assert (config["seed"], config["run"], config["executor"]["width"]) == (4, "it's one", 1)
    assert (config["budget"]["evaluations"], config["budget"]["wall_s"]) == (7, None)
    assert config["store"]["url"] == f"sqlite:///{file}"
    assert problems_folder(config["store"]["url"]) == tmp_path / "problems"


def test_a_wrong_keyword_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"no setting 'serach'. Did you mean 'search'"):
        overrides_of(None, {"serach": "greedy"})  # type: ignore[typeddict-unknown-key]


def test_a_store_is_named_from_the_root_or_by_its_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EVOLVE_STORE", raising=False)
    assert store_url(None) == f"sqlite:///{tmp_path}/runs/evolve.db"
    assert store_url("sqlite:///x.db") == store_url(Path("x.db")) == f"sqlite:///{tmp_path}/x.db"
    assert store_url("postgresql://h/db") == "postgresql://h/db"
    assert problems_folder("postgresql://h/db") == tmp_path / "runs" / "problems"
