"""A template of this folder or another one as a page: one look, and texts that stay text."""

from __future__ import annotations

from pathlib import Path

from evolve.report.charts import BLUE


def rendered(template: Path, **values: object) -> str:
    """Return the page; a template may include those of this folder, ``style.html.j2`` above all."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, Path(__file__).parent]),
        autoescape=True,  # texts come from programs and models
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(values, blue=BLUE)
