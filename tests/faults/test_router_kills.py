"""Kill -9 of two routers while they register for one city: each number is given once, and none is left out."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from duban_cli.bench import load
from duban_cli.bench.routers import beside
from duban_cli.connection import publishing
from duban_cli.demo.feed import Feed
from duban_cli.demo.player import Player
from duban_cli.system import System, running
from duban_local import ROOT
from duban_local.supervisor import Supervisor

pytestmark = pytest.mark.stack
REGISTRATIONS = 2_000
_ENV = {"router": {"DUBAN_BATCH_SIZE": "40", "DUBAN_SESSION_TIMEOUT": "6"}}
_NUMBERS = "select number from router.published_records order by number"


async def test_routers_that_are_killed_leave_no_gap_in_a_register() -> None:
    packs = [load.PACK, ROOT / "deploy/calendars/cn.yaml"]
    async with (
        running(services=("router",), clock="driven", publish=packs, partitions=12, env=_ENV) as system,
        beside(system, 1) as more,
        Player(system.settings, Feed(system.settings), lambda at, played: None) as player,
    ):
        killing = asyncio.create_task(_kill_in_turn(system, more))
        await _register(system)
        await killing
        await player.quiet(within=300, groups=["duban-router"])
        session = await asyncpg.connect(system.database)
        numbers = [row["number"] for row in await session.fetch(_NUMBERS)]
        await session.close()
    assert [int(number.rpartition("-")[2]) for number in numbers] == list(range(1, REGISTRATIONS + 1))


async def _register(system: System) -> None:
    async with publishing(system.settings) as publisher:
        for start in range(0, REGISTRATIONS, 20):
            await publisher.publish([load.registration(number) for number in range(start, start + 20)])
            await asyncio.sleep(0.05)  # the pace of the sender, not a wait for an outcome


async def _kill_in_turn(system: System, more: Supervisor) -> None:
    for _ in range(2):
        for supervisor in (system.supervisor, more):
            await asyncio.sleep(0.7)
            await supervisor.wait_ready()
            await supervisor.kill(*supervisor.pids)
