"""``duban reading``: what the indicators of targets came to, entered by whoever answers for them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from duban.messages.records import Reading
from duban.messages.struct import replace
from duban.moves import Kind
from duban_cli.files import EvidenceFiles, sealed
from duban_cli.identity import Server, api_client
from duban_cli.ledger_views import read_from
from duban_cli.output import AsJson, ExitCode, InUtc, command, fail, out, shown_at, write_json
from duban_cli.pages import page_of, say_more
from duban_cli.submission import actor, say_number, submitted, tell
from duban_cli.zones import zones
from duban_console.action import NewReading, new_reading
from duban_console.api.responses import PATHS
from duban_console.api.responses import as_json as jsonable
from duban_console.ledger import Filters

reading_app = typer.Typer(
    no_args_is_help=True, help="Readings of targets: what the environment itself came to, and when."
)


@reading_app.command("put")
@command
async def put(
    target: Annotated[str, typer.Argument(help="The target, by its id in the pack.")],
    value: Annotated[str, typer.Argument(help="What it came to, in what the target is measured in; a number.")],
    on: Annotated[str, typer.Option(help="The day that it is of, YYYY-MM-DD.")],
    jurisdiction: Annotated[str, typer.Option(help="Whose target it is.")],
    unit: Annotated[str, typer.Option(help="Who enters it: the unit that answers for the target, or the office.")],
    of: Annotated[str | None, typer.Option(help="Whose reading it is, if not the unit's own.")] = None,
    source: Annotated[str, typer.Option(help="Who or what read it.")] = "",
    reason: Annotated[str, typer.Option(help="Why; a correction needs it.")] = "",
    correct: Annotated[bool, typer.Option("--correct", help="It corrects what stands there for that day.")] = False,
    evidence: EvidenceFiles = None,
    id_: Annotated[str | None, typer.Option("--id", help="The id of the command; the same again is the same.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the outcome.")] = 5.0,
    utc: InUtc = False,
    as_json: AsJson = False,
) -> None:
    """Enter a reading; ends with 4 when it is refused. What is entered stays: a correction stands beside it.

    Example: duban reading put pm25 42.8 --on 2019-12-31 --jurisdiction mianzhu --unit ecology --source 市监测站
    """
    fields: dict[str, Any] = {
        "target": target, "unit": of or unit, "read_on": on, "value": _number(value), "source": source,
        "jurisdiction": jurisdiction, "reason": reason, "id": id_,
    }  # fmt: skip
    proofs = {"evidence": sealed(evidence)} if evidence else {}
    async with api_client() as api:
        body = {**fields, **proofs, "actor": actor(api, unit)}
        new = new_reading(body)
        if correct:
            body["correction"] = await _next(api, new)
        done = await submitted(api, PATHS[Kind.READING], body, wait)
    await tell(type(new.command).__name__, done, wait, jurisdiction=jurisdiction, utc=utc, as_json=as_json)
    say_number(done)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        fail(ExitCode.USAGE, f"{text} is no number; write it with a point, as 42.8")


async def _next(api: Server, new: NewReading) -> int:
    """The how many-th correction it is."""
    last = 0
    while await _stands(api, replace(new.command, correction=last).record_id(new.jurisdiction)):
        last += 1
    if not last:
        fail(ExitCode.NOT_FOUND, f"{new.target} of {new.unit} has no reading of {new.read_on}: leave --correct out")
    return last


async def _stands(api: Server, id_: UUID) -> bool:
    return (await api.asked("GET", f"{PATHS[Kind.READING]}/{id_}", also=(404,))).status == 200


@reading_app.command("ls")
@command
async def ls(
    jurisdiction: Annotated[str | None, typer.Option(help="Only of this jurisdiction.")] = None,
    target: Annotated[str | None, typer.Option(help="Only of this target.")] = None,
    unit: Annotated[str | None, typer.Option(help="Only of this unit.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 500,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier page ended.")] = None,
    utc: InUtc = False,
    as_json: AsJson = False,
) -> None:
    """The readings in the order in which they were entered; a correction follows what it corrects.

    Example: duban reading ls --jurisdiction mianzhu --target pm25
    """
    known = read_from()
    page = await page_of(known, Filters(Kind.READING, jurisdiction, (), target, unit), limit, cursor)
    readings = [record for record in page.records if isinstance(record, Reading)]
    if as_json:
        for reading in readings:
            write_json(jsonable(reading))
    elif readings:
        shown_in = await zones(known, utc=utc)
        table = Table(box=None, pad_edge=False, header_style="dim")
        for title in ("number", "target", "of", "read on", "value", "in", "correction", "source", "entered"):
            table.add_column(title, overflow="fold", justify="right" if title == "value" else "left")
        for reading in readings:
            entered = shown_at(reading.begun_at, shown_in.get(reading.jurisdiction))
            table.add_row(*map(escape, (
                reading.number, reading.title, reading.unit, reading.read_on.isoformat(), f"{reading.value:.10g}",
                reading.measured_in, str(reading.correction or "–"), reading.source or "–", entered,
            )))  # fmt: skip
        out().print(table)
    say_more(page)
