"""``duban act``: an action on a problem, straight to the topic of commands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID, uuid4

import msgspec
import typer
from rich.markup import escape

from duban.messages.commands import Command, Value
from duban.messages.envelope import Message, encode
from duban.messages.struct import from_json, plain
from duban_cli.commands.problem import found_record
from duban_cli.connection import asking, present, publishing, settings
from duban_cli.files import EvidenceFiles, read_code, sealed
from duban_cli.output import AsJson, ExitCode, InUtc, command, err, fail, out, shown_at, write_json
from duban_cli.zones import zones
from duban_console.action import ACTIONS, InvalidAction, action_message, parsed
from duban_console.ledger import LedgerReader, Outcome

if TYPE_CHECKING:
    from duban.io.settings import Settings

SOURCE = "duban/cli"
_HELP = f"One of: {', '.join(ACTIONS)}."


@command
async def act(
    problem: Annotated[str, typer.Argument(help="The problem, or other record: its id or its number.")],
    action: Annotated[str, typer.Argument(help=_HELP)],
    unit: Annotated[str, typer.Option(help="The unit that acts.")],
    person: Annotated[str | None, typer.Option(help="Who in the unit.")] = None,
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
    actor = {"unit": unit, **({"person": person} if person else {})}
    fields = {name: value for name, value in given.items() if value is not None}
    body, chosen = parsed({**fields_of(data), **fields, "action": action, "actor": actor, "reason": reason})
    known = settings()
    async with asking(known) as ledger:
        standing = await found_record(ledger, problem)
        message = action_message(
            body, id_=chosen or str(uuid4()), problem_id=standing.id, jurisdiction=standing.jurisdiction,
            source=SOURCE, at=await present(known),
        )  # fmt: skip
        decided = await sent(message, known, ledger, wait)
    await tell(decided, message, known, wait, utc=utc, as_json=as_json)


async def sent(message: Message[Command], known: Settings, ledger: LedgerReader, wait: float) -> Outcome | None:
    """Send ``message``; what came of it, if that stands in the ledger within ``wait`` seconds."""
    async with publishing(known) as publisher:
        record = encode(message)
        publisher.check(record)
        await publisher.publish([record])
    return await ledger.awaited(SOURCE, message.id, wait) if wait else None


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


async def enter(
    message: Message[Command], known: Settings, ledger: LedgerReader, wait: float, *, utc: bool, as_json: bool
) -> None:
    """Send what a record begins with, say what came of it, and under which number it stands then."""
    decided = await sent(message, known, ledger, wait)
    record = await ledger.record(UUID(message.subject)) if decided else None
    await tell(decided, message, known, wait, utc=utc, as_json=as_json)
    if record is not None:
        err().print(f"as {escape(record.number)}")


async def tell(
    decided: Outcome | None, message: Message[Command], known: Settings, wait: float, *, utc: bool, as_json: bool,
    **more: Any,
) -> None:  # fmt: skip
    """Say what came of the command, and end with the code for it; ``more`` is what its JSON says beside that."""
    name, message_id = type(message.data).__name__, message.id
    if decided is not None and str(decided.problem_id) != message.subject:
        fail(ExitCode.CONFLICT, f"the id {message_id} belongs to a command for {decided.problem_id}")
    if decided is None:
        if as_json:
            write_json({"command": message_id, "status": "accepted", **more})
        if wait:
            fail(
                ExitCode.UNAVAILABLE,
                f"{name} is with the broker as {message_id}, but the router has not decided it yet",
            )
        err().print(f"{name} accepted as {escape(message_id)}")
        return
    if decided.refused is not None:
        if as_json:
            refused = plain(decided.refused)
            write_json({"command": message_id, "status": "refused", "refused": refused, **more})
        fail(ExitCode.CONFLICT, f"refused ({decided.refused.code}): {decided.refused.reason}")
    events = [line.event for line in decided.lines]
    if as_json:
        bodies = [plain(event) for event in events]
        write_json({"command": message_id, "status": "done", "events": bodies, **more})
        return
    zone = (await zones(known, utc=utc)).get(message.jurisdiction)
    for event in events:
        at = shown_at(event.at, zone, "seconds")
        out().print(f"[green]✓[/] {event.change.kind} (version {event.version}) at {at}")
