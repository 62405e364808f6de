"""``duban bulletin``: what the ledger says of units and problems, compiled as of an instant."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.markup import escape
from rich.table import Table

from duban.errors import PackError
from duban.messages.records import Event
from duban.moves import Kind
from duban.policy import PolicyPack, Rules
from duban.policy.library import Library
from duban.policy.model.assessment import Bulletin, BulletinKind, Period
from duban_cli.connection import present, settings
from duban_cli.output import ExitCode, command, err, fail, out
from duban_console.assessment.histories import AtRest, histories
from duban_console.assessment.papers.official import Letterhead, fonts_in, to_pdf
from duban_console.assessment.periods import as_of as instant
from duban_console.assessment.rows.targets import TargetReading, readings_of
from duban_console.assessment.selection import HANDLED, at_rest, chosen, needs_readings, offered
from duban_console.assessment.sheet import Sheet, compiled
from duban_console.assessment.sheet_formats import to_csv, to_geojson, to_json
from duban_console.assessment.words import Language
from duban_console.assessment_input import from_file, from_ledger, from_readings
from duban_console.packs import publication as packs

if TYPE_CHECKING:
    from duban.io.settings import Settings


class Format(StrEnum):
    """How a bulletin is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    GEOJSON = "geojson"
    XLSX = "xlsx"
    PDF = "pdf"


#: What no terminal shows.
_BINARY: Final = (Format.XLSX, Format.PDF)


class Tongue(StrEnum):
    """In which language a bulletin is written."""

    EN = "en"
    ZH = "zh"


@command
async def bulletin(
    pack: Annotated[str, typer.Argument(help="A pack that is published (its id, id@version or city), or its file.")],
    kind: Annotated[str, typer.Argument(help=f"The id of one of its bulletins, or {', '.join(BulletinKind)}.")],
    as_of: Annotated[
        str, typer.Option("--as-of", help="The end of this local day, or a local time, YYYY-MM-DDTHH:MM.")
    ],
    period: Annotated[Period | None, typer.Option(help="Another period than that of the pack.")] = None,
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            help="How it is written; geojson: what is open and lies somewhere; pdf: an official document (公文).",
        ),
    ] = (Format.TABLE),
    events: Annotated[
        Path | None,
        typer.Option(help="Events from a file of JSON lines, not from the ledger.", dir_okay=False, exists=True),
    ] = None,
    readings: Annotated[
        Path | None,
        typer.Option(
            help="For targets: a CSV file with the columns target,read_on,value, not what the ledger holds.",
            dir_okay=False,
            exists=True,
        ),
    ] = None,
    bom: Annotated[
        bool, typer.Option("--bom", help="Begin the CSV with a byte order mark, as Excel needs it.")
    ] = False,
    language: Annotated[
        Tongue | None, typer.Option("--lang", help="Chinese where the pack has it, if not said.")
    ] = None,
    number: Annotated[str, typer.Option(help="The number of the document (发文字号), for pdf.")] = "",
    fonts: Annotated[
        Path | None,
        typer.Option(
            help="A folder with the office's own fonts, for pdf: FangSong, SimHei, FZXiaoBiaoSong.",
            file_okay=False,
            exists=True,
        ),
    ] = None,
) -> None:
    """Compile a bulletin (通报), an account (月交账), lists (清单), a wall chart (挂图作战), or scores (考核).

    It is about the period in which the day lies, up to its end. Later events do not matter: under the same pack and
    calendar, whose versions it names, it has the same bytes for ever. Where a pack has grown, name it as id@version.
    On time is what was done within the limit as first set, once for each unit and obligation; `duban simulate` counts
    by the limits in force, each time anew, and shows another rate.

    Example: duban bulletin mianyang account --as-of 2022-04-30 --format csv --bom > account.csv

    Example: duban bulletin mianzhu wall-chart --as-of 2018-08-31

    Example: duban bulletin mianzhu tasks --as-of 2018-08-31 --format geojson > tasks.geojson

    Example: duban bulletin mianzhu targets --as-of 2019-12-31

    Example: duban bulletin mianzhu weekly --as-of 2018-08-12 --format pdf --number 绵督改办〔2018〕12号 > weekly.pdf

    Example: duban bulletin deploy/packs/mianzhu-2018.yaml targets --as-of 2019-12-31 --readings readings.csv
    """
    known = None if events or (readings and _is_file(pack)) else settings()
    library, rules = await _rules(pack, known)
    until_at = _instant(as_of, rules)
    if known is not None and until_at > await present(known):
        fail(ExitCode.USAGE, f"{as_of} has not passed yet: what is compiled now would not be the same again")
    offer = _asked(rules.pack, kind)
    assessment = offered(rules.pack)[0]
    asks_readings = needs_readings(offer, assessment)
    if readings is not None and not asks_readings:
        fail(ExitCode.USAGE, f"{offer.id} is a bulletin of kind {offer.kind}; only targets are held against --readings")
    read = await _readings(readings, events, rules.pack, until_at) if asks_readings else []
    over = at_rest(offer, period, until_at, rules, library.packs)
    of_targets = offer.kind is BulletinKind.TARGETS
    history_events = () if of_targets else await _told(events, rules.pack, until_at, HANDLED, over)
    past = histories(history_events, partial(_cited, library), rules.pack.jurisdiction, until_at)
    tongue: Language = language.value if language else ("zh" if offer.title.zh else "en")
    sheet = compiled(offer, assessment, past, rules, until_at, period=period, language=tongue, readings=read)
    _write(sheet, form, partial(to_pdf, sheet, rules, tongue, Letterhead(number, fonts_in(fonts, "--fonts"))), bom=bom)


