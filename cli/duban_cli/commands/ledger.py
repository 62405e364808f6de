"""``duban ledger``: whether the ledger is still the one that was written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from pydantic import ValidationError
from rich.markup import escape

from duban.messages.envelope import first_fault
from duban_cli.connection import settings
from duban_cli.output import AsJson, ExitCode, command, err, fail, out, write_json
from duban_console.api.responses import as_json as jsonable
from duban_console.ledger_audit import Finding, Head, LedgerLine, broken, unlike

if TYPE_CHECKING:
    from duban.io.settings import Settings

ledger_app = typer.Typer(no_args_is_help=True, help="The ledger as a whole: whether it is still what was written.")

_LINES = "select problem_id, version, body, previous, hash from router.published_events order by problem_id, version"
_HEADS = "select id, version, head from router.published_records order by id"


@ledger_app.command("heads")
@command
async def heads() -> None:
    """The latest hash of every record, a line of JSON each: keep them where nobody who runs the engine can write.

    Example: duban ledger heads > heads-2026-11-29.jsonl
    """
    _, stands = await _ledger(settings())
    for head in stands.values():
        write_json(jsonable(head))


@ledger_app.command("verify")
@command
async def verify(
    against: Annotated[Path | None, typer.Option(help="Heads noted earlier, as `ledger heads` writes them.")] = None,
    no_topic: Annotated[bool, typer.Option("--no-topic", help="Leave the topic out, which may be long.")] = False,
    as_json: AsJson = False,
) -> None:
    """Recompute every chain, and compare the ledger with what the topic told, and with heads that were noted.

    Names the first line of each record that differs, and ends with 1 if there is one.

    Example: duban ledger verify --against heads-2026-11-29.jsonl
    """
    noted = _noted(against) if against else []
    known = settings()
    on_topic = [] if no_topic else await _told(known)
    lines, stands = await _ledger(known)
    hashes = {(line.record, line.version): line.hash for line in lines}
    findings: dict[UUID, Finding] = {}
    for finding in (
        *broken(lines, stands),
        *unlike(hashes, on_topic, "the topic"),
        *unlike(hashes, noted, str(against)),
    ):
        first = findings.get(finding.record)
        if first is None or finding.version < first.version:
            findings[finding.record] = finding
    for finding in findings.values():
        if as_json:
            write_json(jsonable(finding))
        else:
            out().print(escape(f"{finding.record} version {finding.version} {finding.what}"))
    counted = f"{len(lines)} events of {len(stands)} records, {len(on_topic)} told, {len(noted)} noted"
    if findings:
        fail(ExitCode.FAILURE, f"{len(findings)} records are not what they were; looked at {counted}")
    err().print(f"the ledger is what was written: {counted}")


async def _ledger(known: Settings) -> tuple[list[LedgerLine], dict[UUID, Head]]:
    """Every line of the ledger in order, and the heads that its records hold, as of one moment."""
    from duban.io.postgres import connect_pool
    from duban_console.ledger import asking

    async with asking():
        pool = await connect_pool(known, "console")
        try:
            async with (
                pool.acquire() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                lines = [
                    LedgerLine(row["problem_id"], row["version"], row["body"].encode(), row["previous"], row["hash"])
                    for row in await connection.fetch(_LINES)
                ]
                rows = await connection.fetch(_HEADS)
        finally:
            await pool.close()
    return lines, {row["id"]: Head(record=row["id"], version=row["version"], hash=row["head"]) for row in rows}


async def _told(known: Settings) -> list[Head]:
    """What the topic has told of each event, the first time that it told it."""
    from duban.errors import Undecodable
    from duban.io.decode import delivery
    from duban.messages.events import PROBLEMS, LedgerEvent
    from duban_console.kafka.topic_reader import records

    first: dict[tuple[UUID, int], Head] = {}
    async for record in records(known, [LedgerEvent.TOPIC]):
        try:
            data = delivery(record, PROBLEMS).message.data
        except Undecodable:
            continue
        if isinstance(data, LedgerEvent):
            place = data.event.problem_id, data.event.version
            first.setdefault(place, Head(record=place[0], version=place[1], hash=data.hash))
    return list(first.values())


def _noted(file: Path) -> list[Head]:
    return list(_heads_in(file))


def _heads_in(file: Path) -> Iterator[Head]:
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        fail(ExitCode.USAGE, f"{file} cannot be read: {error}")
    for number, line in enumerate(lines, start=1):
        try:
            yield Head.model_validate_json(line)
        except ValidationError as error:
            why = first_fault(error)
            fail(ExitCode.USAGE, f"{file}, line {number}: {why}; write the file with `duban ledger heads`")
