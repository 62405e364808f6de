"""The workloads. Each starts what it needs, counts what came of it, and is void when the count is wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import asyncpg

from duban.errors import DubanError
from duban.io.publisher import Publisher
from duban.messages.envelope import Record
from duban.messages.events import GENESIS
from duban_cli.bench import drive, load, open_problems, path
from duban_cli.bench.costs import Cost, costs, folder_bytes
from duban_cli.bench.deadlines import measure
from duban_cli.bench.holdings import holdings
from duban_cli.bench.limits import batched_insert, kafka_hop
from duban_cli.bench.profile import profiled, summed
from duban_cli.connection import publishing
from duban_cli.demo.feed import Feed
from duban_cli.demo.player import Player
from duban_cli.system import System, running
from duban_local import ROOT

_CALENDAR = ROOT / "deploy/calendars/cn.yaml"
_BATCH = 500
Say = Callable[[str, str], None]
Figures = dict[str, object]


class Void(DubanError):
    """The run counted wrong: its figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A rate with what it took: per second, wall seconds, CPU seconds per 1,000 by part, peak memory by part."""

    per_s: float
    wall_s: float
    cpu_s_per_1000: dict[str, float]
    cpu_s_per_1000_all: float
    peak_mb: dict[str, float]


@asynccontextmanager
async def system_driven(services: Sequence[str], say: Say) -> AsyncIterator[System]:
    """Those services alone, on a clock that stands still."""
    async with running(services=services, clock="driven", publish=[load.PACK, _CALENDAR], say=say) as system:
        yield system


#: How many partitions the topics are declared to have.
PARTITIONS: Final = 4
#: What a problem passes through, in the order in which it is started.
SERVICES: Final = ("escalation", "router", "intake")


@asynccontextmanager
async def system_in_time(
    say: Say,
    limit: timedelta = drive.LIMIT,
    partitions: int | None = None,
    env: Mapping[str, Mapping[str, str]] | None = None,
) -> AsyncIterator[System]:
    """The services on the clock of the wall, under a pack with that ``limit``; what stands has its own."""
    with TemporaryDirectory(prefix="duban-bench-") as folder:
        packs = {"pack.yaml": drive.hastened(load.PACK.read_text(), limit), "standing.yaml": open_problems.pack()}
        for name, text in packs.items():
            (Path(folder) / name).write_text(text)
        publish = [*(Path(folder) / name for name in packs), _CALENDAR]
        async with running(services=SERVICES, publish=publish, partitions=partitions, env=env, say=say) as system:
            yield system


class Meter:
    """Reads the wall time and what a system has cost; its figure lies between the first reading and the last."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._readings: list[tuple[float, Cost]] = []

    def read(self) -> None:
        """Read now."""
        self._readings.append((time.perf_counter(), costs(self._system.pids)))

    def figure(self, count: int) -> Figure:
        """What ``count`` things took."""
        (begun, before), (ended, after) = self._readings[0], self._readings[-1]
        per = {name: round(seconds / count * 1000, 3) for name, seconds in after.since(before).cpu.items()}
        wall = ended - begun
        return Figure(round(count / wall, 1), round(wall, 3), per, round(sum(per.values()), 3), after.peak_mb)


async def send(publisher: Publisher, records: Iterable[Record]) -> None:
    """Publish ``records``, so many at a time."""
    waiting = iter(records)
    while batch := list(islice(waiting, _BATCH)):
        await publisher.publish(batch)


async def lifecycles(problems: int, profiles: Path | None, say: Say) -> Figures:
    """W1, a closed loop: each report becomes a problem, is handled, in part after one or two lapses, and struck off.

    With a folder for ``profiles`` each service is looked at meanwhile, which costs time of its own.
    """
    say("W1", f"{problems} problems, {drive.WINDOW} in hand at once")
    async with system_in_time(say) as system:
        before = folder_bytes(system.folder)
        services = {name: system.pids[name] for name in SERVICES}
        async with profiled(services, profiles) if profiles else nullcontext():
            course = await driven(system, problems)
        if profiles:
            course["profile_percent"] = {name: summed(profiles / f"{name}.raw") for name in services}
        grown = folder_bytes(system.folder) - before
        held = await holdings(system.superuser, system.folder / "kafka" / "data", problems)
        limits = {
            "kafka_hop": await kafka_hop(system.settings, 50_000, 1500),
            "postgres": await batched_insert(system.superuser, 50_000, 1500),
        }
        bytes_of = {"bytes_per_problem": round(grown / problems), "bytes_per_problem_in": held}
        return {**course, "problems": problems, **bytes_of, "limits": limits}


