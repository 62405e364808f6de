"""A service is stopped for an hour and comes back to what has come meanwhile: router, escalation and intake in turn.

    python -m tests.faults.by_hand.catch_up                # or --service router --reports 20000

The hour is compressed: what it brings is sent as fast as it goes, then it is waited until every deadline of it has been
due. Each report is acknowledged, and its progress told twice, while the router may be away. Right: the service comes to
lag 0, nothing is lost, twice, or early, and what should have lapsed meanwhile lapses once each.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from duban.io.publisher import Publisher
from duban.messages.envelope import Record
from duban_cli.bench import load
from duban_cli.bench.costs import costs
from duban_cli.bench.workloads import send
from duban_cli.connection import publishing
from duban_cli.demo.feed import Feed
from duban_cli.demo.player import Player
from duban_cli.system import System
from duban_console.kafka.lag import lags
from duban_local.supervisor import Supervisor
from tests.faults.by_hand.scene import SERVICES, account, all_lapsed, engine, say, verdict

_LIMIT: Final = timedelta(seconds=6)
#: Reports before it all: every service has begun, and every group has an offset.
_WARM: Final = 400
#: Which groups have something to do while a service is away.
_UPSTREAM: Final = {"intake": (), "router": ("duban-intake",), "escalation": ("duban-intake", "duban-router")}
_WITHIN: Final = 300.0


def _acts(numbers: range) -> Iterator[Record]:
    """What people do about the problems of an hour."""
    at = datetime.now(UTC)
    for number in numbers:
        yield load.acknowledgement(number, at)
        yield load.progress(number, 1, at)
        yield load.progress(number, 2, at)


@asynccontextmanager
async def _supervised(system: System, names: Sequence[str]) -> AsyncIterator[Supervisor]:
    """Those services of ``system`` alone."""
    services = [system.services[name] for name in names]
    async with Supervisor(services, system.folder / "logs", say=lambda part, line: None) as supervisor:
        yield supervisor


async def _hour(publisher: Publisher, player: Player, service: str, numbers: range) -> None:
    """All that an hour brings while ``service`` is away; while intake is, there is no problem yet to act on."""
    began = time.monotonic()
    await send(publisher, map(load.submission, numbers))
    if service != "intake":
        await player.quiet(_WITHIN, _UPSTREAM[service])
        await send(publisher, _acts(numbers))
        await player.quiet(_WITHIN, _UPSTREAM[service])
    say(f"{len(numbers)} reports of the hour, and what was done about them, came in {time.monotonic() - began:.1f} s")
    await asyncio.sleep((2 * _LIMIT).total_seconds() + 1)


async def _behind(system: System, service: str) -> int:
    return sum(place.lag for place in await lags(system.settings) if place.group == f"duban-{service}")


async def _caught_up(player: Player, service: str, back: Supervisor, began: float) -> None:
    """Say how long it takes the service that is back, and then all of them, to have nothing left to do."""
    ready = time.monotonic() - began
    await player.quiet(_WITHIN, [f"duban-{service}"])
    took = time.monotonic() - began
    # What the others make of it may come back to it.
    await player.quiet(_WITHIN, [f"duban-{name}" for name in SERVICES])
    done = time.monotonic() - began
    cost = costs(back.pids)
    say(
        f"{service}: ready after {ready:.1f} s, lag 0 after {took:.1f} s, all groups after {done:.1f} s; "
        f"{cost.peak_mb[service]:.0f} MB at most, {cost.cpu[service]:.1f} s of CPU"
    )


async def trial(service: str, reports: int) -> bool:
    hour = range(reports)
    warm = range(reports, reports + _WARM)
    async with (
        engine(first=_LIMIT, second=_LIMIT) as system,
        publishing(system.settings) as publisher,
        Player(system.settings, Feed(system.settings), lambda at, played: None) as player,
    ):
        await send(publisher, map(load.submission, warm))
        await player.quiet(_WITHIN, [f"duban-{name}" for name in SERVICES])
        await system.supervisor.stop()
        async with _supervised(system, [name for name in SERVICES if name != service]):
            await _hour(publisher, player, service, hour)
            say(f"{service} has been away; {await _behind(system, service)} records wait for it")
            began = time.monotonic()
            async with _supervised(system, [service]) as back:
                await _caught_up(player, service, back, began)
                lapsed = await all_lapsed(system, len(hour) + len(warm))
                right = await account(system, [*hour, *warm])
    return lapsed and right


async def main(services: Sequence[str], reports: int) -> int:
    return verdict(*[await trial(service, reports) for service in services])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--service", choices=SERVICES, action="append", help="by default all, in turn")
    parser.add_argument("--reports", type=int, default=3_600, help="of the hour")
    args = parser.parse_args()
    sys.exit(asyncio.run(main(args.service or ("router", "escalation", "intake"), args.reports)))
