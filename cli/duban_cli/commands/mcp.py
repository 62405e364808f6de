"""``duban mcp``: what a person's own assistant asks by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from duban_cli.identity import api_address, credential, http_client
from duban_cli.output import ExitCode, command, err, fail

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

_MISSING: Final = "the package that speaks MCP is not installed: pip install 'duban-cli[assistants]'"


@command
async def mcp(
    http: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="Serve streamable HTTP on this port, at /mcp, instead of stdio; each caller brings a key of their "
            "own. Of this machine alone, unless DUBAN_BIND says otherwise.",
        ),
    ] = None,
) -> None:
    """Let a person's own assistant look up, compile and check, as that person and no more (Model Context Protocol).

    Over stdio it asks the API as who is signed in here; over HTTP as whoever's key comes with the call. No tool acts or
    changes anything. docs/assistants.md has the tools, and how assistants are told of them.

    Example: duban mcp --http 8370
    """
    try:
        from duban_cli.assistants.api import KeyedCallers, SignedInCaller
        from duban_cli.assistants.server import assistants_server
    except ModuleNotFoundError as error:
        if error.name not in ("mcp", "mcp_types"):
            raise
        fail(ExitCode.FAILURE, _MISSING)
    url = api_address()
    async with http_client(url) as client:
        if http is None:
            credential(url)  # nobody signed in is told now, and not with the first call
            await assistants_server(SignedInCaller(client, url)).run_stdio_async()
        else:
            await _serve(assistants_server(KeyedCallers(client, url)), client, http)


async def _serve(server: MCPServer[Any], client: Any, port: int) -> None:
    from duban.io.http import Http
    from duban.io.settings import ServerSettings
    from duban_cli.assistants.door import http_app

    settings = ServerSettings.load()
    err().print(f"http://{settings.bind}:{port}/mcp, until Ctrl-C")
    await Http(http_app(server, client, settings.max_body), settings, port, "--http").run()
