"""A ledger that an earlier release has written, brought to what this one reads."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from pydantic import SecretStr

from duban.io.migrations import migrate
from duban.io.postgres import connect_pool
from duban.io.settings import Settings
from duban.messages import commands as do
from duban.messages import struct
from duban.messages.envelope import derived_id
from duban.messages.events import GENESIS
from duban.messages.records import Problem
from duban.messages.struct import plain, to_json
from duban.texts import folded
from duban_cli.schemas import SCHEMAS
from duban_console.ledger import LedgerReader
from duban_router.memory import MemoryLedger
from duban_router.store import SCHEMA, PostgresLedger
from tests.contract.test_router_store import AT, CAUSE, ENGINE, OFFICE, Member, attaches, codes, registers, replies

pytestmark = pytest.mark.stack
_RECORD = """
    insert into router.records
        (id, version, jurisdiction, number, begun_at, status, rule, holder, lapses, head, state, kind)
    values ($1, $2, 'smallville', $3, $4, $5, 'river', 'water', 0, $6, $7, 'problem')
"""
_LISTING = """
    insert into router.records
        (id, version, jurisdiction, number, begun_at, status, rule, holder, lapses, head, state, kind, subject)
    values ($1, $2, 'smallville', $3, $4, $5, 'blacklist', 'office', 0, decode($6, 'hex'), $7, 'listing', $8)
"""


@pytest.fixture
def migrations_until(tmp_path: Path) -> Iterator[Callable[[int], str]]:
    """A function ``migrations_until(8)`` that makes a package of the router's migrations up to that number."""

    def make(last: int) -> str:
        folder = tmp_path / f"sql_{uuid4().hex}"
        folder.mkdir()
        for file in files(SCHEMAS[SCHEMA]).iterdir():
            number = file.name.partition("_")[0]
            if number.isdigit() and int(number) <= last:
                (folder / file.name).write_text(file.read_text("utf-8"))
        (folder / "__init__.py").touch()
        return folder.name

    sys.path.insert(0, str(tmp_path))
    yield make
    sys.path.remove(str(tmp_path))


async def test_names_on_lists_of_an_earlier_release_are_folded_by_the_router_and_found_before(
    database: str, migrations_until: Callable[[int], str]
) -> None:
    written = {"acme": "Ａｃｍｅ", "mill": "临江 水\u200b泥厂", "other": "Another"}
    ledger = MemoryLedger()
    for version, (name, of) in enumerate(written.items(), 1):
        cause = struct.replace(CAUSE, version=version)
        puts = do.PutOnList(actor=ENGINE, list="blacklist", of=of, ground="repeated", cause=cause)
        await Member(ledger)((f"put {name}", name, puts))
    await migrate(database, SCHEMA, migrations_until(10))
    connection = await asyncpg.connect(database)
    standings = await ledger.standings([derived_id(name) for name in written])
    for id_, standing in standings.items():
        record = standing.record
        await connection.execute(
            _LISTING, id_, record.version, record.number, AT, record.status, standing.head, standing.state.decode(),
            record.subject,
        )  # fmt: skip
    await migrate(database, SCHEMA, SCHEMAS[SCHEMA])

    pool = await connect_pool(Settings(database=SecretStr(database)), SCHEMA)
    try:
        asked = {"ACME": "Ａｃｍｅ", "临江水泥厂": "临江 水\u200b泥厂", "another": "Another"}

        async def found() -> dict[str, list[str]]:
            return {of: [entry.of for entry in await LedgerReader(pool).listings(of)] for of in asked}

        expected = {of: [stood] for of, stood in asked.items()}
        assert await found() == expected
        upgraded = PostgresLedger(pool)
        assert [await upgraded.fold_names(), await upgraded.fold_names()] == [3, 0]
        assert await found() == expected
        names = await connection.fetch("select folded from router.published_records order by folded")
        assert [row["folded"] for row in names] == sorted(map(folded, written.values()))
    finally:
        await pool.close()
        await connection.close()


async def test_reports_that_wait_in_the_states_of_an_earlier_release_still_wait(
    database: str, migrations_until: Callable[[int], str]
) -> None:
    ledger = MemoryLedger()
    await Member(ledger)(registers("one"), *(attaches("one", id_) for id_ in "abc"), replies("one", "b"))
    await Member(ledger)(registers("two"), replies("two", "two"), ("ack", "two", do.Acknowledge(actor=OFFICE)))
    one, two = derived_id("one"), derived_id("two")
    waiting = {one: [("one", 1), ("a", 3), ("c", 5)], two: []}
    await migrate(database, SCHEMA, migrations_until(8))
    connection = await asyncpg.connect(database)
    for id_, ids in waiting.items():
        previous = GENESIS
        for line in (await ledger.histories({id_: 100}))[id_]:
            await connection.execute(
                "insert into router.events values ($1, $2, $3, $4, $5, $6, $7)", id_, line.event.version, AT,
                line.event.change.kind, line.body.decode(), previous, line.hash,
            )  # fmt: skip
            previous = line.hash
        standing = (await ledger.standings([id_]))[id_]
        state = {name: value for name, value in plain(standing.record).items() if name != "answered"}
        earlier = {**state, "unanswered": [{"source": "tests", "id": report} for report, _ in ids]} if ids else state
        record = standing.record
        await connection.execute(
            _RECORD, id_, record.version, record.number, AT, record.status, standing.head, to_json(earlier).decode()
        )
    await connection.close()

    await migrate(database, SCHEMA, SCHEMAS[SCHEMA])

    pool = await connect_pool(Settings(database=SecretStr(database)), SCHEMA)
    try:
        upgraded = PostgresLedger(pool)
        for id_, ids in waiting.items():
            before, after = [(await each.standings([id_]))[id_] for each in (ledger, upgraded)]
            assert (after.record, after.head) == (before.record, before.head)
            assert await upgraded.histories({id_: 100}) == await ledger.histories({id_: 100})
            stood = after.record
            assert isinstance(stood, Problem)
            assert stood.unanswered == len(ids)
        asked = [(id_, "tests", report) for id_ in waiting for report in ("one", "two", *"abc")]
        async with upgraded.transaction([]) as transaction:
            assert sorted(await transaction.unanswered(asked)) == sorted(
                (id_, "tests", report, version) for id_, ids in waiting.items() for report, version in ids
            )
        told = await Member(upgraded)(replies("one", "c"), replies("one", "b", "again"))
        assert codes(told) == ["replied", "no_reply_owed"]
    finally:
        await pool.close()
