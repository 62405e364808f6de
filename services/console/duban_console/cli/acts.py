"""``duban act``: an action on a problem, straight to the topic of commands."""

from __future__ import annotations

import json
from typing import Annotated, Any
from uuid import UUID, uuid4

import typer
from rich.markup import escape

from duban.messages.commands import Command
from duban.messages.envelope import encode
from duban_console.acting import ACTIONS, InvalidAction, action_message, parsed
from duban_console.cli.output import AsJson, Code, command, err, fail, out, write_json
from duban_console.cli.problems import found_problem
from duban_console.cli.reaching import asking, present, publishing, settings
from duban_console.reading import Outcome

SOURCE = "duban/cli"
_HELP = f"One of: {', '.join(ACTIONS)}."


@command
async def act(
    problem: Annotated[str, typer.Argument(help="The problem: its id or its number.")],
    action: Annotated[str, typer.Argument(help=_HELP)],
    unit: Annotated[str, typer.Option(help="The unit that acts.")],
    person: Annotated[str | None, typer.Option(help="Who in the unit.")] = None,
    reason: Annotated[str, typer.Option(help="Why; some actions need it.")] = "",
    outcome: Annotated[str | None, typer.Option(help="complete: one of the pack's outcomes.")] = None,
    note: Annotated[str | None, typer.Option(help="progress: how far it is.")] = None,
    clause: Annotated[str | None, typer.Option(help="dispatch, hand_back: the clause it rests on.")] = None,
    lead_unit: Annotated[str | None, typer.Option(help="dispatch: the unit that leads.")] = None,
    co_unit: Annotated[list[str] | None, typer.Option(help="dispatch: a unit that helps; repeatable.")] = None,
    passed: Annotated[bool | None, typer.Option("--passed/--sent-back", help="verify: the verdict.")] = None,
    data: Annotated[str, typer.Option(help="Any further fields of the command, as a JSON object.")] = "{}",
    id_: Annotated[str | None, typer.Option("--id", help="Its id; the same id again is the same action.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the outcome.")] = 5.0,
    as_json: AsJson = False,
) -> None:
    """Send an action on a problem and say what came of it; ends with 4 when it is refused.

    Example: duban act MY-2024-0007 complete --unit water --outcome rectified
    """
    given = {
        "outcome": outcome, "note": note, "clause": clause, "lead_unit": lead_unit, "co_units": co_unit or None,
        "passed": passed, "id": id_,
    }  # fmt: skip
    actor = {"unit": unit, **({"person": person} if person else {})}
    said = {name: value for name, value in given.items() if value is not None}
    wanted, chosen = parsed({**_fields(data), **said, "action": action, "actor": actor, "reason": reason})
    known = settings()
    async with asking(known) as reading:
        standing = await found_problem(reading, problem)
        message_id = chosen or str(uuid4())
        message = action_message(
            wanted, id_=message_id, problem_id=standing.id, jurisdiction=standing.jurisdiction, source=SOURCE,
            at=await present(known),
        )  # fmt: skip
        async with publishing(known) as publisher:
            await publisher.publish([encode(message)])
        decided = await reading.awaited(SOURCE, message_id, wait) if wait else None
    _tell(decided, message_id, wanted, standing.id, wait, as_json)


def _fields(data: str) -> dict[str, Any]:
    try:
        fields = json.loads(data)
    except json.JSONDecodeError as error:
        raise InvalidAction("not_json", "--data", f"is no JSON: {error}") from None
    if not isinstance(fields, dict):
        raise InvalidAction("invalid", "--data", "is no JSON object")
    return fields


def _tell(
    decided: Outcome | None, message_id: str, wanted: Command, problem_id: UUID, wait: float, as_json: bool
) -> None:
    """Say what came of the command, and end with the code for it."""
    name = type(wanted).__name__
    if decided is not None and decided.problem_id != problem_id:
        fail(Code.CONFLICT, f"the id {message_id} belongs to a command for problem {decided.problem_id}")
    if decided is None:
        if as_json:
            write_json({"command": message_id, "status": "accepted"})
        if wait:
            fail(Code.UNAVAILABLE, f"{name} is with the broker as {message_id}, but the router has not decided it yet")
        err().print(f"{name} accepted as {escape(message_id)}")
        return
    if decided.refused is not None:
        if as_json:
            refused = decided.refused.model_dump(mode="json", exclude_none=True)
            write_json({"command": message_id, "status": "refused", "refused": refused})
        fail(Code.CONFLICT, f"refused ({decided.refused.code}): {decided.refused.reason}")
    events = [line.event for line in decided.lines]
    if as_json:
        bodies = [event.model_dump(mode="json", exclude_none=True) for event in events]
        write_json({"command": message_id, "status": "done", "events": bodies})
        return
    for event in events:
        out().print(f"[green]✓[/] {event.change.kind} (version {event.version}) at {event.at.isoformat()}")
