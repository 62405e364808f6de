"""``duban draw``: a random draw among the problems of a city, that anybody can draw again."""

from __future__ import annotations

import asyncio
from datetime import UTC, timedelta, tzinfo
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from duban.messages import commands as do
from duban.messages.envelope import Message, encode
from duban.policy import PolicyPack, Rules
from duban.policy.library import Library
from duban.policy.model.draw import DrawRule
from duban_cli.connection import asking, present, publishing, settings
from duban_cli.output import AsJson, ExitCode, InUtc, command, err, fail, instant_in, out, write_json
from duban_console import inspection_draw as drawing
from duban_console.api.responses import as_json as jsonable
from duban_console.assessment_input import from_ledger
from duban_console.inspection_draw import SOURCE, Draw
from duban_console.ledger import Outcome
from duban_console.packs import publication as packs

if TYPE_CHECKING:
    from duban.io.settings import Settings

#: The finest step of the ledger's instants: what happened at the very instant is in the draw.
_STEP = timedelta(microseconds=1)
#: The longest seed: it stands in the reason of every check.
_LONGEST = 500
#: The refusal of a record that is there already.
_STANDS = "already_registered"


@command
async def draw(
    pack: Annotated[str, typer.Argument(help="A pack that is published: its id, id@version or city.")],
    name: Annotated[str, typer.Argument(metavar="DRAW", help="One of its draws, by its id.")],
    seed: Annotated[
        str, typer.Option(help="What the draw follows from: nobody should know it before, everybody after.")
    ],
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="The ledger at this instant, ISO 8601 with its offset; else now.")
    ] = None,
    opening: Annotated[bool, typer.Option("--open", help="Open the check of each problem that is drawn.")] = False,
    wait: Annotated[float, typer.Option(min=0, help="With --open: seconds to wait for the outcomes.")] = 5.0,
    utc: InUtc = False,
    as_json: AsJson = False,
) -> None:
    """Draw problems at random (抽查), as a pack says; with --open, the unit that checks them owes the checks.

    The candidates stand in the order of the SHA-256 of seed, space and problem id; the first are drawn. The same seed
    and instant give the same draw, and open nothing twice. What was drawn before is left out while its check is owed,
    and until something happens to it. A seed that nobody can choose is one to come: the numbers of a public lottery.

    Ends with 0 also when nobody is there to be drawn, with 4 when a check was refused, with 5 when one is undecided.

    Example: duban draw linyi random-inspection --seed "双色球 2021067 02 08 11 18 26 33 + 07"

    Example: duban draw linyi random-inspection --seed "02 08 11" --as-of 2021-06-15T09:00+08:00 --open
    """
    if not 0 < len(seed.strip()) <= _LONGEST:
        fail(ExitCode.USAGE, f"--seed: needs 1 to {_LONGEST} characters that nobody knew before")
    known = settings()
    now = await present(known)
    at = instant_in("--as-of", as_of) if as_of else now
    if at > now:
        fail(ExitCode.USAGE, f"--as-of: {as_of} has not passed yet: what is drawn now would not be the same again")
    library, rules = await _rules(pack, known)
    rule = _rule(rules.pack, name)
    events = await from_ledger(known, rules.pack.jurisdiction, at + _STEP)
    result = drawing.draw(rule, rules.pack.ref, seed, at, drawing.standing(events, library.rules))
    if not opening:
        show(result, {}, UTC if utc else rules.zone, as_json=as_json)
        return
    messages = list(drawing.openings(result, rule, rules.pack.jurisdiction, now))
    decided = await _opened(messages, known, wait)
    answers = zip(result.drawn, messages, decided, strict=True)
    checks = {lot.number: _said(message, outcome) for lot, message, outcome in answers}
    show(result, checks, UTC if utc else rules.zone, as_json=as_json)
    _end(checks, wait)


