"""Prompt templates: files that anyone can replace, and variants of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evolve.errors import ConfigurationError

if TYPE_CHECKING:
    import jinja2

BUNDLED = Path(__file__).parent / "templates"
_VARIANT = ".variant-"


class Templates:
    """The bundled templates, and those of a folder in their place.

    ``NAME.variant-ANYTHING.j2`` beside ``NAME.j2`` is another way of saying the same.

    Args:
        folder: templates that replace the bundled ones of the same path, or None.

    Raises:
        ConfigurationError: there is no such folder.
    """

    def __init__(self, folder: Path | None) -> None:
        if folder is not None and not folder.is_dir():
            raise ConfigurationError(f"template_dir: there is no folder {folder}.")
        self._folders = [BUNDLED] if folder is None else [folder, BUNDLED]
        self._environment: jinja2.Environment | None = None
        self._variants: dict[str, tuple[str, ...]] = {}

    def render(self, name: str, values: Mapping[str, object]) -> str:
        """Return the text of a template. Raises ConfigurationError that names it and the fault."""
        import jinja2

        if self._environment is None:
            self._environment = _environment(self._folders)
        try:
            return self._environment.get_template(name).render(values).strip()
        except jinja2.TemplateSyntaxError as error:
            raise ConfigurationError(f"Template {error.filename}, line {error.lineno}: {error.message}.") from error
        except jinja2.TemplateError as error:
            raise ConfigurationError(f"Template {name}: {error}. Known names: {', '.join(sorted(values))}.") from error

    def drawn(self, name: str, rng: np.random.Generator) -> str:
        """Return the name of the template or of one of its variants, each as likely; draws only if there are any."""
        if name not in self._variants:
            self._variants[name] = self._named(name)
        names = self._variants[name]
        return names[int(rng.integers(len(names)))] if len(names) > 1 else names[0]

    def _named(self, name: str) -> tuple[str, ...]:
        path = Path(name)
        pattern = f"{path.stem}{_VARIANT}*{path.suffix}"
        found = {variant.name for folder in self._folders for variant in (folder / path.parent).glob(pattern)}
        return (name, *(str(path.parent / variant) for variant in sorted(found)))


def _environment(folders: list[Path]) -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
