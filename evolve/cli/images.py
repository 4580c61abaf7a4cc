"""image: the container images that sandbox=docker runs."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime

import click
from docker import DockerClient
from rich.console import Console

from evolve import problem_library
from evolve.cli.options import as_json, json_option
from evolve.evaluation import images
from evolve.evaluation.image_recipes import DEFAULT_BASE_IMAGE
from evolve.evaluation.images import ImageInfo, Images
from evolve.terminal import table_of

base_image_option = click.option(
    "--base-image",
    default=lambda: os.environ.get("EVOLVE_BASE_IMAGE") or DEFAULT_BASE_IMAGE,
    show_default=f"$EVOLVE_BASE_IMAGE or {DEFAULT_BASE_IMAGE}",
    help="Image that all others stand on; needs python3 with pip.",
)
_AGES = ((86400, "d"), (3600, "h"), (60, "min"))


@click.group()
def image() -> None:
    """Build, list and remove the container images of sandbox=docker."""


@image.command()
@click.argument("problem", required=False)
@base_image_option
@json_option
def build(problem: str | None, base_image: str, json_: bool) -> None:
    """Build what PROBLEM's image lacks; without PROBLEM, the image of problems that have no Dockerfile."""
    loaded = problem_library.load_problem(problem) if problem else None
    began_at = time.monotonic()
    with _engine() as client:
        tag = Images(client, base_image).build(loaded, lambda line: click.echo(line, err=True))
    seconds = round(time.monotonic() - began_at, 1)
    facts = {"image": tag, "problem": loaded.name if loaded else "", "base_image": base_image, "seconds": seconds}
    click.echo(as_json(facts) if json_ else tag)


@image.command("list")
@json_option
def list_(json_: bool) -> None:
    """List our images, newest first."""
    with _engine() as client:
        listed = images.held(client)
    if json_:
        for info in listed:
            click.echo(as_json(asdict(info) | {"created": info.created.isoformat()}))
    else:
        Console().print(table_of([_row(info) for info in listed], ("image", "kind", "problem", "size", "age")))


@image.command()
@click.argument("problems", nargs=-1)
@base_image_option
@json_option
def prune(problems: tuple[str, ...], base_image: str, json_: bool) -> None:
    """Remove images that neither the bundled problems nor PROBLEMS use as they are now."""
    kept = [problem_library.load_problem(name) for name in (*problem_library.problem_names(), *problems)]
    with _engine() as client:
        for tag in images.remove(client, Images(client, base_image).stale(kept)):
            click.echo(as_json({"removed": tag}) if json_ else f"removed {tag}")


@contextmanager
def _engine() -> Iterator[DockerClient]:
    client = images.connect()
    try:
        yield client
    finally:
        client.close()


def _row(info: ImageInfo) -> dict[str, str]:
    return {
        "image": info.tag,
        "kind": info.kind,
        "problem": info.problem or "any",
        "size": f"{info.size_mb:.0f} MB",
        "age": _age((datetime.now(UTC) - info.created).total_seconds()),
    }


def _age(seconds: float) -> str:
    for unit_s, unit in _AGES:
        if seconds >= unit_s:
            return f"{seconds / unit_s:.0f} {unit}"
    return "now"
