"""``duban act``: an action on a problem, as who is signed in, through the API."""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec
import typer

from duban.messages.commands import Value
from duban.messages.struct import from_json
from duban_cli.files import EvidenceFiles, read_code, sealed
from duban_cli.identity import api_client
from duban_cli.output import AsJson, InUtc, command
from duban_cli.submission import actor, path_of, submitted, tell
from duban_console.action import ACTIONS, InvalidAction, parsed

_HELP = f"One of: {', '.join(ACTIONS)}."


@command
async def act(
    problem: Annotated[str, typer.Argument(help="The problem, or other record: its id or its number.")],
    action: Annotated[str, typer.Argument(help=_HELP)],
    unit: Annotated[str, typer.Option(help="The unit that acts.")],
    reason: Annotated[str, typer.Option(help="Why; some actions need it.")] = "",
    outcome: Annotated[str | None, typer.Option(help="complete: one of the pack's outcomes.")] = None,
    note: Annotated[str | None, typer.Option(help="progress: how far it is.")] = None,
    clause: Annotated[
        str | None, typer.Option(help="dispatch, hand_back, ask_extension, justify: the clause it rests on.")
    ] = None,
    length: Annotated[
        int | None, typer.Option(min=1, help="ask_extension, decide_extension: how much, in the unit of the pack.")
    ] = None,
    ground: Annotated[str | None, typer.Option(help="reject, pause, rate: one of the pack's grounds.")] = None,
    category: Annotated[str | None, typer.Option(help="classify: what the problem is about.")] = None,
    matter: Annotated[str | None, typer.Option(help="classify: what is wanted, one of the pack's matters.")] = None,
    reply: Annotated[str | None, typer.Option(help="reply: which of the pack's replies it is.")] = None,
    form: Annotated[str | None, typer.Option(help="reply: in which of its forms.")] = None,
    step: Annotated[str | None, typer.Option(help="take_step, waive_step: one of the pack's steps.")] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(help="take_step: what a field says, as NAME=VALUE; repeatable. Texts as they are, or in quotes."),
    ] = None,
    lead_unit: Annotated[str | None, typer.Option(help="dispatch: the unit that leads.")] = None,
    co_unit: Annotated[list[str] | None, typer.Option(help="dispatch: a unit that helps; repeatable.")] = None,
    passed: Annotated[bool | None, typer.Option("--passed/--sent-back", help="verify: the verdict.")] = None,
    evidence: EvidenceFiles = None,
    code_file: Annotated[
        str | None, typer.Option(help="collect: the file with the code of the report; - asks, or reads stdin.")
    ] = None,
    data: Annotated[str, typer.Option(help="Any further fields of the command, as a JSON object.")] = "{}",
    id_: Annotated[str | None, typer.Option("--id", help="Its id; the same id again is the same action.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the outcome.")] = 5.0,
    utc: InUtc = False,
    as_json: AsJson = False,
) -> None:
    """Send an action on a problem and say what came of it; ends with 4 when it is refused.

    Example: duban act MY-2024-0007 complete --unit water --outcome rectified
    """
    given = {
        "outcome": outcome, "note": note, "clause": clause, "lead_unit": lead_unit, "co_units": co_unit or None,
        "passed": passed, "length": length, "ground": ground, "category": category, "matter": matter,
        "reply": reply, "form": form, "id": id_,
        "step": step, "fields": fields_of_step(field) if field else None,
        "evidence": sealed(evidence) if evidence else None, "code": read_code(code_file) if code_file else None,
    }  # fmt: skip
    fields = {name: value for name, value in given.items() if value is not None}
    async with api_client() as api:
        body = {**fields_of(data), **fields, "action": action, "actor": actor(api, unit), "reason": reason}
        name = type(parsed(body)[0]).__name__
        done = await submitted(api, f"{await path_of(api, problem)}/actions", body, wait)
    jurisdiction = done.record["jurisdiction"] if done.record else ""
    await tell(name, done, wait, jurisdiction=jurisdiction, utc=utc, as_json=as_json)


def fields_of_step(assignments: list[str]) -> dict[str, Value]:
    """The fields of a step, each written as NAME=VALUE: a number, true or false, or a text, in quotes or not."""
    fields: dict[str, Value] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not (name and equals):
            raise InvalidAction("invalid", "--field", f"{assignment} says no value: write NAME=VALUE")
        fields[name] = _value(value)
    return fields


def _value(written: str) -> Value:
    try:
        return from_json(written, Value)  # type: ignore[arg-type]  # a union is no class
    except msgspec.DecodeError:
        return written


def fields_of(data: str) -> dict[str, Any]:
    """The further fields of a command, from ``--data``."""
    try:
        fields = json.loads(data)
    except json.JSONDecodeError as error:
        raise InvalidAction("not_json", "--data", f"is no JSON: {error}") from None
    if not isinstance(fields, dict):
        raise InvalidAction("invalid", "--data", "is no JSON object")
    return fields
