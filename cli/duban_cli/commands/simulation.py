"""``duban simulate`` and ``duban replay``: what a pack would do to reports from a file, or to the real history."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from duban.clock import within_range
from duban.errors import PackError
from duban.messages.envelope import Message
from duban.messages.report import Report
from duban.policy import PolicyPack, PublishedCalendar, Rules
from duban_cli.connection import present, settings
from duban_cli.output import AsJson, ExitCode, InUtc, command, err, fail, out, write_json
from duban_cli.simulation.history_source import from_ledger, from_topic, read_steps
from duban_cli.simulation.play import play
from duban_cli.simulation.sources import Act, ClosingColumns, EarlyRow, identities, json_reports, read_acts
from duban_cli.simulation.tables import show, show_comparison
from duban_cli.simulation.timeline import Timeline
from duban_cli.table_file import opened
from duban_cli.yaml_file import read_yaml
from duban_console.packs import publication as packs
from duban_intake.channels.columns import Mapping, load_mapping, read_reports
from duban_intake.channels.table import BadRow
from duban_intake.domain import own_problem
from duban_local import ROOT
from duban_simulation.engine import Engine, Witness
from duban_simulation.figures import Figures
from duban_simulation.history import Step, ordered
from duban_simulation.replay import replay as replayed

_EVERY = 500

T = TypeVar("T")
Calendar = Annotated[
    Path | None,
    typer.Option(
        help="The calendar, if neither in ../calendars beside the pack nor shipped.", exists=True, dir_okay=False
    ),
]
Until = Annotated[str | None, typer.Option(help="Until when: a date (its first instant) or an instant, ISO 8601.")]


@command
async def simulate(
    pack: Annotated[Path, typer.Argument(help="The policy pack, YAML.", exists=True, dir_okay=False)],
    reports: Annotated[Path, typer.Option(help="Reports: .csv, .xlsx, or JSON lines.", exists=True, dir_okay=False)],
    mapping: Annotated[
        Path | None, typer.Option(help="Which column of the table means what, YAML.", exists=True, dir_okay=False)
    ] = None,
    acts: Annotated[
        Path | None,
        typer.Option(
            help="What units do, CSV: report, at, action, unit (or @lead, @office), and the fields of the action.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    closed_column: Annotated[str | None, typer.Option(help="The column that says when a case was closed.")] = None,
    outcome_column: Annotated[str | None, typer.Option(help="The column that says with which outcome.")] = None,
    outcome: Annotated[
        str | None, typer.Option(help="The outcome where that cell is empty; the pack's first, if not given.")
    ] = None,
    early_at_once: Annotated[
        bool, typer.Option("--early-at-once", help="Close at once what was closed before it was opened.")
    ] = False,
    keep_going: Annotated[bool, typer.Option("--keep-going", help="Play the rest where rows cannot be read.")] = False,
    duties: Annotated[bool, typer.Option("--duties", help="Open the duties of the calendar too.")] = False,
    until: Until = None,
    calendar: Calendar = None,
    timeline: Annotated[Path | None, typer.Option(help="Write everything that happens here, JSON lines.")] = None,
    as_json: AsJson = False,
) -> None:
    """Play months of reports under a pack on virtual time, without Kafka or database, and count what comes of them.

    Nobody acts unless --acts or --closed-column says so: then everything lapses that can. The same files give the same
    output, byte for byte. Without --until, time runs on until nothing is due any more, two years at most.

    Example: duban simulate deploy/packs/boston-311.yaml --reports deploy/demo/boston-2015.csv
    --mapping deploy/demo/boston-mapping.yaml --closed-column CLOSED_DT --outcome-column CLOSURE_REASON --json
    """
    rules = _rules(pack, calendar)
    end = _instant(until, rules.zone)
    columns = _columns(reports, mapping, closed_column)
    bad: list[tuple[Path, BadRow]] = []
    messages = _good(_reports(reports, columns), reports, bad)
    done: list[Act] = []
    if acts:
        with opened(acts) as file_:
            done += _good(read_acts(file_.plain_table(), identities(messages), rules.zone), acts, bad)
    if closed_column and columns:
        usual = outcome or rules.pack.closing.outcomes[0]
        closing = ClosingColumns(closed_column, outcome_column, usual, early_at_once=early_at_once)
        with opened(reports) as file_:
            done += _good(closing.read(file_.table(columns), columns, rules), reports, bad)
        if early := {row.key for _, row in bad if isinstance(row, EarlyRow)}:
            messages = [message for message in messages if own_problem(message.source, message.id) not in early]
    _tell(bad)
    if bad and not keep_going:
        fail(ExitCode.FAILURE, "nothing was simulated; correct the rows, or leave them out with --keep-going")
    figures = Figures(rules)
    with ExitStack() as stack:
        witnesses: list[Witness] = [figures]
        if timeline:
            witnesses.append(Timeline(stack.enter_context(timeline.open("wb")), rules.zone))
        tick = stack.enter_context(_going("simulating", len(messages) + len(done)))
        for _ in play(Engine(rules, witnesses), messages, done, end, duties=duties):
            tick()
    named = messages if figures.refused_acts else ()  # only what was refused is told by the report it is about
    names = {own_problem(message.source, message.id): message.id for message in named}
    if as_json:
        write_json({"pack": rules.pack.ref, **figures.json(names), "unreadable": len(bad)})
    else:
        show(figures, rules.pack.ref, out(), rules.zone, names)
    if bad:
        raise typer.Exit(ExitCode.FAILURE)


@command
async def replay(
    pack: Annotated[Path, typer.Option(help="The pack to play the history under.", exists=True, dir_okay=False)],
    ledger: Annotated[bool, typer.Option("--from-ledger", help="The history in the database.")] = False,
    topic: Annotated[bool, typer.Option("--from-topic", help="The history on duban.problems.v1.")] = False,
    file: Annotated[
        Path | None,
        typer.Option(
            "--from-file", help="The history as `duban tail problems --json` wrote it.", exists=True, dir_okay=False
        ),
    ] = None,
    jurisdiction: Annotated[str | None, typer.Option(help="Whose history; the pack's own, if not given.")] = None,
    until: Until = None,
    calendar: Calendar = None,
    utc: InUtc = False,
    as_json: AsJson = False,
) -> None:
    """Play the real history under another pack: what people did stays, what the engine did is decided anew.

    Reports stay filed as they were, and people's acts keep their instants. An act of the unit that led the problem
    then is now one of the unit that leads it under the new pack, which may be another; an act of the office is one
    of the new pack's office. Acts that the new pack refuses are listed. Duties stay those that were opened, and
    approvals of measures are left out. Nothing is written anywhere.

    Without --until, both sides end now, and a history from a file with its last event.

    Example: duban replay --pack deploy/packs/mianyang-2022.yaml --from-ledger --json
    """
    if [ledger, topic, file is not None].count(True) != 1:
        fail(ExitCode.USAGE, "say where the history is: one of --from-ledger, --from-topic, --from-file FILE")
    rules = _rules(pack, calendar)
    whose = jurisdiction or rules.pack.jurisdiction
    steps, now = await _history(whose, ledger=ledger, file=file)
    if not steps:
        fail(ExitCode.NOT_FOUND, f"no problem of {whose} is in this history; --jurisdiction names another")
    end = _instant(until, rules.zone) or max(now or steps[-1].event.at, steps[-1].event.at)
    with _going("replaying", 2 * len(steps)) as tick:
        comparison = replayed([step for step in steps if step.event.at <= end], rules, end, tick)
    if as_json:
        write_json({"pack": rules.pack.ref, "jurisdiction": whose, "until": end, **comparison.json()})
    else:
        show_comparison(comparison, out(), None if utc else rules.zone)


async def _history(whose: str, *, ledger: bool, file: Path | None) -> tuple[list[Step], datetime | None]:
    """The steps of the history, and what time it is where they come from."""
    if file is not None:
        with file.open("rb") as lines:
            return ordered(read_steps(lines), whose), None
    known = settings()
    steps = await (from_ledger if ledger else from_topic)(known, whose)
    return ordered(steps, whose), await present(known)


def _rules(path: Path, calendar: Path | None) -> Rules:
    """The pack on its calendar; ends the command when either is not at hand."""
    pack = packs.load(path)
    if not isinstance(pack, PolicyPack):
        raise PackError(str(path), "", "is a calendar; name a pack")
    beside = sorted(path.resolve().parent.parent.glob("calendars/*.yaml"))
    at_hand = [calendar] if calendar else [*beside, *sorted((ROOT / "deploy/calendars").glob("*.yaml"))]
    notices = [document.notice for document in map(packs.load, at_hand) if isinstance(document, PublishedCalendar)]
    notice = next((candidate for candidate in notices if candidate.id == pack.time.calendar), None)
    if notice is None:
        fail(ExitCode.USAGE, f"the calendar {pack.time.calendar} is not at hand; name its file with --calendar")
    packs.check_together([(path, pack)], [notice])
    return Rules.compile(pack, notice)


def _instant(text: str | None, zone: ZoneInfo) -> datetime | None:
    """The instant in an option; a date is its first instant in ``zone``."""
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        fail(
            ExitCode.USAGE, f"--until: {text} is neither a date nor an instant, such as 2024-07-01 or 2024-07-01T09:00"
        )
    try:
        return within_range(read if read.tzinfo else read.replace(tzinfo=zone))
    except ValueError as error:
        fail(ExitCode.USAGE, f"--until: {text} {error}")


def _columns(reports: Path, mapping: Path | None, closed_column: str | None) -> Mapping | None:
    """The mapping of a table; None for JSON lines."""
    if reports.suffix.lower() in (".csv", ".xlsx"):
        if mapping is None:
            fail(
                ExitCode.USAGE, f"{reports} is a table: name with --mapping the file that says which column means what"
            )
        return load_mapping(read_yaml(mapping), str(mapping))
    if mapping is not None or closed_column is not None:
        fail(
            ExitCode.USAGE,
            f"--mapping and --closed-column are for CSV and workbooks, and {reports} is taken for JSON lines",
        )
    return None


def _reports(file: Path, columns: Mapping | None) -> Iterator[Message[Report] | BadRow]:
    if columns is None:
        with file.open("rb") as lines:
            yield from json_reports(lines)
    else:
        with opened(file) as file_:
            yield from read_reports(file_.table(columns), columns)


def _good(rows: Iterator[T | BadRow], file: Path, bad: list[tuple[Path, BadRow]]) -> list[T]:
    """What could be read; the rest goes to ``bad``."""
    good: list[T] = []
    for row in rows:
        if isinstance(row, BadRow):
            bad.append((file, row))
        else:
            good.append(row)
    return good


def _tell(bad: list[tuple[Path, BadRow]]) -> None:
    """The rows that could not be read, and how many they are."""
    for file, fault in bad:
        err().print(f"[red]✗[/] {escape(f'{file}:{fault.line}: {fault.field}: {fault.reason}')}")
    if bad:
        err().print(f"{len(bad)} rows could not be read and are left out")


@contextmanager
def _going(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A progress bar on stderr. Meanwhile nobody looks for reference cycles: what is made here, stays."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    passed, begun = 0, time.perf_counter()
    gc.freeze()
    gc.disable()
    try:
        with Progress(*columns, console=err(), transient=True) as bar:
            task = bar.add_task(what, total=total)

            def tick() -> None:
                nonlocal passed
                passed += 1
                if passed % _EVERY == 0:
                    bar.update(task, completed=passed)

            yield tick
    finally:
        gc.enable()
        gc.unfreeze()
    err().print(f"{what} {passed} entries took {time.perf_counter() - begun:.1f} s")
