"""W5: the services come back to a million open deadlines, some of which lapsed meanwhile, and to a backlog."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice

from aiokafka import AIOKafkaConsumer

from duban.messages import commands as do
from duban.messages.envelope import Record
from duban.messages.events import LedgerEvent, event_type
from duban.moves import Kind
from duban_cli.bench import load
from duban_cli.bench.drive import percentiles, watching
from duban_cli.bench.open_problems import FIRST, JURISDICTION, LIMIT, lay
from duban_cli.bench.workloads import PARTITIONS, SERVICES, Figures, Meter, Say, Void, send, system_in_time
from duban_cli.connection import publishing
from duban_cli.demo.feed import Feed
from duban_cli.demo.player import Player
from duban_cli.system import System

_FIRED = do.Escalate.TYPE
_REGISTERED = do.Register.TYPE
_LAPSED, _ACKNOWLEDGED, _DISPATCHED = (
    event_type(Kind.PROBLEM, kind) for kind in ("escalated", "acknowledged", "dispatched")
)
_WITHIN_S = 600.0


async def restart(open_problems: int, backlog: int, say: Say) -> Figures:
    """Half of the backlog are reports, half acknowledgements of what stands; one open deadline in a hundred has lapsed.

    No more of either than what stands and has not lapsed.
    Everything is counted from the start of the three services, all at once.
    """
    lapsed = open_problems // 100
    half = min(backlog // 2, open_problems - lapsed)
    async with system_in_time(say, LIMIT) as system:
        await system.supervisor.stop()
        say("W5", f"{open_problems} open deadlines, {lapsed} of them lapsed")
        await lay(system.superuser, open_problems, PARTITIONS, lapsed)
        say("W5", f"a backlog of {half} reports and {half} acknowledgements")
        async with publishing(system.settings) as publisher:
            await send(publisher, map(load.submission, range(half)))
            await send(publisher, islice(_acknowledgements(open_problems, datetime.now(UTC)), half))
        return {"open": open_problems, "lapsed": lapsed, "backlog": 2 * half, **await _come_back(system, lapsed, half)}


def _acknowledgements(open_problems: int, at: datetime) -> Iterator[Record]:
    """Of what has not lapsed: the first of each hundred has."""
    return (load.acknowledgement(FIRST + place, at, JURISDICTION) for place in range(open_problems) if place % 100)


async def _come_back(system: System, lapsed: int, half: int) -> Figures:
    expected = {_FIRED: lapsed, _REGISTERED: half, _LAPSED: lapsed, _DISPATCHED: half, _ACKNOWLEDGED: half}
    async with (
        watching(system.settings, [do.Command.TOPIC, LedgerEvent.TOPIC]) as consumer,
        Player(system.settings, Feed(system.settings), lambda at, played: None) as player,
    ):
        begun = time.time()
        system.supervisor.start()
        meter = Meter(system)
        meter.read()
        observer = asyncio.create_task(_seen(consumer, expected, begun))
        ready = await asyncio.gather(*(_ready(system, name, begun) for name in SERVICES))
        seen = await observer
        await player.quiet(within=_WITHIN_S, groups=[f"duban-{name}" for name in SERVICES])
        meter.read()
        done = time.time() - begun
    counted = {kind: len(seen[kind]) for kind in expected}
    if counted != expected:
        raise Void(f"counted {counted}, expected {expected}")
    return {
        "ready_s": dict(zip(SERVICES, ready, strict=True)),
        "first_fired_s": round(min(seen[_FIRED]), 2),
        "last_fired_s": round(max(seen[_FIRED]), 2),
        "first_lapse_s": round(min(seen[_LAPSED]), 2),
        "last_lapse_s": round(max(seen[_LAPSED]), 2),
        **percentiles("lapse", list(seen[_LAPSED])),
        "intake_done_s": round(max(seen[_REGISTERED]), 2),
        "router_done_s": round(max(*seen[_DISPATCHED], *seen[_ACKNOWLEDGED]), 2),
        "all_done_s": round(done, 2),
        **asdict(meter.figure(half * 2)),
    }


async def _ready(system: System, name: str, begun: float) -> float:
    await system.ready(name, within=_WITHIN_S)
    return round(time.time() - begun, 2)


async def _seen(consumer: AIOKafkaConsumer, expected: dict[str, int], begun: float) -> dict[str, list[float]]:
    """When each of the ``expected`` was appended, in seconds since ``begun``; what comes again counts once."""
    seen: defaultdict[str, list[float]] = defaultdict(list)
    known: set[bytes] = set()
    async with asyncio.timeout(_WITHIN_S):
        while any(len(seen[kind]) < count for kind, count in expected.items()):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    headers = dict(record.headers)
                    kind, id_ = headers["ce_type"].decode(), headers["ce_id"]
                    if kind in expected and id_ not in known:
                        known.add(id_)
                        seen[kind].append(record.timestamp / 1000 - begun)
    return seen
