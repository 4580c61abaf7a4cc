from __future__ import annotations

from pathlib import Path

import pytest

from evolve.errors import ConfigurationError
from evolve.importing.settings import find_text, find_value, read_yaml, seconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (30, 30.0),
        ("45", 45.0),
        ("00:01:30", 90.0),
        ("2:00", 120.0),
        (0, None),
        (True, None),
        ("soon", None),
        ([], None),
    ],
)
def test_times_are_read(value: object, expected: float | None) -> None:
    assert seconds(value) == expected


@pytest.mark.parametrize(
    "script",
    [
        'search_task_sys_msg = """Do it."""',
        'config = EvolutionConfig(task_sys_msg="Do it.")',
        'task_sys_msg = """Do it.""".strip()',
        'task_sys_msg = textwrap.dedent("Do it.")',
    ],
)
def test_a_message_is_found_in_a_script_that_is_not_run(script: str) -> None:
    assert find_text(f"import nothing_of_the_kind\n{script}\n", "task_sys_msg") == "Do it."


def test_a_script_that_says_nothing(tmp_path: Path) -> None:
    assert find_text("task_sys_msg = read()\n", "task_sys_msg") == ""
    assert find_text("this is no Python", "task_sys_msg") == ""


def test_yaml_with_tags_of_others_is_read(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("job: !python/object:Job {time: '00:00:05'}\nsteps: [{task_sys_msg: Do it.}]\n")
    raw = read_yaml(file)
    assert find_value(raw, "time") == "00:00:05"
    assert find_value(raw, "task_sys_msg") == "Do it."
    assert find_value(raw, "other") is None


@pytest.mark.parametrize("text", ["a: [", "- 1\n- 2\n"])
def test_what_is_no_configuration_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"config\.yaml"):
        read_yaml(tmp_path / "config.yaml")
