"""The recorded history of a city, from where it is kept: the ledger, the topic of problems, or a file of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING, Final

import msgspec
import orjson

from duban.errors import Undecodable
from duban.io.decode import delivery
from duban.messages.envelope import decode
from duban.messages.events import PROBLEMS, LedgerEvent
from duban.messages.records import Event
from duban.messages.struct import flaw_of, from_json
from duban.policy.library import Library
from duban_cli.simulation.sources import bare_event
from duban_console.kafka.topic_reader import records
from duban_console.ledger import asking
from duban_console.packs import publication as packs
from duban_simulation.history import HistoryError, Step, folded

if TYPE_CHECKING:
    from duban.io.settings import Settings

_EVENTS = """
    select body from router.published_events
    where problem_id in (select id from router.published_records where jurisdiction = $1)
    order by problem_id, version
"""
_PREFETCH = 2000
_STRUCTURED: Final = [("content-type", b"application/cloudevents+json")]


async def from_ledger(settings: Settings, jurisdiction: str) -> list[Step]:
    """Every event of the city's problems, folded under the packs that are published.

    Raises:
        Unavailable: the database cannot be asked.
        HistoryError: a pack of the history is not published.
    """
    library = Library.of((await packs.published(settings)).values())
    async with asking():
        bodies = [body async for body in _bodies(settings, jurisdiction)]
    return list(folded((from_json(body, Event) for body in bodies), library))


async def _bodies(settings: Settings, jurisdiction: str) -> AsyncIterator[str]:
    from duban.io.postgres import connect

    connection = await connect(settings.database.get_secret_value())
    try:
        async with connection.transaction(readonly=True):
            async for row in connection.cursor(_EVENTS, jurisdiction, prefetch=_PREFETCH):
                yield row["body"]
    finally:
        await connection.close()


async def from_topic(settings: Settings, jurisdiction: str) -> list[Step]:
    """Every event on ``duban.problems.v1`` of the city's problems, with the state after it as it stands there."""
    steps = []
    async for record in records(settings, [LedgerEvent.TOPIC]):
        data = delivery(record, PROBLEMS).message.data
        if isinstance(data, LedgerEvent) and data.record.jurisdiction == jurisdiction:
            steps.append(Step(data.event, data.record))
    return steps


def read_steps(lines: Iterable[bytes]) -> Iterator[Step]:
    """The steps in lines of JSON, as ``duban tail problems --from-beginning --no-follow --json`` writes them.

    Raises:
        HistoryError: naming the first line that is no event of a problem.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            document = orjson.loads(line)
            if isinstance(document, dict) and "specversion" in document:
                data = decode(None, bare_event(document), _STRUCTURED, PROBLEMS).data
            else:
                data = from_json(line, LedgerEvent)
        except (msgspec.DecodeError, RecursionError, Undecodable, orjson.JSONDecodeError) as error:
            why = (
                str(error)
                if isinstance(error, Undecodable | orjson.JSONDecodeError)
                else str(flaw_of(error, LedgerEvent))
            )
            raise HistoryError(f"line {number}: {why}; write the file with `duban tail problems --json`") from None
        if isinstance(data, LedgerEvent):
            yield Step(data.event, data.record)
