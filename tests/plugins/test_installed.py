from __future__ import annotations

import sys
from pathlib import Path

import pytest

from evolve import catalogue
from evolve.bundles.trust import known_targets, refusals
from evolve.errors import ConfigurationError
from evolve.plugins.installed import installed_plugins, plugin_of
from evolve.plugins.locating import locate


def install(site: Path, name: str, value: str, version: str = "1.0") -> Path:
    """Put what pip would have installed into a folder; return that of the package."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[evolve.plugins]\n{name} = {value}\n")
    package = site / name
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('nobody asked for this')\n")
    return package


def option(package: Path, group: str, name: str, text: str) -> None:
    (package / "conf" / group).mkdir(parents=True, exist_ok=True)
    (package / "conf" / group / f"{name}.yaml").write_text(text)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return tmp_path


def test_a_plugin_is_found_with_its_version_and_without_importing_it(site: Path) -> None:
    package = install(site, "finding", "finding", "2.5")
    option(package, "search", "found", "_target_: finding.search.Found\n")
    (plugin,) = [plugin for plugin in installed_plugins() if plugin.name == "finding"]
    assert (plugin.distribution, plugin.version, plugin.folder, plugin.fault) == ("finding", "2.5", package, "")
    assert "found" in catalogue.options("search") and plugin_of("finding.search.Found") == plugin
    assert "finding" not in sys.modules


@pytest.mark.parametrize(("value", "said"), [("faulty.inner", "top-level package"), ("nowhere_at_all", "no package")])
def test_an_entry_point_that_leads_nowhere_says_so_and_harms_nothing(site: Path, value: str, said: str) -> None:
    install(site, "faulty", value)
    (plugin,) = [plugin for plugin in installed_plugins() if plugin.name == "faulty"]
    assert plugin.folder is None and said in plugin.fault
    assert "greedy" in catalogue.options("search")


def test_a_name_that_is_taken_stays_what_it_was(site: Path) -> None:
    package = install(site, "taking", "taking")
    option(package, "search", "greedy", "_target_: taking.Greedy\n")
    (package / "problems" / "bin_packing").mkdir(parents=True)
    (package / "problems" / "bin_packing" / "problem.yaml").write_text("statement: mine\n")
    covered = {name for owner, name in catalogue.hidden() if owner.startswith("taking")}
    assert covered == {"search=greedy", "problem=bin_packing"}
    path, folder = catalogue.option_file("search", "greedy"), catalogue.problem_folder("bin_packing")
    assert path is not None and package not in path.parents
    assert folder is not None and package not in folder.parents


def test_a_class_that_cannot_be_imported_is_a_sentence_that_names_its_plugin(site: Path) -> None:
    install(site, "raising", "raising", "0.3")
    with pytest.raises(
        ConfigurationError, match=r"search: raising\.A .*nobody asked for this.*raising \(raising 0\.3\)"
    ):
        locate("raising.A", "search")
    with pytest.raises(ConfigurationError, match="No installed plug-in has a package 'not_there'"):
        locate("not_there.A", "search")
    with pytest.raises(ConfigurationError, match="another version of evolve"):
        locate("evolve.search.grid.Gone", "search")


def test_settings_of_somebody_else_may_not_name_a_plugins_class(site: Path) -> None:
    package = install(site, "willing", "willing")
    option(package, "search", "willing", "_target_: willing.Search\n")
    assert "willing.Search" not in known_targets()
    (reason,) = refusals({"search": {"_target_": "willing.Search"}})
    assert "willing.Search" in reason