def _is_file(pack: str) -> bool:
    """Whether the pack stands in a file: with all else from files, no broker and no ledger is asked."""
    return Path(pack).is_file()


async def _told(
    events: Path | None, pack: PolicyPack, until_at: datetime, kinds: Collection[Kind], over: AtRest | None = None
) -> Iterable[Event]:
    return from_file(events) if events else await from_ledger(settings(), pack.jurisdiction, until_at, kinds, over)


async def _readings(
    path: Path | None, events: Path | None, pack: PolicyPack, until_at: datetime
) -> list[TargetReading]:
    """The readings of a file, where one is named, else those that stand in the ledger."""
    if path is not None:
        return from_readings(path, [target.id for target in pack.targets])
    return readings_of(await _told(events, pack, until_at, (Kind.READING,)), pack.jurisdiction, until_at)


async def _rules(name: str, known: Settings | None) -> tuple[Library, Rules]:
    """Every pack at hand, and the rules of the one that is named; a file is read with the calendars beside it."""
    published = list((await packs.published(known)).values()) if known is not None else []
    read = _read(Path(name))
    library = Library.of((*published, *read))
    matching = read[-1:] or [
        document for document in published if isinstance(document, PolicyPack) and name in _names(document)
    ]
    if not matching:
        fail(ExitCode.NOT_FOUND, f"no pack {name} is published, and no file has this name; see `duban pack ls`")
    pack = max(matching, key=lambda document: document.version if isinstance(document, PolicyPack) else 0)
    if not isinstance(pack, PolicyPack):
        fail(ExitCode.USAGE, f"{name} is a calendar, not a pack")
    rules = library.rules(pack.ref)
    if rules is None:
        fail(ExitCode.NOT_FOUND, f"the calendar of {pack.ref} is neither published nor in ../calendars beside the pack")
    return library, rules


def _cited(library: Library, ref: str) -> Rules:
    """The rules that a problem began under, by which alone it can be judged."""
    rules = library.rules(ref)
    if rules is None:
        fail(ExitCode.NOT_FOUND, f"a problem began under {ref}, which is neither published nor beside the pack")
    return rules


def _names(pack: PolicyPack) -> tuple[str, str, str]:
    return pack.ref, pack.id, pack.jurisdiction


def _read(path: Path) -> list[packs.Published]:
    """The calendars and the packs beside the file, and last what is in it; nothing where there is no such file."""
    if not path.is_file():
        return []
    folder = path.resolve().parent
    beside = sorted([*folder.parent.glob("calendars/*.yaml"), *folder.glob("*.yaml")])
    return [*_sound(beside), packs.load(path)]


def _sound(paths: list[Path]) -> Iterator[packs.Published]:
    """What can be loaded of files that nobody named; a pack that is missing is told when a problem cites it."""
    for path in paths:
        with suppress(PackError):
            yield packs.load(path)


def _instant(as_of: str, rules: Rules) -> datetime:
    try:
        return instant(as_of, rules.zone)
    except ValueError as error:
        fail(ExitCode.USAGE, f"--as-of: {error}; write 2022-04-30, or 2022-04-30T17:00")


def _asked(pack: PolicyPack, kind: str) -> Bulletin:
    try:
        return chosen(pack, kind)
    except LookupError as error:
        fail(ExitCode.NOT_FOUND, str(error.args[0]))


def _workbook(sheet: Sheet) -> bytes:
    from duban_console.assessment.papers.workbook import to_xlsx  # a fifth of a second that no other format waits for

    return to_xlsx(sheet)


def _write(sheet: Sheet, form: Format, paper: Callable[[], bytes], *, bom: bool) -> None:
    if form in _BINARY and sys.stdout.isatty():
        fail(ExitCode.USAGE, f"{form} is for a file, not for a terminal: add > {sheet.bulletin.id}.{form}")
    if sheet.bulletin.needs_approval:
        err().print("[yellow]![/] a draft: it goes to nobody before it has been approved")
    if form is Format.TABLE:
        table = Table(title=escape(sheet.title), box=None, pad_edge=False, header_style="dim", title_justify="left")
        for key, heading in sheet.columns:
            number = any(isinstance(row[key], int | float) for row in sheet.rows)
            table.add_column(escape(heading), justify="right" if number else "left", overflow="fold")
        for row in sheet.rows:
            table.add_row(*("–" if row[key] is None else escape(str(row[key])) for key, _ in sheet.columns))
        out().print(table)
        return
    sys.stdout.flush()
    written: dict[Format, Callable[[], bytes]] = {
        Format.CSV: partial(to_csv, sheet, bom=bom),
        Format.JSON: partial(to_json, sheet),
        Format.GEOJSON: partial(to_geojson, sheet),
        Format.XLSX: partial(_workbook, sheet),
        Format.PDF: paper,
    }
    sys.stdout.buffer.write(written[form]())
    sys.stdout.flush()
