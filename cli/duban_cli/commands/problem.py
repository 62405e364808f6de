"""``duban problem``: the ledger as people read it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from duban.messages.records import AnyRecord, Event, Listing, Problem, Reading, Reward, in_words
from duban.messages.struct import plain
from duban.moves import Kind, Stage, Status
from duban_cli.connection import present, report_keys
from duban_cli.ledger_views import ApiLedger, ledger_in, read_from
from duban_cli.output import AsJson, ExitCode, InUtc, command, fail, out, shown_at, write_json
from duban_cli.pages import page_of, say_more
from duban_cli.zones import zones
from duban_console.api.responses import as_json as jsonable
from duban_console.api.responses import told
from duban_console.ledger import Chain, Filters, LedgerReader, WaitingReport, statuses_in
from duban_console.reports import Seal, ShownReport, shown

if TYPE_CHECKING:
    from duban.io.settings import Settings

problem_app = typer.Typer(no_args_is_help=True, help="Problems, and other records, with their history.")


async def found_record(ledger: LedgerReader | ApiLedger, name: str) -> AnyRecord:
    """The record by its id or its number; ends the command when there is none, or more than one."""
    try:
        ids = [UUID(name)]
    except ValueError:
        ids = await ledger.numbered(name)
    if len(ids) > 1:
        fail(ExitCode.CONFLICT, f"the number {name} stands in {len(ids)} jurisdictions: {', '.join(map(str, ids))}")
    record = await ledger.record(ids[0]) if ids else None
    if record is None:
        _unknown(name)
    return record


def _unknown(name: str) -> NoReturn:
    fail(ExitCode.NOT_FOUND, f"no problem {name} stands in the ledger")


@problem_app.command("show")
@command
async def show(
    problem: Annotated[
        str, typer.Argument(help="The problem, duty, listing, reward or reading: its id or its number.")
    ],
    utc: InUtc = False,
    as_json: AsJson = False,
) -> None:
    """A record with its whole history: who did what, when and why, what is due now, and which reports wait for a reply.

    The chain of hashes is recomputed; where it breaks, the command says the version and ends with 1.

    Example: duban problem show MY-2024-0007
    """
    known = read_from()
    async with ledger_in(known) as ledger:
        standing = await found_record(ledger, problem)
        history = await ledger.history(standing.id)
        unanswered = await ledger.unanswered(standing.id)
        reports = await _sealed_reports(ledger, standing.id) if isinstance(standing, Problem) else []
    assert history is not None
    if as_json:
        waiting = {"unanswered": [jsonable(report) for report in unanswered]} if isinstance(standing, Problem) else {}
        waiting |= {"reports": [jsonable(report) for report in reports]} if reports else {}
        write_json({standing.kind.value: jsonable(standing), **waiting, **jsonable(told(str(standing.id), history))})
    else:
        zone = (await zones(known, utc=utc)).get(standing.jurisdiction)
        _print(standing, history, unanswered, zone)
        for report in reports:
            _print_report(report, zone)
    if history.first_broken is not None:
        fail(ExitCode.FAILURE, f"the chain of hashes breaks at version {history.first_broken}: somebody changed it")


async def _sealed_reports(ledger: LedgerReader | ApiLedger, id_: UUID) -> list[ShownReport]:
    """The reports of a problem of which something is sealed, as far as the keys open it that are held where it lies."""
    if isinstance(ledger, ApiLedger):
        return [report for report in await ledger.reports(id_) if report.seal is not Seal.NONE]
    sealed = [report for report in await ledger.filed(id_) if report.filed.sealed is not None]
    keys = report_keys() if sealed else None  # a command that shows nothing sealed needs no key
    return [shown(report, keys) for report in sealed]


def _print_report(report: ShownReport, zone: tzinfo | None) -> None:
    """What a report says of which something is sealed, or why nobody reads it here."""
    out().print(f"[bold]{escape(f'{report.source} {report.id}')}[/]  {_at(report.received_at, zone)}")
    match report.seal:
        case Seal.OPENED:
            words = (report.report.title, report.report.text, *map(": ".join, report.report.attributes.items()))
            for line in filter(None, words):
                out().print(f"  {escape(line)}")
        case Seal.ERASED:
            when = _at(report.erased_at, zone) if report.erased_at is not None else "before it came"
            why = "its term is over" if report.why == "term" else "somebody asked for it"
            out().print(f"  erased: {escape(when)}, as {why}")
        case Seal.LOST:
            out().print("  sealed: no key that is held opens it, docs/privacy.md says when that happens")
        case _:
            out().print("  sealed: DUBAN_REPORT_KEY names the file with the key")


#: So many reports that wait for a reply are named; ``--json`` names all.
_MOST_WAITING = 5


def _print(record: AnyRecord, history: Chain, unanswered: Sequence[WaitingReport], zone: tzinfo | None) -> None:
    console = out()
    console.print(f"[bold]{escape(record.number)}[/]  {escape(record.title)}")
    stage = (record.stage,) if isinstance(record, Problem) else ()
    holder = f"{_HOLDER[record.kind]} {record.holder or '–'}"
    head = (*stage, record.status, record.rule, holder, record.jurisdiction, f"pack {record.pack}")
    console.print(escape(" · ".join(head)))
    if isinstance(record, Listing | Reward):
        console.print(escape(_beside(record)))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("#", "at", "what", "who", "why"):
        table.add_column(title, overflow="fold")
    for line in history.lines:
        event = line.event
        table.add_row(str(line.version), _at(event.at, zone), _what(event), _who(event), escape(event.reason))
    console.print(table)
    for deadline in record.deadlines:
        word = "provisionally " if deadline.provisional else ""
        obligation = in_words(deadline.obligation, deadline.part)
        steps = f"; met by the step {' or '.join(deadline.steps)}" if deadline.steps else ""
        console.print(
            f"due {word}{_at(deadline.due_at, zone)}  {deadline.measure or 'lapse'} for {escape(obligation)} "
            f"({escape(deadline.owner or 'by itself')}; the limit ends {_at(deadline.lapse_at, zone)}{escape(steps)})"
        )
    if isinstance(record, Problem):
        _print_steps(record, zone)
    if unanswered:
        named = ", ".join(f"{report.source} {report.id}" for report in unanswered[:_MOST_WAITING])
        more = f" and {len(unanswered) - _MOST_WAITING} more" if len(unanswered) > _MOST_WAITING else ""
        console.print(escape(f"without a reply: {named}{more}"))
    if history.first_broken is None:
        console.print(f"[green]✓[/] chain of {len(history.lines)} hashes recomputed")


def _print_steps(problem: Problem, zone: tzinfo | None) -> None:
    """The steps of the pack's own that were taken, and those that are not needed."""
    for word, steps in (("taken", problem.steps_taken), ("waived", problem.steps_waived)):
        for step, mark in steps.items():
            times = f", {mark.times} times so far" if mark.times > 1 else ""
            out().print(f"step {escape(step)} {word} {_at(mark.at, zone)} (version {mark.version}{times})")


