from __future__ import annotations

from pathlib import Path

import pytest

from evolve.errors import ConfigurationError
from evolve.plugins.writing import kinds, write_plugin


@pytest.mark.parametrize("kind", kinds())
def test_a_written_package_has_its_name_everywhere_and_compiles(kind: str, tmp_path: Path) -> None:
    folder = write_plugin(kind, "two_words", tmp_path)
    files = [path for path in folder.rglob("*") if path.is_file()]
    for path in files:
        text = path.read_text("utf-8")
        assert not {"plugin_name", "PluginName", "plugin-name"} & set(text.replace(".", " ").split())
        assert "plugin_name" not in str(path) and "plugin_name" not in text
        if path.suffix == ".py":
            compile(text, str(path), "exec")
    assert 'two_words = "two_words"' in (folder / "pyproject.toml").read_text()
    assert [path for path in files if path.name.startswith("test_")], "there is a suite to run"


@pytest.mark.parametrize("name", ["Mine", "my-op", "1st", "class", "json", "evolve", "žluť", ""])
def test_a_name_that_no_package_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no good name"):
        write_plugin("search", name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(ConfigurationError, match="exists already"):
        write_plugin("search", "mine", tmp_path)
