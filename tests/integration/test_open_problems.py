"""Problems that the benchmark finds standing can be read by the services' own stores, and dealt with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from pydantic import SecretStr

from duban.clock import SystemClock
from duban.io.decode import delivery
from duban.io.postgres import connect_pool
from duban.io.settings import Settings
from duban.messages.commands import COMMANDS
from duban.messages.events import GENESIS, chained
from duban.messages.struct import to_json
from duban_cli.bench import load
from duban_cli.bench.open_problems import FIRST, JURISDICTION, lay, pack
from duban_cli.bench.path import fetched, library_of
from duban_escalation.domain import START, armed
from duban_escalation.store import PostgresDeadlines
from duban_router.domain.decision import after
from duban_router.handlers import CommandHandler
from duban_router.store import SCHEMA, PostgresLedger
from tests.conftest import Migrated

pytestmark = pytest.mark.stack
COUNT, LAPSED, PARTITIONS = 300, 3, 4


async def test_what_stands_is_read_folded_and_acknowledged(migrated: Migrated) -> None:
    await lay(migrated.superuser, COUNT, PARTITIONS, LAPSED)
    router = await connect_pool(Settings(database=SecretStr(migrated.url_of("router"))), SCHEMA)
    escalation = await connect_pool(Settings(database=SecretStr(migrated.url_of("escalation"))), "escalation")
    try:
        await _check_ledger(router)
        await _check_deadlines(router, escalation)
    finally:
        await router.close()
        await escalation.close()


async def _check_ledger(pool: asyncpg.Pool[asyncpg.Record]) -> None:
    ledger, library = PostgresLedger(pool), library_of(pack())
    ids = [load.problem_id(FIRST + place) for place in range(COUNT)]
    standings = await ledger.standings(ids)
    assert set(standings) == set(ids)
    for id_, lines in (await ledger.histories(dict.fromkeys(ids[:10], 99))).items():
        held, head = None, GENESIS
        for line in lines:
            assert line.hash == chained(head, line.body)
            rules = library.current(JURISDICTION, line.event.at)
            assert rules is not None
            held, head = after(held, line.event, rules), line.hash
        assert held is not None
        assert standings[id_].record == held
        assert (standings[id_].state, standings[id_].head) == (to_json(held), head)
    acknowledged = fetched([load.acknowledgement(FIRST + 1, datetime.now(UTC), JURISDICTION)])
    records = await CommandHandler(ledger, library, SystemClock())([delivery(acknowledged[0], COMMANDS)])
    assert [dict(record.headers)["ce_type"] for record in records] == [b"duban.problem.acknowledged"]
    register = (JURISDICTION, datetime.now(UTC).year)
    async with ledger.transaction([register]) as transaction:
        assert transaction.allocated[register] in {COUNT, 0}  # 0: the year has just turned


async def _check_deadlines(router: asyncpg.Pool[asyncpg.Record], escalation: asyncpg.Pool[asyncpg.Record]) -> None:
    deadlines, now = PostgresDeadlines(escalation), datetime.now(UTC)
    assert len(await deadlines.due(START, now, range(PARTITIONS), COUNT)) == LAPSED
    due = await deadlines.due(START, now + timedelta(days=2), range(PARTITIONS), COUNT)
    standings = await PostgresLedger(router).standings([deadline.problem_id for deadline in due])
    assert len(due) == COUNT
    for deadline in due[LAPSED:20]:
        assert [deadline] == list(armed(standings[deadline.problem_id].record, deadline.partition))
