"""How a tool stands in the server: what it is called, and what an assistant is told of it."""

from __future__ import annotations

from collections.abc import Callable
from inspect import getdoc
from typing import Any, Final

from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations

from duban_cli.assistants.marks import NOTE

#: Of a tool that shows what people have written, whoever they are: it may be called without a question.
_SHOWS: Final = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=True)
#: Of one that shows what a pack says, which an office has published or the caller has brought along.
_COMPUTES: Final = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)


def add_tool(server: MCPServer[Any], title: str, function: Callable[..., Any], *, written: bool) -> None:
    """Have ``server`` offer ``function`` as a tool, under its name and with its docstring.

    ``written``: it shows what people have written, and its description says how to take that.
    """
    docstring = getdoc(function)
    assert docstring is not None
    description = f"{docstring}\n\n{NOTE}" if written else docstring
    annotations = _SHOWS if written else _COMPUTES
    server.add_tool(function, title=title, description=description, annotations=annotations, structured_output=True)
