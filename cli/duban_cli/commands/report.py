"""``duban report``: reports from files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import orjson
import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from duban.errors import NotGranted, Undecodable
from duban.messages import struct
from duban.messages.envelope import Message, decode, encode
from duban.messages.report import Report
from duban.messages.struct import flaw_of, from_json
from duban.policy import PACKS, PolicyPack, PublishedCalendar
from duban.policy.library import Library
from duban_cli.connection import present, publishing, settings
from duban_cli.output import AsJson, ExitCode, command, err, fail, out, write_json
from duban_cli.table_file import opened
from duban_cli.yaml_file import read_yaml
from duban_intake.channels.columns import load_mapping, read_reports
from duban_intake.channels.table import BadRow
from duban_intake.domain import inadmissible, own_problem, submitted, unfit, unusable_identity

if TYPE_CHECKING:
    from duban.io.settings import Settings

SOURCE: Final = "duban/cli"
_BATCH: Final = 500
#: Replaced by the instant of sending.
_UNSTATED: Final = datetime.fromtimestamp(0, UTC)

report_app = typer.Typer(no_args_is_help=True, help="Reports (线索) from files.")


@report_app.command("import")
@command
async def import_(
    file: Annotated[Path, typer.Argument(help="A CSV file or a workbook (.xlsx).", exists=True, dir_okay=False)],
    mapping: Annotated[Path, typer.Option(help="Which column means what, YAML.", exists=True, dir_okay=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check the rows.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send the rows of a table as reports; sent again, they are the same reports.

    Every good row is sent, every bad one is named with its line and field; ends with 1 if there was a bad one.

    Example: duban report import requests.csv --mapping deploy/demo/boston-mapping.yaml
    """
    known = settings() if not dry_run else None
    rules = load_mapping(read_yaml(mapping), str(mapping))
    if rules.id is None:
        err().print(f"{mapping} names no id column: a row is known by its content, and changed it is another report")
    sent = bad = 0
    async with publishing(known) if known else nullcontext() as publisher:
        at = await present(known) if known else datetime.now(UTC)
        with opened(file) as file_, _bar(file) as bar:
            task = bar.add_task(file.name, total=file_.size, sent=0, bad=0)
            for some in _some(read_reports(file_.table(rules), rules, at), _BATCH):
                good = [message for message in some if not isinstance(message, BadRow)]
                for fault in some:
                    if isinstance(fault, BadRow):
                        _tell(fault, file, as_json)
                if publisher:
                    await publisher.publish([encode(message) for message in good])
                sent, bad = sent + len(good), bad + len(some) - len(good)
                bar.update(task, completed=file_.done, sent=sent, bad=bad)
    if as_json:
        write_json({"file": str(file), "good": sent, "bad": bad, "sent": 0 if dry_run else sent})
    err().print(f"{sent} {'would be sent' if dry_run else 'sent'}, {bad} bad")
    if bad:
        raise typer.Exit(ExitCode.FAILURE)


def _bar(file: Path) -> Progress:
    words = TextColumn("{task.fields[sent]} good, {task.fields[bad]} bad")
    return Progress(TextColumn("{task.description}"), BarColumn(), words, console=err(), transient=True)


def _some(rows: Iterator[Message[Report] | BadRow], most: int) -> Iterator[list[Message[Report] | BadRow]]:
    """``rows`` in lists of at most ``most``."""
    while some := list(islice(rows, most)):
        yield some


def _tell(fault: BadRow, file: Path, as_json: bool) -> None:
    if as_json:
        write_json({"file": str(file), "line": fault.line, "field": fault.field, "reason": fault.reason})
    else:
        err().print(f"[red]✗[/] {escape(f'{file}:{fault.line}: {fault.field}: {fault.reason}')}")


@report_app.command("send")
@command
async def send(
    file: Annotated[str, typer.Argument(help="JSON: a report, a list of reports, or CloudEvents of them; - is stdin.")],
    source: Annotated[str, typer.Option(help="Who sends them, where they are no CloudEvents.")] = SOURCE,
    id_: Annotated[str | None, typer.Option("--id", help="The id of a single report; else it follows from it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send reports as JSON; a report without an id of its own is known by its content.

    Says of each whether intake will take it, by the packs that are published; ends with 4 where it will refuse one.

    Example: duban report send report.json
    """
    items = _items(file)
    if id_ is not None and len(items) != 1:
        fail(ExitCode.USAGE, f"--id names one report, and {file} holds {len(items)}")
    known = settings()
    at = await present(known)
    messages = [struct.replace(_message(item, source, id_, place), time=at) for place, item in enumerate(items)]
    async with publishing(known) as publisher:
        records = [encode(message) for message in messages]
        for record in records:
            publisher.check(record)
        await publisher.publish(records)
    library = await _library(known)
    refused = 0
    for message in messages:
        problem = own_problem(message.source, message.id)
        refusal = None if library is None else inadmissible(message.data, library, at)
        refused += refusal is not None
        if as_json:
            why = None if refusal is None else {"code": refusal.code, "reason": refusal.reason}
            line = {"source": message.source, "id": message.id, "problem_id": str(problem), "refused": why}
            write_json(line)
        elif refusal is not None:
            err().print(f"{escape(message.source)} {escape(message.id)} sent, and refused: {escape(refusal.reason)}")
        else:
            out().print(f"{escape(message.source)} {escape(message.id)} sent; if it opens a problem, that is {problem}")
    if refused:
        raise typer.Exit(ExitCode.CONFLICT)


async def _library(known: Settings) -> Library | None:
    """The packs that are published; None for whoever may write reports and not read packs."""
    from duban.io.tail import Tail

    try:
        published = await Tail[PolicyPack | PublishedCalendar](known, [PolicyPack.TOPIC], PACKS).present()
    except NotGranted:
        return None
    return Library.of(delivered.message.data for delivered in published)


def _items(file: str) -> list[Any]:
    """The reports in the file, not yet checked."""
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        document = orjson.loads(raw)
    except OSError as error:
        fail(ExitCode.USAGE, f"{file} cannot be read: {error.strerror}")
    except orjson.JSONDecodeError as error:
        fail(ExitCode.FAILURE, f"{file} is no JSON: {error}")
    return document if isinstance(document, list) else [document]


def _message(item: Any, source: str, id_: str | None, place: int) -> Message[Report]:
    """The message for one item, a CloudEvent or a report of ``source``; ends the command if it is neither."""
    raw = orjson.dumps(item)
    try:
        if isinstance(item, dict) and "specversion" in item:
            headers = [("content-type", b"application/cloudevents+json")]
            event = decode(None, raw, headers, {Report.TYPE: Report})
            message = submitted(event.source, event.id, event.data, event.time)
        else:
            report = from_json(raw, Report)
            name = id_ or sha256(orjson.dumps(item, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
            message = submitted(source, name, report, _UNSTATED)
    except msgspec.DecodeError as error:
        fail(ExitCode.FAILURE, f"report {place + 1}: {flaw_of(error, Report)}")
    except Undecodable as error:
        fail(ExitCode.FAILURE, f"report {place + 1}: {error.detail}")
    refusal = unusable_identity(message.source, message.id) or unfit(message.data)
    if refusal:
        fail(ExitCode.FAILURE, f"report {place + 1}: {refusal.reason}")
    return message
