"""The server: the tools that were allowed, over standard input and output."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from mcp.server.fastmcp import FastMCP
from mcp.server.fastmcp.exceptions import ToolError
from mcp.types import ToolAnnotations

from evolve.errors import EvolveError
from evolve.mcp.answers import NOTICE
from evolve.mcp.tools import Grant, Tool, Tools

_INSTRUCTIONS = (
    "evolve searches for better programs: a problem folder says what is asked and how it is judged, a run is one "
    "search. Usual order: describe_problem, check_problem, estimate_run if a model is used, start_run with a budget, "
    "watch_run, explain_run, best_program, read_report. Scores are what the report says, with its caveats. "
)


def make_server(tools: Tools, grants: frozenset[Grant]) -> FastMCP:
    """Return a server with the tools of these grants; others are not listed."""
    server = FastMCP("evolve", instructions=_INSTRUCTIONS + NOTICE, log_level="WARNING")
    for tool, only_looks in tools.granted(grants):
        about = ToolAnnotations(readOnlyHint=only_looks, destructiveHint=False, openWorldHint=False)
        server.add_tool(_explained(tool), annotations=about)
    return server


def _explained(tool: Tool) -> Callable[..., Any]:
    """Return the tool with the errors that a person would be shown as its answer."""

    @functools.wraps(tool)
    async def explained(*arguments: Any, **named: Any) -> dict[str, Any]:
        try:
            return await tool(*arguments, **named)
        except EvolveError as error:
            raise ToolError(str(error)) from error

    return explained
