"""Open problems that stand already: the rows of ledger, deadlines and receipts that the services would have written.

One registration is decided by the router's handler; its rows, with other ids, numbers and instants in them, are copied
into the tables. So a million open problems stand within a minute or two, and no topic tells of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final, TypeAlias

import asyncpg

from duban.clock import DrivenClock
from duban.io.decode import delivery
from duban.io.publisher import partition_of
from duban.messages.commands import COMMANDS, Register
from duban.messages.envelope import derived_id, derived_text
from duban.messages.events import GENESIS, chained
from duban.messages.struct import canonical_json
from duban_cli.bench import load
from duban_cli.bench.path import fetched, library_of
from duban_router.handlers import CommandHandler
from duban_router.ledger import Writing
from duban_router.memory import MemoryLedger

#: The city of what stands, with limits of its own beside the hastened ones of who comes and goes.
JURISDICTION: Final = "standing"
#: The number of the first report; those of problems that come and go lie below.
FIRST: Final = 10_000_000
#: How long the pack gives.
LIMIT: Final = timedelta(hours=24)
#: The number of the report that is decided: as long as every other, so that one text stands for all.
_MARK: Final = 87_654_321
_CHUNK: Final = 10_000

Rows: TypeAlias = Mapping[str, Sequence[tuple[object, ...]]]

_COLUMNS: Final = {
    "router.events": ("problem_id", "version", "at", "kind", "body", "hash"),
    "router.outcomes": ("key", "command", "problem_id", "first_version", "last_version"),
    "router.records": (
        "id", "version", "jurisdiction", "number", "begun_at", "kind", "status", "rule", "holder", "due_at", "lapses",
        "head", "state",
    ),
    "router.unanswered": ("problem_id", "source", "id", "version"),
    "escalation.heads": ("problem_id", "version"),
    "escalation.deadlines": (
        "problem_id", "obligation", "generation", "level", "due_at", "fire_at", "command", "partition", "jurisdiction",
    ),
    "intake.receipts": ("key", "source", "id", "digest", "received_at", "outcome", "problem_id"),
}  # fmt: skip


def pack() -> str:
    """The YAML of the benchmark's pack, for the city of what stands."""
    text = load.PACK.read_text()
    assert "{hours: 24}" in text, "the pack of the benchmark says {hours: 24} no more"
    return text.replace("id: bench\n", f"id: {JURISDICTION}\n").replace(
        "jurisdiction: bench", f"jurisdiction: {JURISDICTION}"
    )


class OpenProblem:
    """The one that was decided, at ``at``, and the rows of others like it, on topics of so many partitions."""

    def __init__(self, writing: Writing, at: datetime, partitions: int) -> None:
        [outcome], [(id_, standing)] = writing.outcomes, writing.standings.items()
        self._partitions = partitions
        self._bodies = [(line.event.change.kind, line.body.decode()) for line in writing.lines]
        self._state, self._record = standing.state.decode(), standing.record
        self._deadline = standing.record.deadlines[0]
        self._report = canonical_json(load.report(_MARK, JURISDICTION)).decode()
        [(self.register, _)] = writing.allocated.items()
        self._number = standing.record.number.removesuffix(f"{1:07d}")
        self._swapped = (str(id_), outcome.command, standing.record.number, str(_MARK), _text(at), _text(at + LIMIT))

    @classmethod
    async def decided(cls, at: datetime, partitions: int) -> OpenProblem:
        """What the router's handler gives for a registration at ``at``, in whole seconds."""
        ledger = KeptLedger()
        handler = CommandHandler(ledger, library_of(pack()), DrivenClock())
        [command] = fetched([load.registration(_MARK, JURISDICTION, at)])
        await handler([delivery(command, COMMANDS)])
        return cls(ledger.writing, at, partitions)

    def rows(self, place: int, at: datetime) -> Rows:
        """The rows of the problem in that place, registered at ``at``, in whole seconds; by table."""
        number, due_at = FIRST + place, at + LIMIT
        id_, command = load.problem_id(number), derived_text("bench", number, Register.TYPE)
        key = str(id_)
        serial = f"{self._number}{place + 1:07d}"
        swaps = tuple(zip(self._swapped, (key, command, serial, str(number), _text(at), _text(due_at)), strict=True))
        events, head = [], GENESIS
        for version, (kind, text) in enumerate(self._bodies, 1):
            body = _swapped(text, swaps)
            head = chained(head, body.encode())
            events.append((id_, version, at, kind, body, bytes.fromhex(head)))
        record, deadline, last = self._record, self._deadline, len(events)
        fires = derived_id("escalate", id_, deadline.obligation, "", deadline.generation, deadline.level)
        return {
            "router.events": events,
            "router.outcomes": [(derived_id(load.SOURCE, command), command, id_, 1, last)],
            "router.records": [
                (
                    id_, last, JURISDICTION, serial, at, record.kind, record.status, record.rule, record.holder, due_at,
                    0, bytes.fromhex(head), _swapped(self._state, swaps),
                )
            ],
            "router.unanswered": [(id_, load.SOURCE, str(number), 1)],
            "escalation.heads": [(id_, last)],
            "escalation.deadlines": [
                (
                    id_, deadline.obligation, deadline.generation, deadline.level, due_at, due_at, fires,
                    partition_of(key.encode(), self._partitions), JURISDICTION,
                )
            ],
            "intake.receipts": [
                (id_, load.SOURCE, str(number), sha256(_swapped(self._report, swaps).encode()).digest(), at,
                 "accepted", id_)
            ],
        }  # fmt: skip


class KeptLedger(MemoryLedger):
    """A ledger in memory that keeps what was written last."""

    writing: Writing

    async def write(self, writing: Writing) -> None:
        await super().write(writing)
        self.writing = writing


def _swapped(text: str, swaps: Sequence[tuple[str, str]]) -> str:
    for old, new in swaps:
        text = text.replace(old, new)
    return text


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


async def lay(database: str, problems: int, partitions: int, lapsed: int = 0) -> None:
    """Fill the empty tables of ``database`` with so many open problems, their deadlines and receipts.

    ``lapsed`` of them have been due for ten minutes, spread evenly; the others are due in one hour to 23.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    problem = await OpenProblem.decided(now, partitions)
    every = problems // lapsed if lapsed else problems + 1
    session = await asyncpg.connect(database)
    try:
        for first in range(0, problems, _CHUNK):
            chunk: defaultdict[str, list[tuple[object, ...]]] = defaultdict(list)
            for place in range(first, min(first + _CHUNK, problems)):
                late = lapsed > 0 and place % every == 0 and place // every < lapsed
                due = timedelta(minutes=-10) if late else timedelta(hours=1, seconds=place * 7919 % 79_200)
                for table, rows in problem.rows(place, now + due - LIMIT).items():
                    chunk[table] += rows
            for table, rows in chunk.items():
                schema, _, name = table.partition(".")
                await session.copy_records_to_table(name, schema_name=schema, columns=_COLUMNS[table], records=rows)
        await session.execute("insert into router.registers values ($1, $2, $3)", *problem.register, problems)
        for table in _COLUMNS:
            await session.execute(f"vacuum (analyze) {table}")  # as it would have been done meanwhile
        await session.execute("checkpoint")
    finally:
        await session.close()
