"""``duban listing``: who stands on which list, whether somebody does, and an entry by hand of the keeper."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from duban.messages.records import Listing
from duban.moves import Kind, Status
from duban.texts import is_blank
from duban_cli.commands.act import fields_of
from duban_cli.connection import present
from duban_cli.files import EvidenceFiles, sealed
from duban_cli.identity import api_client
from duban_cli.ledger_views import ledger_in, name_check, read_from
from duban_cli.output import (
    AsJson,
    ExitCode,
    InUtc,
    command,
    err,
    fail,
    instant_in,
    out,
    shown_at,
    shown_until,
    write_json,
)  # fmt: skip
from duban_cli.pages import page_of, say_more
from duban_cli.submission import actor, say_number, submitted, tell
from duban_cli.zones import Zones, zones
from duban_console.action import new_entry
from duban_console.api.responses import as_json as jsonable
from duban_console.ledger import Filters
from duban_console.listings import Entry, NameCheck, entries_at

listing_app = typer.Typer(no_args_is_help=True, help="Lists such as a blacklist (黑名单): who stands on them, and why.")

Jurisdiction = Annotated[str | None, typer.Option(help="Only of this jurisdiction.")]
OnList = Annotated[str | None, typer.Option("--list", help="Only this list, by its id in the pack.")]
All = Annotated[bool, typer.Option("--all", help="Also entries that do not count yet, and those that have ended.")]


@listing_app.command("check")
@command
async def check(
    name: Annotated[
        str, typer.Argument(help="The name; case, width, blanks and zero-width characters make no difference.")
    ],
    jurisdiction: Jurisdiction = None,
    list_: OnList = None,
    at: Annotated[str | None, typer.Option(help="As of this instant, ISO 8601 with its offset.")] = None,
    everything: All = False,
    utc: InUtc = False,
    as_json: AsJson = False,
) -> None:
    """Whether somebody stands on a list: ends with 0 if not, and with 6 if so.

    Any list counts, be it one of praise: name the list that matters with --list.

    Example: duban listing check 海西某某化工有限公司 --jurisdiction golmud
    """
    known = read_from()
    instant = instant_in("--at", at) if at else await present(known)
    if is_blank(name):
        fail(ExitCode.USAGE, "the name shows nothing: it is blank")
    async with ledger_in(known) as ledger:
        standing = await name_check(
            ledger, name, instant, jurisdiction=jurisdiction, list_=list_, everything=everything
        )
    if as_json:
        write_json(jsonable(standing))
    else:
        _print(standing, await zones(known, utc=utc or not standing.entries))
    if standing.listed:
        raise typer.Exit(ExitCode.LISTED)


def _print(standing: NameCheck, shown_in: Zones) -> None:
    if standing.entries:
        out().print(_table(standing.entries, shown_in))
    word = "[red]stands on a list[/]" if standing.listed else "stands on no list"
    err().print(f"{escape(standing.of)} {word}")


def _table(entries: Iterable[Entry], shown_in: Zones) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("number", "list", "of", "ground", "status", "since", "until", "bars", "passed on"):
        table.add_column(title, overflow="fold")
    for entry in entries:
        zone = shown_in.get(entry.jurisdiction)
        until = shown_until(entry.until, zone, provisional=entry.provisional)
        cells = (entry.number, entry.title, entry.of, entry.ground, entry.status, shown_at(entry.since, zone), until)
        went = (f"{passed.platform} {shown_at(passed.at, zone)} {passed.receipt}".strip() for passed in entry.passed_on)
        table.add_row(*map(escape, (*cells, ", ".join(entry.bars) or "–", ", ".join(went) or "–")))
    return table


@listing_app.command("ls")
@command
async def ls(
    jurisdiction: Jurisdiction = None,
    list_: OnList = None,
    everything: All = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 500,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier page ended.")] = None,
    utc: InUtc = False,
    as_json: AsJson = False,
) -> None:
    """The entries in force, in the order in which they were made.

    Example: duban listing ls --list blacklist
    """
    known = read_from()
    at = await present(known)
    filters = Filters(Kind.LISTING, jurisdiction, () if everything else (Status.LISTED,), list_)
    page = await page_of(known, filters, limit, cursor)
    listings = (record for record in page.records if isinstance(record, Listing))
    entries = entries_at(listings, at, everything=everything)
    if as_json:
        for shown in entries:
            write_json(jsonable(shown))
    elif entries:
        out().print(_table(entries, await zones(known, utc=utc)))
    say_more(page)


@listing_app.command("put")
@command
async def put(
    name: Annotated[str, typer.Argument(help="The enterprise, or the unit by its id.")],
    list_: Annotated[str, typer.Option("--list", help="The list, by its id in the pack.")],
    ground: Annotated[str, typer.Option(help="One of the grounds of the list, by its id.")],
    jurisdiction: Annotated[str, typer.Option(help="Whose list it is.")],
    unit: Annotated[str, typer.Option(help="The keeper of the list.")],
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    evidence: EvidenceFiles = None,
    data: Annotated[str, typer.Option(help="Any further fields of the command, as a JSON object.")] = "{}",
    id_: Annotated[str | None, typer.Option("--id", help="Its id; the same id again is the same entry.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the outcome.")] = 5.0,
    utc: InUtc = False,
    as_json: AsJson = False,
) -> None:
    """Put somebody on a list, by hand of its keeper and with evidence; ends with 4 when it is refused.

    Where the pack gives notice, the entry does not count before that is over.

    Example: duban listing put 某公司 --list blacklist --ground fraud --jurisdiction golmud --unit epb --evidence a.pdf
    """
    fields: dict[str, Any] = {"list": list_, "of": name, "ground": ground, "jurisdiction": jurisdiction}
    proofs = {"evidence": sealed(evidence)} if evidence else {}
    async with api_client() as api:
        body = {**fields_of(data), **fields, **proofs, "actor": actor(api, unit), "reason": reason, "id": id_}
        new = new_entry(body)
        done = await submitted(api, "/v1/listings", body, wait)
    for same in done.alike:
        err().print(f"{escape(same['number'])} is of the same name, written otherwise: {escape(same['of'])}")
    await tell(type(new.command).__name__, done, wait, jurisdiction=jurisdiction, utc=utc, as_json=as_json)
    say_number(done)