#: What the unit is that has a record in hand.
_HOLDER = {Kind.PROBLEM: "lead", Kind.DUTY: "owed by", Kind.LISTING: "kept by", Kind.REWARD: "fixed by",
           Kind.READING: "of"}  # fmt: skip


def _beside(record: Listing | Reward | Reading) -> str:
    """What an entry on a list, a reward or a reading is about; never whose a reward is."""
    if isinstance(record, Reading):
        value = f"{record.value:.10g} {record.measured_in} on {record.read_on.isoformat()}"
        return f"{value} · from {record.source}" if record.source else value
    if isinstance(record, Listing):
        about = [
            f"{record.of} on the ground {record.ground}",
            f"barred from {', '.join(record.bars)}" * bool(record.bars),
            "public" * record.public,
        ]
    else:
        about = [f"amount {record.amount}" if record.amount else "no amount yet", "to the worker" * bool(record.worker)]
    if record.cause is not None:
        about.append(f"because of {record.cause.number} (version {record.cause.version})")
    return " · ".join(filter(None, about))


def _at(instant: datetime, zone: tzinfo | None) -> str:
    return shown_at(instant, zone, "seconds")


def _who(event: Event) -> str:
    actor = event.actor
    return escape(f"{actor.unit} ({actor.person})" if actor.person else actor.unit)


#: What of a change is worth a line of a table; the report itself is not, nor to whom a reward is owed.
_TELLING = (
    "number", "step", "sign", "fields", "lead_unit", "co_units", "clause", "outcome", "items", "flag", "note",
    "obligation", "part", "level", "list", "of", "ground", "bars", "reward", "amount", "measure", "to", "unit", "cause",
    "text", "platform", "status", "receipt", "due_on", "read_on", "value", "measured_in", "beside", "counted",
)  # fmt: skip


def _what(event: Event) -> str:
    change = plain(event.change)
    told_ = (_worded(name, change[name]) for name in _TELLING if change.get(name, "") not in ("", []))
    return escape(" · ".join([event.change.kind, *told_]))


def _worded(name: str, value: Any) -> str:
    if name == "cause":
        return f"because of {value['number']} (version {value['version']})"
    if name == "fields":
        return ", ".join(f"{field}: {content}" for field, content in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)


@problem_app.command("ls")
@command
async def ls(
    jurisdiction: Annotated[str | None, typer.Option(help="Only of this jurisdiction.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only in this status.")] = None,
    stage: Annotated[Stage | None, typer.Option(help="Only in this stage.")] = None,
    lead_unit: Annotated[str | None, typer.Option(help="Only led by this unit.")] = None,
    category: Annotated[str | None, typer.Option(help="Only of this category.")] = None,
    matter: Annotated[str | None, typer.Option(help="Only of this matter: a consultation, a complaint …")] = None,
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
    """Problems, in the order of their registration.

    Example: duban problem ls --jurisdiction boston --overdue
    """
    known = read_from()
    at = await present(known) if overdue else None
    statuses = statuses_in(stage, status)
    if stage is not None and not statuses:
        fail(ExitCode.USAGE, f"no problem is {status} in the stage {stage}: leave one of the two out")
    filters = Filters(
        Kind.PROBLEM, jurisdiction, statuses, category, lead_unit, at, channel, enterprise, sponsor, matter
    )
    await show_page(known, filters, limit, cursor, utc=utc, as_json=as_json)


async def show_page(
    known: Settings | None, filters: Filters, limit: int, cursor: str | None, *, utc: bool, as_json: bool
) -> None:
    """A page of problems or duties: a table, or a line of JSON each."""
    page = await page_of(known, filters, limit, cursor)
    if as_json:
        for record in page.records:
            write_json(jsonable(record))
    else:
        shown_in = await zones(known, utc=utc or not page.records)
        of_duties = filters.kind is Kind.DUTY
        table = Table(box=None, pad_edge=False, header_style="dim")
        for title in ("number", "status", *(("unit", "duty") if of_duties else ("lead", "category")), "due", "title"):
            table.add_column(title, overflow="fold")
        for record in page.records:
            due = _at(record.deadlines[0].due_at, shown_in.get(record.jurisdiction)) if record.deadlines else "–"
            cells = (record.number, record.status, record.holder or "–", record.rule, due, record.title)
            table.add_row(*map(escape, cells))
        out().print(table)
    say_more(page)
