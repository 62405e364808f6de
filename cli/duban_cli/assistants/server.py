"""The server that a person's own assistant asks: which tools it has, and what it says of itself."""

from __future__ import annotations

from typing import Any, Final

from mcp.server.mcpserver import Context, MCPServer
from mcp_types import Tool

from duban_cli.assistants.action_tools import ActionTools
from duban_cli.assistants.api import Callers, PersonalApi
from duban_cli.assistants.marks import NOTE
from duban_cli.assistants.pack_tools import PackTools
from duban_cli.assistants.record_tools import RecordTools

NAME: Final = "duban"
INSTRUCTIONS: Final = (
    "Duban (督办) carries each reported problem from discovery to strike-off by deadline. These tools look things up "
    "as one person, and show what that person may see, no more. None of them acts: whoever wants something done "
    f"does it themselves. {NOTE}"
)


def assistants_server(callers: Callers) -> MCPServer[Any]:
    """The server, whose tools ask the API as who ``callers`` say."""
    server: MCPServer[Any] = MCPServer(NAME, title="Duban 督办", instructions=INSTRUCTIONS, log_level="WARNING")
    RecordTools(callers).add_to(server)
    PackTools(callers).add_to(server)
    ActionTools(callers).add_to(server)
    return server


async def tools_offered() -> list[Tool]:
    """Every tool as an assistant is told of it."""
    return await assistants_server(_Nobody()).list_tools()


class _Nobody:
    """Calls nothing: who reads what is offered needs no API."""

    def api(self, context: Context[Any, Any]) -> PersonalApi:
        raise NotImplementedError