async def in_time(problems: int, highest: float, say: Say) -> Figures:
    """W2: reports at 50, 80 and 100 % of the ``highest`` rate, come what may; how late lapses are then."""
    figures: Figures = {"problems": problems}
    for share in (50, 80, 100):
        async with system_in_time(say) as system:
            per_s = round(highest * share / 100, 1)
            say("W2", f"{problems} problems at {per_s:.0f} a second")
            figures[f"{share} %"] = {"offered_per_s": per_s, **await driven(system, problems, per_s)}
    return figures


async def driven(system: System, problems: int, per_second: float | None = None) -> Figures:
    """The figures of whole lives at that rate, or in a closed loop; void when anything was lost or doubled.

    Rate and CPU time are those of the three fifths in the middle; lateness and the count are those of all.
    """
    meter = Meter(system)
    course = await drive.drive(system.settings, problems, per_second, mark=meter.read)
    await check_lives(system.database, problems)
    return {**asdict(meter.figure(problems * 4 // 5 - problems // 5)), **course.figures()}


_COUNT: Final = """
    with lines as (
        select e.problem_id, e.body, e.hash,
            lag(e.hash, 1, $2) over (partition by e.problem_id order by e.version) as previous
        from router.published_events e join router.published_records p on p.id = e.problem_id
        where p.jurisdiction = $1
    )
    select count(distinct problem_id) as problems, count(*) as events, count(*) filter (
        where hash <> encode(sha256(convert_to(previous || body, 'UTF8')), 'hex')) as broken,
        (select count(*) from router.published_records where jurisdiction = $1 and status = 'struck_off') as struck_off
    from lines
"""


async def check_lives(database: str, problems: int, lapses: int | None = None) -> None:
    """Void unless all problems were struck off in as many events as that takes, and no chain of hashes is broken."""
    session = await asyncpg.connect(database)
    try:
        counts = dict(await session.fetchrow(_COUNT, load.JURISDICTION, GENESIS))  # type: ignore[arg-type]
    finally:
        await session.close()
    lapses = sum(map(drive.lapses_of, range(problems))) if lapses is None else lapses
    expected = {"problems": problems, "events": problems * 6 + lapses, "broken": 0, "struck_off": problems}
    if counts != expected:
        raise Void(f"counted {counts}, expected {expected}")


async def intake(reports: int, say: Say) -> Figures:
    """W3: intake alone, from a topic that holds all reports to commands and receipts."""
    async with system_driven(("intake",), say) as system:
        records = [record for _, record in load.submissions(reports)]
        figure = await drained(system, "duban-intake", records, len(records))
        limit = await batched_insert(system.superuser, 50_000, 100)
        return {**asdict(figure), "reports": len(records), "limits": {"postgres": limit}}


async def router(problems: int, say: Say) -> Figures:
    """The router alone: registrations and whole ways to strike-off, from a topic that holds all commands."""
    async with system_driven(("router",), say) as system:
        ways = (load.way_to_strike_off(number, load.BEGINS_AT) for number in range(problems))
        records = [*map(load.registration, range(problems)), *chain.from_iterable(ways)]
        figure = await drained(system, "duban-router", records, len(records))
        await check_lives(system.database, problems, lapses=0)
        limit = await batched_insert(system.superuser, 50_000, 1500)
        return {**asdict(figure), "commands": len(records), "limits": {"postgres": limit}}


async def drained(system: System, group: str, records: list[Record], count: int) -> Figure:
    """From the first record sent to the last offset committed by ``group``; the sender's time is in it."""
    async with (
        publishing(system.settings) as publisher,
        Player(system.settings, Feed(system.settings), lambda at, played: None) as player,
    ):
        meter = Meter(system)
        meter.read()
        await send(publisher, records)
        await player.quiet(within=300.0, groups=[group])
        meter.read()
        return meter.figure(count)


async def router_path(problems: int, say: Say) -> Figures:
    """The router's path from bytes to records, without broker and database."""
    say("path", f"{problems} problems, five commands each")
    return {**await asyncio.to_thread(path.measure, problems)}


async def deadlines(armed: int, say: Say) -> Figures:
    """W4: arm, meet 90 %, let the rest lapse; then a herd in one second."""
    async with running(services=(), say=say) as system:
        session = await asyncpg.connect(system.superuser)
        await session.execute("create database bench_deadlines")
        await session.close()
        figures = await measure(f"{system.superuser.rpartition('/')[0]}/bench_deadlines", armed)
        limit = await batched_insert(system.superuser, 50_000, 100)
        return {**figures, "armed": armed, "limits": {"postgres": limit}}
