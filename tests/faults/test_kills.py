"""Kill -9 of each service in the middle of 2,000 reports: nothing lost, nothing doubled, everything fires."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import orjson
import pytest
from aiokafka import AIOKafkaConsumer

from duban.io.publisher import Publisher
from duban.io.settings import Settings
from duban.messages.envelope import Record
from duban.messages.events import GENESIS, chained
from duban_cli.bench import load
from duban_cli.bench.drive import hastened
from duban_cli.demo.feed import Feed
from duban_cli.demo.player import Player
from duban_cli.system import System, running
from duban_local import ROOT
from tests.conftest import eventually

pytestmark = pytest.mark.stack
REPORTS = 2_000
SERVICES = ("escalation", "router", "intake")


@pytest.fixture(scope="module")
async def survivor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """The engine after 2,000 reports, with each service killed twice on the way, and all of it worked off."""
    pack = tmp_path_factory.mktemp("pack") / "bench.yaml"
    limit = timedelta(seconds=3)
    pack.write_text(hastened(load.PACK.read_text("utf-8"), limit, limit), "utf-8")
    async with running(services=SERVICES, publish=[pack, ROOT / "deploy/calendars/cn.yaml"]) as system:
        async with Feed(system.settings) as feed, Player(system.settings, feed, lambda at, played: None) as player:
            killing = asyncio.create_task(_kill_each(system))
            await _report(system.settings)
            await killing
            for name in SERVICES:
                await system.ready(name)
            await _all_lapsed(system)
            await player.quiet(within=300)
        yield system


async def _report(settings: Settings) -> None:
    """Send every report, and each tenth twice, a few at a time, so that the kills fall in between."""
    publisher = Publisher(settings, "duban-tests")
    await publisher.start()
    records: list[Record] = [load.submission(n) for n in range(REPORTS)]
    for start in range(0, REPORTS, 20):
        await publisher.publish([*records[start : start + 20], *records[start : start + 20 : 10]])
        await asyncio.sleep(0.1)  # the pace of the sender, not a wait for an outcome
    await publisher.stop()


async def _kill_each(system: System) -> None:
    for name in (*SERVICES, *SERVICES):
        await asyncio.sleep(1.5)
        await system.ready(name)
        await system.kill(name)


async def _all_lapsed(system: System) -> None:
    """Wait until every problem has climbed both levels of its ladder."""
    climbed = "select count(*) as problems from router.published_problems where lapses = 2"

    async def all_have() -> bool:
        return bool((await _rows(system, climbed))[0]["problems"] == REPORTS)

    await eventually(all_have, within=300)


async def _rows(system: System, query: str) -> list[Any]:
    ledger = await asyncpg.connect(system.superuser)
    try:
        return list(await ledger.fetch(query))
    finally:
        await ledger.close()


async def test_each_report_opened_one_problem(survivor: System) -> None:
    found = {row["id"] for row in await _rows(survivor, "select id from router.published_problems")}
    assert found == {load.problem_id(n) for n in range(REPORTS)}


async def test_numbers_have_no_gap_and_no_double(survivor: System) -> None:
    numbers = [row["number"] for row in await _rows(survivor, "select number from router.published_problems")]
    assert sorted(int(number.rpartition("-")[2]) for number in numbers) == list(range(1, REPORTS + 1))


async def test_each_deadline_lapsed_once_and_never_early(survivor: System) -> None:
    rows = await _rows(survivor, "select at, body from router.published_events where kind = 'escalated'")
    lapsed: Counter[tuple[str, str, int, int]] = Counter()
    for row in rows:
        change = orjson.loads(row["body"])
        named = change["change"]
        lapsed[change["problem_id"], named["obligation"], named["generation"], named["level"]] += 1
        assert datetime.fromisoformat(named["due_at"]) <= row["at"]
    assert set(lapsed.values()) == {1}
    assert len(lapsed) == 2 * REPORTS


async def test_versions_follow_one_another_and_the_chain_holds(survivor: System) -> None:
    rows = await _rows(
        survivor,
        "select problem_id, version, body, hash from router.published_events order by problem_id, version",
    )
    head, last, problem = GENESIS, 0, None
    for row in rows:
        if row["problem_id"] != problem:
            problem, head, last = row["problem_id"], GENESIS, 0
        assert row["version"] == last + 1
        assert row["hash"] == chained(head, row["body"].encode())
        head, last = row["hash"], row["version"]


async def test_the_topic_tells_what_the_ledger_holds_in_the_same_order(survivor: System) -> None:
    told: dict[str, list[int]] = {}
    async for value in _values(survivor.settings, "duban.problems.v1"):
        if "event" in value:
            told.setdefault(value["event"]["problem_id"], []).append(value["event"]["version"])
    held = {
        str(row["problem_id"]): row["versions"]
        for row in await _rows(
            survivor,
            "select problem_id, array_agg(version order by version) versions from router.published_events group by 1",
        )
    }
    for problem, versions in told.items():
        # A command that comes again after a kill is answered again, however late: then old versions stand once more
        # between the new ones. A reader drops them by their version; each new one follows the highest before it.
        assert list(dict.fromkeys(versions)) == held[problem]
    assert set(told) == set(held)


async def test_every_lapse_was_told(survivor: System) -> None:
    notices: Counter[tuple[str, int, str]] = Counter()
    async for value in _values(survivor.settings, "duban.notices.v1"):
        notices[value["problem_id"], value["level"], value["recipient"]] += 1
    owed = {(str(load.problem_id(number)), level) for number in range(REPORTS) for level in (1, 2)}
    assert {key[:2] for key in notices} == owed


async def _values(settings: Settings, topic: str) -> AsyncIterator[dict[str, Any]]:
    """Everything that lies in ``topic`` now."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=settings.kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        left = sum(ends.values()) - sum((await consumer.beginning_offsets(list(ends))).values())
        while left:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                left -= len(records)
                for record in records:
                    assert record.value is not None
                    yield orjson.loads(record.value)
    finally:
        await consumer.stop()
