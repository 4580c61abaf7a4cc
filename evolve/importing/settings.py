"""Reads a task's words and numbers out of its YAML files or its run script, without running anything."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from evolve.errors import ConfigurationError


class _Loader(yaml.SafeLoader):
    """Takes any tag of another system for the plain value behind it."""


def _plain(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return node.value


_Loader.add_multi_constructor("!", _plain)


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a file. Raises ConfigurationError."""
    try:
        raw = yaml.load(path.read_text("utf-8"), _Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid YAML: {error}") from error
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise ConfigurationError(f"{path}: expected fields such as 'prompt:', found {type(raw).__name__}.")
    return raw


def section(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a part of a configuration, empty where there is none."""
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


def find_value(raw: object, name: str) -> object:
    """Return the first value of that name at any depth, or None."""
    if isinstance(raw, dict):
        if raw.get(name) is not None:
            return raw[name]
        raw = list(raw.values())
    if isinstance(raw, list):
        return next((found for item in raw if (found := find_value(item, name)) is not None), None)
    return None


def find_text(script: str, name: str) -> str:
    """Return the text that a Python script assigns to a name, or passes under it; "" if there is none."""
    try:
        tree = ast.parse(script)
    except SyntaxError:
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            named = any(isinstance(target, ast.Name) and target.id.endswith(name) for target in node.targets)
        elif isinstance(node, ast.keyword):
            named = node.arg == name
        else:
            continue
        if named and (text := _literal(node.value)):
            return text
    return ""


def _literal(node: ast.expr) -> str:
    """Return a text written out, also one that is stripped or dedented at once."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Call):
        called = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        return next((text for part in (*called, *node.args) if (text := _literal(part))), "")
    return ""


def seconds(value: object) -> float | None:
    """Return a number of seconds from a number, ``HH:MM:SS`` or ``MM:SS``; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    total = 0.0
    for part in str(value).split(":"):
        try:
            total = total * 60 + float(part)
        except ValueError:
            return None
    return total if total > 0 else None
