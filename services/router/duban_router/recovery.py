"""After the database came back from a backup: what it lacks is decided again, as it was told.

    python -m duban_router.recovery --since 2026-11-30T06:00+00:00

Run it once, while no router runs; ``--since`` lies some minutes before the instant to which the database was restored.
Every command since then goes through the router's own handler: what stands changes nothing, and what is missing comes
to the same events, for they follow from the command and the instant at which the broker took it. Numbers follow from
the order in which problems are registered, which no topic holds across its partitions; but ``duban.problems.v1`` has
told each number, so problems are registered in that order. Nothing is published, and the chain of anchors goes on
behind the last one on its topic. It ends with 0 when every event that was told since then stands in the ledger under
the hash that was told.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from string import Formatter
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias
from uuid import UUID

import msgspec

from duban.errors import DubanError
from duban.io import logs
from duban.io.feeds import clock_of
from duban.io.postgres import connect_pool
from duban.io.tail import Tail
from duban.messages import commands as do
from duban.messages.anchors import ANCHORS, Anchor, Anchored
from duban.messages.changes import Registered
from duban.messages.delivery import Delivery
from duban.messages.events import PROBLEMS, LedgerEvent, Refused
from duban.messages.struct import to_json
from duban.policy import PACKS, PolicyPack, PublishedCalendar
from duban.policy.library import Library
from duban_router.handlers import CommandHandler
from duban_router.settings import RouterSettings
from duban_router.store import SCHEMA, PostgresLedger

if TYPE_CHECKING:
    import asyncpg

Published: TypeAlias = PolicyPack | PublishedCalendar
_HEADS: Final = """
    select problem_id, version, encode(hash, 'hex') as hash from router.events
    where (problem_id, version) in (select * from unnest($1::uuid[], $2::int[]))
"""
_LATEST: Final = """
    update router.anchors set number = $2, body = $3, published = true where chain = $1 and number < $2
