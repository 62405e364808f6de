"""The tool that proposes what somebody might do: it looks whether it would be an action, and sends nothing."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import quote

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from duban.messages.report import stored_evidence
from duban.messages.struct import plain
from duban_cli.assistants.answers import ProposedAction
from duban_cli.assistants.api import Callers
from duban_cli.assistants.record_tools import only_record
from duban_cli.assistants.tools import add_tool
from duban_console.action import ACTIONS, InvalidAction, parsed

#: Stands for the files that the person hands in with it.
_EVIDENCE: Final = plain(stored_evidence("0" * 64))


class ActionTools:
    """The tool that proposes; it asks the API as who ``callers`` say."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    def add_to(self, server: MCPServer[Any]) -> None:
        """Have ``server`` offer it."""
        add_tool(server, "Propose an action", self.propose_action, written=False)

    async def propose_action(
        self,
        ctx: Context,
        name: Annotated[str, Field(min_length=1, max_length=120, description="The number of the record, or its id")],
        action: Annotated[str, Field(description=f"One of {', '.join(ACTIONS)}")],
        unit: Annotated[str, Field(min_length=1, max_length=120, description="The unit that acts, by its id")],
        fields: Annotated[
            dict[str, Any],
            Field(description="Its fields as `POST /v1/problems/{id}/actions` takes them, such as `reason`; no actor"),
        ] = {},  # noqa: B006 - never changed
    ) -> ProposedAction:
        """Say where a person may do something to a record, and what they would enter there. Nothing is sent.

        The fields are checked as those of an action are; whether the record takes it now, the router says when the
        person has sent it.
        """
        if action not in ACTIONS:
            raise ToolError(f"{action} is no action; they are {', '.join(ACTIONS)}")
        takes_files = "evidence" in ACTIONS[action].__struct_fields__
        if "actor" in fields or (takes_files and "evidence" in fields):
            raise ToolError("fields: who acts is who is signed in, and files are handed in by them: leave both out")
        api = self._callers.api(ctx)
        if action not in (await api.ask("/v1/me")).document["deeds"]:
            raise ToolError(f"{action} is not for who asks: who_asks names what is")
        try:
            files = {"evidence": [_EVIDENCE]} if takes_files else {}
            parsed({**fields, **files, "action": action, "actor": {"unit": unit}})
        except InvalidAction as error:
            raise ToolError(str(error)) from None
        record = await only_record(api, name)
        step = str(fields.get("step", "")) if action in ("take_step", "waive_step") else ""
        anchor = f"act-{action}.{step}" if step else f"act-{action}"
        return ProposedAction(
            page=f"{api.who.api}/records/{record.id}#{quote(anchor)}", number=record.number, action=action, unit=unit,
            enter=fields, evidence=takes_files,
        )  # fmt: skip