async def _rules(name: str, known: Settings) -> tuple[Library, Rules]:
    """Everything that is published, and the rules of the pack that is named; of several versions, the latest."""
    published = (await packs.published(known)).values()
    library = Library.of(published)
    matching = [
        document
        for document in published
        if isinstance(document, PolicyPack) and name in (document.ref, document.id, document.jurisdiction)
    ]
    if not matching:
        fail(ExitCode.NOT_FOUND, f"no pack {name} is published; see `duban pack ls`")
    rules = library.rules(max(matching, key=lambda candidate: candidate.version).ref)
    if rules is None:
        fail(ExitCode.NOT_FOUND, f"the calendar of {name} is not published")
    return library, rules


def _rule(pack: PolicyPack, name: str) -> DrawRule:
    chosen = next((rule for rule in pack.draws if rule.id == name), None)
    if chosen is None:
        there = ", ".join(rule.id for rule in pack.draws) or "none"
        fail(ExitCode.NOT_FOUND, f"{pack.ref} has no draw {name}; it has: {there}")
    return chosen


async def _opened(messages: list[Message[do.Command]], known: Settings, wait: float) -> list[Outcome | None]:
    """Send the commands; what came of each, as far as that stands in the ledger within ``wait`` seconds."""
    if not messages:
        return []
    async with asking(known) as ledger:
        async with publishing(known) as publisher:
            records = [encode(message) for message in messages]
            for record in records:
                publisher.check(record)
            await publisher.publish(records)
        return await asyncio.gather(*(ledger.awaited(SOURCE, message.id, wait) for message in messages))


def _said(message: Message[do.Command], outcome: Outcome | None) -> dict[str, str]:
    """What came of one check: ``status`` is owed, refused or accepted, ``record`` the id of the check."""
    if outcome is None:
        return {"status": "accepted", "record": message.subject}
    record = str(outcome.problem_id)
    if outcome.refused is None or outcome.refused.code == _STANDS:
        return {"status": "owed", "record": record}
    return {"status": "refused", "record": record, "code": outcome.refused.code, "reason": outcome.refused.reason}


def show(result: Draw, checks: dict[str, dict[str, str]], zone: tzinfo, *, as_json: bool) -> None:
    """Say what was drawn, spared and left out, and what came of the ``checks``."""
    if as_json:
        fields: dict[str, Any] = jsonable(result)
        if checks:
            fields["checks"] = checks
        write_json(fields)
        return
    if result.drawn:
        out().print(_table(result, checks))
    for lot in result.spared:
        err().print(f"spared: {escape(lot.number)} of {escape(lot.enterprise)}, on {lot.list} as {escape(lot.entry)}")
    for before in result.checked:
        err().print(f"drawn before: {escape(before.number)}, see {escape(before.duty)}")
    err().print(escape(f"{result.told(zone)}, under {result.pack}"))


def _table(result: Draw, checks: dict[str, dict[str, str]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("number", "title", "lead", "enterprise", "sha-256", *(("check",) if checks else ())):
        table.add_column(title, overflow="fold")
    for lot in result.drawn:
        cells = [lot.number, lot.title, lot.lead_unit or "–", lot.enterprise or "–", lot.hash[:16]]
        table.add_row(*map(escape, (*cells, *([checks[lot.number]["status"]] if checks else []))))
    return table


def _end(checks: dict[str, dict[str, str]], wait: float) -> None:
    """Say what was not opened, and end with the code for it."""
    refused = [f"{number} ({check['code']}): {check['reason']}" for number, check in checks.items() if "code" in check]
    if refused:
        fail(ExitCode.CONFLICT, f"refused: {'; '.join(refused)}")
    undecided = [number for number, check in checks.items() if check["status"] == "accepted"]
    if undecided and wait:
        words = f"{', '.join(undecided)}: the checks are with the broker, but the router has not decided them yet"
        fail(ExitCode.UNAVAILABLE, f"{words}; ask again with the same seed, it opens nothing twice")
