"""Routers beside each other: one, two and four members of the group on one city, on registrations and on what follows.

What they cost together in CPU says what a further one is worth, whatever number of cores there is; transactions that
were rolled back say how often a member has decided for nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import chain, islice
from time import perf_counter
from typing import Any, Final

import asyncpg

from duban.errors import DubanError
from duban.io.publisher import Publisher
from duban.messages.envelope import Record
from duban_cli.bench import load
from duban_cli.bench.costs import costs
from duban_cli.connection import publishing
from duban_cli.demo.feed import Feed
from duban_cli.demo.player import Player
from duban_cli.system import System, running
from duban_local import ROOT
from duban_local.children import LOOPBACK, free_port
from duban_local.supervisor import Service, Supervisor

_CALENDAR: Final = ROOT / "deploy/calendars/cn.yaml"
_MEMBERS: Final = (1, 2, 4)
_PARTITIONS: Final = 12
_BATCH: Final = 500
_GROUP: Final = "duban-router"
#: Problems that every member may warm up on.
_WARM: Final = 600
_COUNTED: Final = """
    select (select count(*) from router.published_records) as problems,
           (select count(*) from router.published_events) as events,
           (select max(substring(number from '\\d+$')::int) from router.published_records) as last
"""
_ROLLED_BACK: Final = "select sum(xact_rollback)::int from pg_stat_database"
Figures = dict[str, object]


async def routers(problems: int, say: Callable[[str, str], None]) -> Figures:
    """Registrations and acknowledgements of ``problems`` of one city, by one, two and four routers.

    Raises:
        DubanError: numbers have a gap, or commands were lost: the run means nothing.
    """
    figures: Figures = {"problems": problems, "partitions": _PARTITIONS}
    for members in _MEMBERS:
        say("routers", f"{members} on {problems} registrations, then as many acknowledgements")
        figures[f"{members} routers" if members > 1 else "1 router"] = await _by(members, problems, say)
    return figures


async def _by(members: int, problems: int, say: Callable[[str, str], None]) -> Figures:
    how: dict[str, Any] = {"clock": "driven", "publish": [load.PACK, _CALENDAR], "partitions": _PARTITIONS}
    async with (
        running(services=("router",), **how, say=say) as system,
        beside(system, members - 1) as more,
        publishing(system.settings) as publisher,
        Player(system.settings, Feed(system.settings), lambda at, played: None) as player,
    ):  # fmt: skip
        trial = _Trial(system, more, publisher, player)
        await trial([load.registration(problems + number) for number in range(_WARM)])
        registered = await trial([load.registration(number) for number in range(problems)])
        ways = (load.way_to_strike_off(number, load.BEGINS_AT) for number in range(problems))
        acknowledged = await trial(list(chain.from_iterable(islice(way, 1) for way in ways)))
        await _check(system, problems + _WARM, problems)
        return {"registrations": registered, "acknowledgements": acknowledged}


def member(system: System, service: str, number: int) -> Service:
    """How the ``number``-th member of a ``service`` of ``system`` is run, beside that which runs already."""
    first, port = system.services[service], str(free_port())
    env = {**first.env, "DUBAN_HEALTH_PORT": port}
    return replace(first, name=f"{service} {number}", env=env, ready=f"http://{LOOPBACK}:{port}/readyz")


@asynccontextmanager
async def beside(system: System, count: int) -> AsyncIterator[Supervisor]:
    """So many further routers beside that of ``system``, of the same group, once they are ready."""
    services = [member(system, "router", number) for number in range(2, count + 2)]
    async with Supervisor(services, system.folder / "logs", say=lambda part, line: None) as supervisor:
        yield supervisor


class _Trial:
    """What it costs to work off commands: from the first one sent to the last offset committed."""

    def __init__(self, system: System, more: Supervisor, publisher: Publisher, player: Player) -> None:
        self._system, self._more, self._publisher, self._player = system, more, publisher, player

    async def __call__(self, commands: Sequence[Record]) -> Figures:
        pids = {**self._system.pids, **self._more.pids}
        before, rolled_back, begun = costs(pids), await self._rolled_back(), perf_counter()
        for start in range(0, len(commands), _BATCH):
            await self._publisher.publish(commands[start : start + _BATCH])
        await self._player.quiet(within=300.0, groups=[_GROUP])
        wall, used = perf_counter() - begun, costs(pids).since(before).cpu
        by_routers = sum(seconds for name, seconds in used.items() if name.startswith("router"))
        return {
            "per_s": round(len(commands) / wall, 1),
            "router_us_a_command": round(by_routers / len(commands) * 1e6, 1),
            "postgres_us_a_command": round(used["postgres"] / len(commands) * 1e6, 1),
            "rolled_back": await self._rolled_back() - rolled_back,
        }

    async def _rolled_back(self) -> int:
        session = await asyncpg.connect(self._system.superuser)
        try:
            return int(await session.fetchval(_ROLLED_BACK))
        finally:
            await session.close()


async def _check(system: System, problems: int, acknowledged: int) -> None:
    session = await asyncpg.connect(system.database)
    try:
        (counted,) = [tuple(row) for row in await session.fetch(_COUNTED)]
    finally:
        await session.close()
    if counted != (expected := (problems, 2 * problems + acknowledged, problems)):
        raise DubanError(f"problems, events and the last number were {counted}, expected {expected}: void")
