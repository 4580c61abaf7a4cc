"""A skill for assistants: a folder that teaches one to set up, start, watch and explain runs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from evolve.errors import ConfigurationError

NAME: Final = "evolve"
FOLDER: Final = Path(__file__).parent / NAME


def install(folder: Path) -> Path:
    """Write the skill to ``folder / NAME`` and return that. Raises ConfigurationError if something else is there."""
    target = folder / NAME
    if target.exists() and not (target / "SKILL.md").is_file():
        raise ConfigurationError(f"{target} exists and is no skill; choose another folder with --install.")
    target.mkdir(parents=True, exist_ok=True)
    for source in sorted(FOLDER.iterdir()):
        shutil.copyfile(source, target / source.name)
    return target