"""


class NumberRegister(NamedTuple):
    """What numbers are of: those of a city in a year."""

    jurisdiction: str
    year: int


_NOWHERE: Final = (NumberRegister("", 0), 0)


@dataclass(slots=True)
class Telling:
    """What the topic tells since an instant: the hash of each event, which number problems have, what was refused."""

    hashes: dict[tuple[UUID, int], str] = field(default_factory=dict)
    serials: dict[UUID, tuple[NumberRegister, int]] = field(default_factory=dict)
    #: Commands, by their ids.
    refused: set[str] = field(default_factory=set)

    def take(self, event: LedgerEvent | Refused, library: Library) -> None:
        """Note what ``event`` tells, if it is told for the first time."""
        if isinstance(event, Refused):
            self.refused.add(event.command)
            return
        line = event.event
        self.hashes.setdefault((line.problem_id, line.version), event.hash)
        if isinstance(line.change, Registered) and line.problem_id not in self.serials:
            rules = library.rules(line.change.pack)
            if rules is None:
                raise DubanError(f"{line.change.number} was registered by {line.change.pack}, which is not published")
            year, serial = year_and_serial(rules.pack.number, line.change.number)
            self.serials[line.problem_id] = NumberRegister(event.record.jurisdiction, year), serial


def year_and_serial(form: str, number: str) -> tuple[int, int]:
    """What makes ``number``, as the ``form`` of its pack writes them."""
    pattern, seen = "", set[str]()
    for text, name, _, _ in Formatter().parse(form):
        pattern += re.escape(text)
        if name is not None:
            digits = rf"(?P<{name}>\d{{4}})" if name == "year" else rf"0*(?P<{name}>\d+)"
            pattern += rf"0*(?P={name})" if name in seen else digits
            seen.add(name)
    match = re.fullmatch(pattern, number)
    if match is None:
        raise DubanError(f"{number} was told as a number, and its pack writes them {form}")
    return int(match["year"]), int(match["serial"])


def ordered(commands: Iterable[Delivery[do.Command]], telling: Telling) -> list[Delivery[do.Command]]:
    """``commands`` in the order in which they are decided: problems by their numbers, then the rest as it came.

    A number that nobody was told was taken all the same, by a problem whose event did not reach the topic any more: the
    next such problem of the city has it.
    """
    rest: list[Delivery[do.Command]] = []
    named: defaultdict[NumberRegister, dict[int, Delivery[do.Command]]] = defaultdict(dict)
    untold: defaultdict[str, deque[Delivery[do.Command]]] = defaultdict(deque)
    begun: set[str] = set()
    for delivered in sorted(commands, key=_place):
        message = delivered.message
        begins = isinstance(message.data, do.Register) and message.id not in telling.refused
        if not begins or message.subject in begun:
            rest.append(delivered)
            continue
        begun.add(message.subject)
        register, serial = telling.serials.get(_id(message.subject), _NOWHERE)
        if serial and serial not in named[register]:
            named[register][serial] = delivered
        else:
            untold[message.jurisdiction].append(delivered)
    first = (_without_holes(its, untold[register.jurisdiction]) for register, its in named.items())
    return [*chain.from_iterable(first), *chain.from_iterable(untold.values()), *rest]


def _without_holes(
    named: Mapping[int, Delivery[do.Command]], untold: deque[Delivery[do.Command]]
) -> Iterator[Delivery[do.Command]]:
    for serial in range(min(named, default=0), max(named, default=-1) + 1):
        if serial in named:
            yield named[serial]
        elif untold:
            yield untold.popleft()


def _place(delivered: Delivery[do.Command]) -> tuple[datetime, int, int]:
    return delivered.appended_at, delivered.partition, delivered.offset


def _id(subject: str) -> UUID:
    try:
        return UUID(subject)
    except ValueError:
        return UUID(int=0)  # the router refuses it


class Recovered(NamedTuple):
    """What became of it: commands read, events told since; of these, those that the ledger lacked, or has otherwise."""

    commands: int
    told: int
    lacked: int
    otherwise: list[tuple[UUID, int]]


async def recover(settings: RouterSettings, pool: asyncpg.Pool[asyncpg.Record], since: datetime) -> Recovered:
    """Decide again what ``pool`` lacks of the commands since then, and have its anchors go on from the latest."""
    published = await Tail[Published](settings, [PolicyPack.TOPIC], PACKS).present()
    library = Library.of(delivered.message.data for delivered in published)
    telling = Telling()
    for delivered in await Tail(settings, [LedgerEvent.TOPIC], PROBLEMS, since).present():
        telling.take(delivered.message.data, library)
    lacked = await _otherwise(pool, telling.hashes)
    commands = ordered(await Tail(settings, [do.Command.TOPIC], do.COMMANDS, since).present(), telling)
    handler = CommandHandler(PostgresLedger(pool), library, clock_of(settings), settings.max_record_bytes)
    for begin in range(0, len(commands), settings.batch_size):
        await handler(commands[begin : begin + settings.batch_size])
    anchors = [delivered.message.data for delivered in await Tail(settings, [Anchor.TOPIC], ANCHORS).present()]
    ours = sorted((anchor for anchor in anchors if anchor.chain is Anchored.LEDGER), key=lambda anchor: anchor.number)
    for latest in ours[-1:]:
        await pool.execute(_LATEST, latest.chain, latest.number, to_json(latest).decode())
    return Recovered(len(commands), len(telling.hashes), len(lacked), await _otherwise(pool, telling.hashes))


async def _otherwise(
    pool: asyncpg.Pool[asyncpg.Record], hashes: Mapping[tuple[UUID, int], str]
) -> list[tuple[UUID, int]]:
    """The events that do not stand in the ledger as they were told."""
    ids, versions = [place[0] for place in hashes], [place[1] for place in hashes]
    held = {(row["problem_id"], row["version"]): row["hash"] for row in await pool.fetch(_HEADS, ids, versions)}
    return [place for place, hash_ in hashes.items() if held.get(place) != hash_]


async def main(since: datetime) -> int:
    """Recover as the settings in the environment say; the exit code."""
    settings = RouterSettings.load()
    logs.configure("router", settings.log_level, settings.log_format)
    pool = await connect_pool(settings, SCHEMA)
    try:
        done = await recover(settings, pool, since)
    finally:
        await pool.close()
    line = {"commands": done.commands, "told": done.told, "lacked": done.lacked, "otherwise": len(done.otherwise)}
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    for record, version in done.otherwise:
        sys.stderr.write(f"{record}/{version} does not stand in the ledger as it was told\n")
    return 1 if done.otherwise else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--since", type=datetime.fromisoformat, required=True, help="with its offset from UTC")
    try:
        sys.exit(asyncio.run(main(parser.parse_args().since)))
    except DubanError as error:
        sys.exit(f"{type(error).__name__}: {error}")
