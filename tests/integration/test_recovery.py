"""A database that lacks its last part: what the topics tell is decided again, and is not told a second time."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import asyncpg
import msgspec
import pytest

from duban.clock import SystemClock
from duban.io.postgres import connect_pool
from duban.io.publisher import Publisher
from duban.io.settings import Settings
from duban.io.tail import Tail
from duban.messages.anchors import Anchor, Anchored, Head, anchor_record
from duban.messages.commands import COMMANDS, Command
from duban.messages.envelope import encode
from duban.messages.events import GENESIS, LedgerEvent
from duban.messages.notices import NOTICES, Notice
from duban.policy import PolicyPack
from duban_cli.bench import load
from duban_cli.bench.path import library_of
from duban_console.packs import publication
from duban_escalation import recovery as of_notices
from duban_escalation.notices.deliveries import PostgresDeliveries
from duban_escalation.notices.handler import WaitingNotice
from duban_escalation.settings import EscalationSettings
from duban_local import ROOT
from duban_router import recovery as of_commands
from duban_router.handlers import SOURCE, CommandHandler
from duban_router.settings import RouterSettings
from duban_router.store import PostgresLedger
from tests.conftest import Migrated, Stack, eventually
from tests.given import notice

pytestmark = pytest.mark.stack
Topic = Callable[..., Awaitable[str]]
_PROBLEMS = 20


@asynccontextmanager
async def pool_of(url: str, schema: str) -> AsyncIterator[asyncpg.Pool[asyncpg.Record]]:
    pool = await connect_pool(Settings.load(database=url), schema)
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def publishing(settings: Settings) -> AsyncIterator[Publisher]:
    publisher = Publisher(settings, "test")
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()


async def test_a_ledger_that_lacks_everything_comes_to_what_was_told_and_goes_on_with_its_anchors(
    stack: Stack, migrated: Migrated, template: str, topic: Topic
) -> None:
    for name, partitions in ((Command.TOPIC, 3), (LedgerEvent.TOPIC, 3), (PolicyPack.TOPIC, 1), (Anchor.TOPIC, 1)):
        await topic(name, partitions, exact=True)
    url = migrated.url_of("router")
    settings = RouterSettings.load(kafka=stack.kafka, database=url)
    began = datetime.now(UTC) - timedelta(minutes=1)
    ways = (load.way_to_strike_off(number, load.BEGINS_AT) for number in range(_PROBLEMS))
    anchor = Anchor(
        chain=Anchored.LEDGER, number=7, previous=GENESIS, at=began, offsets={},
        heads=(Head(record=load.problem_id(1), version=1, hash=GENESIS),),
    )  # fmt: skip
    async with publishing(settings) as publisher, pool_of(url, "router") as pool:
        await publication.publish(settings, publisher, [load.PACK, ROOT / "deploy/calendars/cn.yaml"], load.BEGINS_AT)
        await publisher.publish([*map(load.registration, range(_PROBLEMS)), *chain.from_iterable(ways)])
        commands = await Tail(settings, [Command.TOPIC], COMMANDS).present()
        handler = CommandHandler(PostgresLedger(pool), library_of(load.PACK.read_text("utf-8")), SystemClock())
        # As the partitions happened to be read, which gives numbers that no other order gives.
        await publisher.publish(await handler(sorted(commands, key=lambda one: (-one.partition, one.offset))))
        await publisher.publish([anchor_record(anchor, SOURCE)])
        assert await of_commands.recover(settings, pool, began) == (len(commands), _PROBLEMS * 6, 0, [])
    async with stack.created(template) as name, pool_of(stack.url_of("router", name), "router") as pool:
        await pool.execute(
            "insert into anchors (chain, member, turn_until) values ('ledger', gen_random_uuid(), now())"
        )
        found = await of_commands.recover(settings, pool, began)
        assert found == (len(commands), _PROBLEMS * 6, _PROBLEMS * 6, [])
        row: Any = await pool.fetchrow("select number, published from anchors where chain = 'ledger'")
        assert tuple(row) == (7, True)


async def test_an_event_that_comes_out_otherwise_is_named(stack: Stack, migrated: Migrated, topic: Topic) -> None:
    for name in (Command.TOPIC, LedgerEvent.TOPIC, PolicyPack.TOPIC, Anchor.TOPIC):
        await topic(name, exact=True)
    url = migrated.url_of("router")
    settings = RouterSettings.load(kafka=stack.kafka, database=url)
    async with publishing(settings) as publisher, pool_of(url, "router") as pool:
        await publication.publish(settings, publisher, [load.PACK, ROOT / "deploy/calendars/cn.yaml"], load.BEGINS_AT)
        await publisher.publish([load.registration(1)])
        commands = await Tail(settings, [Command.TOPIC], COMMANDS).present()
        handler = CommandHandler(PostgresLedger(pool), library_of(load.PACK.read_text("utf-8")), SystemClock())
        told, *others = await handler(commands)
        forged = re.sub(rb'"hash":"[0-9a-f]{64}"', b'"hash":"%b"' % GENESIS.encode(), told.value)
        await publisher.publish([msgspec.structs.replace(told, value=forged), *others])
        found = await of_commands.recover(settings, pool, datetime.now(UTC) - timedelta(minutes=1))
        assert found.otherwise == [(load.problem_id(1), 1)]


def turned(since: datetime) -> Callable[[], bool]:
    """Whether another millisecond has begun than that of ``since``."""
    return lambda: datetime.now(UTC) - since > timedelta(milliseconds=1)


async def test_notices_before_an_instant_are_taken_for_told_and_those_behind_it_go_out(
    stack: Stack, migrated: Migrated, topic: Topic
) -> None:
    await topic(Notice.TOPIC, exact=True)
    settings = EscalationSettings.load(kafka=stack.kafka, database=migrated.url_of("escalation"))
    began = datetime.now(UTC) - timedelta(minutes=1)
    async with publishing(settings) as publisher, pool_of(migrated.url_of("escalation"), "escalation") as pool:
        for name in ("first", "second", "third"):
            await publisher.publish([encode(notice(name))])
            await eventually(turned(datetime.now(UTC)))  # no two of them came in one millisecond
        delivered = await Tail(settings, [Notice.TOPIC], NOTICES).present()
        deliveries = PostgresDeliveries(pool, SystemClock())
        assert await of_notices.recover(settings, deliveries, began, delivered[-1].appended_at) == 2
        again = [WaitingNotice.of(one, datetime.now(UTC)) for one in delivered]
        assert await deliveries.take(again) == 1
        waiting = await deliveries.waiting({again[-1].line: -1}, 10)
        assert [held.id for held in waiting] == [again[-1].id]
