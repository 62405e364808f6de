"""``duban ledger``: whether the ledger is still the one that was written, and what shows it."""

from __future__ import annotations

import os
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.markup import escape

from duban.messages.anchors import ANCHORS, Anchor, Anchored
from duban_cli.anchor_options import Against, PublicKey, trusted
from duban_cli.connection import ANCHOR_KEY, engine_folder, settings
from duban_cli.output import AsJson, ExitCode, command, err, fail, out, write_json
from duban_console.anchor_audit import AnchorAudit
from duban_console.api.responses import as_json as jsonable
from duban_console.ledger_audit import CLAIM_WIDTH, Claim, Finding, LedgerLine, Where
from duban_console.spill import Spill

if TYPE_CHECKING:
    from duban.io.settings import Settings

#: Events between two words about how far a reading has come.
_SAID_EVERY: Final = 100_000

ledger_app = typer.Typer(no_args_is_help=True, help="The ledger as a whole: whether it is still what was written.")


@ledger_app.command("heads")
@command
async def heads() -> None:
    """The latest hash of every record as the database has it now, a line of JSON each; anchors have them signed.

    Example: duban ledger heads > heads-2026-11-29.jsonl
    """
    from duban_console.ledger_verification import reading, standing_heads

    async with reading(settings()) as connection:
        async for head in standing_heads(connection):
            write_json(jsonable(head))


@ledger_app.command("anchors")
@command
async def anchors(
    follow: Annotated[bool, typer.Option("--follow", help="Go on with those to come, until Ctrl-C.")] = False,
) -> None:
    """Every anchor of the ledger and of the vault's log, signed, a line of JSON each: for an auditor to keep.

    Keep them where nobody who runs the engine can write; `ledger verify` and `vault verify` compare with them.

    Example: duban ledger anchors > anchors-2026-11-29.jsonl
    """
    from duban.errors import Undecodable
    from duban.io.decode import delivery
    from duban_console.kafka.topic_reader import records

    async with aclosing(records(settings(), [Anchor.TOPIC], follow=follow)) as stream:
        async for record in stream:
            try:
                write_json(jsonable(delivery(record, ANCHORS).message.data))
            except Undecodable as error:
                err().print(escape(f"passed over {record.partition}:{record.offset}: {error}"))


@ledger_app.command("key")
@command
async def key(
    file: Annotated[
        Path | None, typer.Option(help="The key file; else DUBAN_ANCHOR_KEY, else that of the engine that runs here.")
    ] = None,
) -> None:
    """The public half of the key that signs the anchors, in base64: an auditor gives it to `ledger verify`.

    Example: duban ledger key > anchors.pub
    """
    from duban.io.anchor_key import AnchorKey

    named = file or os.environ.get("DUBAN_ANCHOR_KEY")
    here = engine_folder() / ANCHOR_KEY
    if named is None and not here.exists():
        fail(ExitCode.NOT_FOUND, "no key is known here: give its file with --file or DUBAN_ANCHOR_KEY")
    out().print(AnchorKey.load(Path(named or here)).public)


@dataclass(slots=True)
class _Evidence:
    """What the ledger is compared with, and how much of it there is."""

    claims: Spill
    anchors: AnchorAudit
    told: int = 0
    kept: int = 0

    def take_anchor(self, anchor: Anchor, where: str, *, on_topic: bool) -> None:
        """Take in what ``anchor`` claims, unless it is none that may be believed."""
        if self.anchors.take(anchor, where, on_topic=on_topic):
            for head in anchor.heads:
                self.claims.add(Claim.of(head, Where.ANCHOR, anchor.number).row)


@ledger_app.command("verify")
@command
async def verify(
    against: Against = None,
    public_key: PublicKey = None,
    no_topic: Annotated[
        bool, typer.Option("--no-topic", help="Leave the topic of events out, which may be long; not its anchors.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Recompute every chain, and compare the ledger with the topic, with its anchors, and with what an auditor kept.

    Names the first line of each record that differs, what differs and what shows it, and ends with 1 if there is one.
    With a public key every anchor must bear its signature, or be vouched for by a later one that does.

    Example: duban ledger verify --against anchors-2026-11-29.jsonl --public-key anchors.pub
    """
    from duban_console.witnesses import signed_with

    known, keys = settings(), trusted(public_key)
    with Spill(CLAIM_WIDTH) as claims:
        evidence = _Evidence(claims, AnchorAudit(Anchored.LEDGER, signed_with(keys)))
        since = await _gathered(known, evidence, against, topic=not no_topic)
        doubts = list(evidence.anchors.findings(keys=bool(keys)))
        for finding in doubts:
            _tell(finding, as_json)
        events, records, differing = await _compared(known, evidence, since, as_json)
    if keys and events and (nothing := evidence.anchors.nothing()) is not None:
        doubts.append(nothing)
        _tell(nothing, as_json)
    count = len(doubts) + differing
    looked = (
        f"{events} events of {records} records, {evidence.told} told, {len(evidence.anchors)} anchors"
        + (f", {evidence.kept} lines kept" if against else "")
        + ("" if keys else "; no public key was given, so anybody may have signed them")
    )
    if count:
        fail(ExitCode.FAILURE, f"{count} findings; looked at {looked}")
    err().print(escape(f"the ledger is what was written: {looked}"))


async def _gathered(
    known: Settings, evidence: _Evidence, against: Path | None, *, topic: bool
) -> dict[int, int] | None:
    """Take in everything that claims something; up to where the topic was read, None where it does not tell all."""
    from duban_console.witnesses import anchors_on_topic, kept, tells_all, told

    if against is not None:
        for number, line in kept(against):
            evidence.kept = number
            if isinstance(line, Anchor):
                evidence.take_anchor(line, f"{against}, line {number}", on_topic=False)
            else:
                evidence.claims.add(Claim.of(line, Where.FILE, number).row)
    async with aclosing(anchors_on_topic(known)) as stream:
        async for where, anchor in stream:
            evidence.take_anchor(anchor, where, on_topic=True)
    evidence.anchors.topic = True
    if not topic:
        return None
    # The topic before the ledger: whatever it tells now stood there before.
    since: dict[int, int] = {}
    async with aclosing(told(known, since)) as heads_told:
        async for head in heads_told:
            evidence.told += 1
            evidence.claims.add(Claim.of(head, Where.TOPIC).row)
            _say("events read from the topic", evidence.told)
    return since if await tells_all(known) else None


async def _compared(
    known: Settings, evidence: _Evidence, since: dict[int, int] | None, as_json: bool
) -> tuple[int, int, int]:
    """Tell of every difference; the count of events, of records, and of findings."""
    from duban_console.ledger_verification import Extent, differences, not_told, reading, still_untold

    extent, count = Extent(partial(_say, "events of the ledger recomputed")), 0
    late: list[LedgerLine] | None = None if since is None else []
    async with (
        reading(known) as connection,
        aclosing(differences(connection, evidence.claims, extent, late)) as differing,
    ):
        async for finding in differing:
            _tell(finding, as_json)
            count += 1
    if late and since is not None:
        for line in await still_untold(known, late, since):
            _tell(not_told(line), as_json)
            count += 1
    return extent.events, extent.records, count


def _tell(finding: Finding, as_json: bool) -> None:
    if as_json:
        write_json(jsonable(finding))
    else:
        out().print(escape(str(finding)))


def _say(what: str, count: int) -> None:
    """Say how far a long reading has come, to people."""
    if count % _SAID_EVERY == 0 and (console := err()).is_terminal:
        console.print(f"{count:,} {what}", style="dim")
