"""``duban problem``: the ledger as people read it."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Annotated, Any, NoReturn
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from duban.messages.problem import Event, Problem
from duban.moves import Kind, Stage, Status
from duban_cli.connection import asking, present, settings
from duban_cli.output import AsJson, Code, InUtc, command, fail, out, shown_at, write_json
from duban_cli.pages import page_of, say_more
from duban_cli.zones import zones
from duban_console.api.responses import as_json as jsonable
from duban_console.api.responses import told
from duban_console.ledger import Filters, History, Reading

problem_app = typer.Typer(no_args_is_help=True, help="Problems as they stand in the ledger, with their history.")


async def found_problem(reading: Reading, name: str) -> Problem:
    """The problem by its id or its number; ends the command when there is none, or more than one."""
    try:
        ids = [UUID(name)]
    except ValueError:
        ids = await reading.numbered(name)
    if len(ids) > 1:
        fail(Code.CONFLICT, f"the number {name} stands in {len(ids)} jurisdictions: {', '.join(map(str, ids))}")
    problem = await reading.problem(ids[0]) if ids else None
    if problem is None:
        _unknown(name)
    return problem


def _unknown(name: str) -> NoReturn:
    fail(Code.NOT_FOUND, f"no problem {name} stands in the ledger")


@problem_app.command("show")
@command
async def show(
    problem: Annotated[str, typer.Argument(help="The problem: its id or its number.")],
    utc: InUtc = False,
    as_json: AsJson = False,
) -> None:
    """A problem with its whole history: who did what, when and why, and what is due now.

    The chain of hashes is recomputed; where it breaks, the command says the version and ends with 1.

    Example: duban problem show MY-2024-0007
    """
    known = settings()
    async with asking(known) as reading:
        standing = await found_problem(reading, problem)
        history = await reading.history(standing.id)
    assert history is not None
    if as_json:
        write_json({"problem": jsonable(standing), **jsonable(told(str(standing.id), history))})
    else:
        _print(standing, history, (await zones(known, utc=utc)).get(standing.jurisdiction))
    if history.first_broken is not None:
        fail(Code.FAILURE, f"the chain of hashes breaks at version {history.first_broken}: somebody changed it")


def _print(problem: Problem, history: History, zone: tzinfo | None) -> None:
    console = out()
    console.print(f"[bold]{escape(problem.number)}[/]  {escape(problem.title)}")
    lead = f"{_LEAD.get(problem.kind, 'lead')} {problem.lead_unit or '–'}"
    head = (problem.stage, problem.status, problem.category, lead, problem.jurisdiction, f"pack {problem.pack}")
    console.print(escape(" · ".join(head)))
    if problem.listing is not None or problem.reward is not None:
        console.print(escape(_beside(problem)))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("#", "at", "what", "who", "why"):
        table.add_column(title, overflow="fold")
    for line in history.lines:
        event = line.event
        table.add_row(str(line.version), _at(event.at, zone), _what(event), _who(event), escape(event.reason))
    console.print(table)
    for one in problem.deadlines:
        word = "provisionally " if one.provisional else ""
        console.print(
            f"due {word}{_at(one.due_at, zone)}  {one.measure} for {escape(one.obligation)} "
            f"({escape(one.owner)}; the limit ends {_at(one.lapse_at, zone)})"
        )
    if history.first_broken is None:
        console.print(f"[green]✓[/] chain of {len(history.lines)} hashes recomputed")


#: What the lead unit of a record is, where it leads nothing.
_LEAD = {Kind.DUTY: "owed by", Kind.LISTING: "kept by", Kind.REWARD: "fixed by"}


def _beside(record: Problem) -> str:
    """What an entry on a list, or a reward, is about; never whose a reward is."""
    cause = None
    if record.listing is not None:
        cause, barred = (
            record.listing.cause,
            f"barred from {', '.join(record.listing.bars)}" * bool(record.listing.bars),
        )
        said = [f"{record.listing.of} on the ground {record.listing.ground}", barred, "public" * record.listing.public]
    else:
        assert record.reward is not None
        cause, amount = record.reward.cause, record.reward.amount
        said = [f"amount {amount}" if amount else "no amount yet", "to the worker" * bool(record.reward.worker)]
    if cause is not None:
        said.append(f"because of {cause.number} (version {cause.version})")
    return " · ".join(filter(None, said))


def _at(instant: datetime, zone: tzinfo | None) -> str:
    return shown_at(instant, zone, "seconds")


def _who(event: Event) -> str:
    actor = event.actor
    return escape(f"{actor.unit} ({actor.person})" if actor.person else actor.unit)


#: What of a change is worth a line of a table; the report itself is not, nor to whom a reward is owed.
_TELLING = (
    "number", "lead_unit", "co_units", "clause", "outcome", "items", "flag", "note", "obligation", "level", "list",
    "of", "ground", "bars", "reward", "amount", "measure", "to", "unit", "cause", "text",
)  # fmt: skip


def _what(event: Event) -> str:
    change: dict[str, Any] = event.change.model_dump(mode="json", exclude_defaults=True)
    told_ = (_worded(name, change[name]) for name in _TELLING if name in change)
    return escape(" · ".join([event.change.kind, *told_]))


def _worded(name: str, value: Any) -> str:
    if name == "cause":
        return f"because of {value['number']} (version {value['version']})"
    return ", ".join(value) if isinstance(value, list) else str(value)


@problem_app.command("ls")
@command
async def ls(
    jurisdiction: Annotated[str | None, typer.Option(help="Only of this jurisdiction.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only in this status.")] = None,
    stage: Annotated[Stage | None, typer.Option(help="Only in this stage.")] = None,
    lead_unit: Annotated[str | None, typer.Option(help="Only led by this unit.")] = None,
    category: Annotated[str | None, typer.Option(help="Only of this category.")] = None,
    kind: Annotated[Kind | None, typer.Option(help="Only problems, duties, entries on lists or rewards.")] = None,
    channel: Annotated[str | None, typer.Option(help="Only what came in by this channel.")] = None,
    enterprise: Annotated[str | None, typer.Option(help="Only what this enterprise was reported for.")] = None,
    sponsor: Annotated[str | None, typer.Option(help="Only what this leader has taken.")] = None,
    overdue: Annotated[
        bool, typer.Option("--overdue", help="Only open ones with a time limit that has passed.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier page ended.")] = None,
    utc: InUtc = False,
    as_json: AsJson = False,
) -> None:
    """Problems, and what the calendar and measures have opened beside them, in the order of their beginning.

    Example: duban problem ls --jurisdiction boston --overdue
    """
    known = settings()
    at = await present(known) if overdue else None
    statuses = (status,) if status else ()
    filters = Filters(jurisdiction, statuses, stage, lead_unit, category, at, kind, channel, enterprise, sponsor)
    page = await page_of(known, filters, limit, cursor)
    if as_json:
        for one in page.problems:
            write_json(jsonable(one))
    else:
        shown_in = await zones(known, utc=utc or not page.problems)
        table = Table(box=None, pad_edge=False, header_style="dim")
        for title in ("number", "status", "lead", "category", "due", "title"):
            table.add_column(title, overflow="fold")
        for one in page.problems:
            due = _at(one.deadlines[0].due_at, shown_in.get(one.jurisdiction)) if one.deadlines else "–"
            title = " · ".join(filter(None, (one.title, one.listing.of if one.listing else None)))
            table.add_row(*map(escape, (one.number, one.status, one.lead_unit or "–", one.category, due, title)))
        out().print(table)
    say_more(page)
