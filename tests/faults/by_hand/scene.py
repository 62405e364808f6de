"""What the faults by hand share: the engine under a light load, and the account of what came of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg

from duban.errors import DubanError
from duban.io.publisher import Publisher
from duban.messages.events import GENESIS, chained
from duban_cli.bench import load
from duban_cli.bench.drive import hastened
from duban_cli.system import System, running
from duban_local import ROOT

#: What the scripts' own client of the broker says while that is away is seen by what is acknowledged.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

SERVICES = ("escalation", "router", "intake")
_SIX = timedelta(seconds=6)
_LADDER = "select count(*) from router.published_problems where lapses = 2"
_WAITING = "select count(*) from escalation.deliveries where outcome is null"
#: Also those that lie on their topic still: a lapse is a notice to each who hears of it, and nothing else is one.
_UNTOLD = f"""
    select ({_WAITING}) + greatest(0, (
        select coalesce(sum(json_array_length(body::json->'change'->'to')), 0)
        from router.published_events where kind = 'escalated'
    ) - (select count(*) from escalation.deliveries))
"""
_LAPSES = """
    select problem_id, body::json->'change'->>'level' as level,
        extract(epoch from at - (body::json->'change'->>'due_at')::timestamptz)::float as late
    from router.published_events where kind = 'escalated'
"""


def say(line: str) -> None:
    """A line of what is done or seen, with the time that has passed."""
    print(f"{time.monotonic() - _BEGAN:7.1f} s  {line}", flush=True)


_BEGAN = time.monotonic()


def hear(part: str, line: str) -> None:
    """Say what ends and begins again by itself."""
    if "ended with" in line or "serves again" in line or "did not start" in line:
        say(f"[{part}] {line[:150]}")


def packs(folder: Path, first: timedelta = _SIX, second: timedelta = _SIX) -> list[Path]:
    """The pack of the benchmark with these limits, made in ``folder``, and its calendar."""
    pack = folder / "bench.yaml"
    pack.write_text(hastened(load.PACK.read_text("utf-8"), first, second), "utf-8")
    return [pack, ROOT / "deploy/calendars/cn.yaml"]


@asynccontextmanager
async def engine(
    *,
    services: Sequence[str] = SERVICES,
    env: Mapping[str, Mapping[str, str]] | None = None,
    first: timedelta = _SIX,
    second: timedelta = _SIX,
    folder: Path | None = None,
    brokers: int = 1,
) -> AsyncIterator[System]:
    """The engine with the pack of the benchmark, its parts started again when they end.

    ``first`` is the limit of the first level, and ``second`` what the next one has beyond it. Of several ``brokers``
    each stays away once it has ended, until the script starts it again.
    """

    with TemporaryDirectory(prefix="duban-pack-") as place:
        published = packs(Path(place), first, second)
        async with running(
            folder, services=services, env=env, publish=published, keeps=brokers == 1, brokers=brokers, say=hear
        ) as system:
            say(f"up: {', '.join(sorted(system.pids))}")
            yield system


@dataclass(slots=True)
class Load:
    """Reports, each sent until it is acknowledged; ``sent`` are the numbers of those that were, ``instants`` when."""

    system: System
    sent: list[int] = field(default_factory=list)
    instants: list[float] = field(default_factory=list)

    async def send(self, numbers: Iterable[int], a_second: float) -> None:
        """Send reports ``numbers``, so many a second, however long what is away stays away."""
        publisher = Publisher(self.system.settings, "duban-by-hand")
        await publisher.start()
        try:
            began = time.monotonic()
            for count, number in enumerate(numbers, start=1):
                await self._one(publisher, number)
                await asyncio.sleep(max(0.0, began + count / a_second - time.monotonic()))
        finally:
            await publisher.stop()

    async def _one(self, publisher: Publisher, number: int) -> None:
        while True:
            try:
                await publisher.publish([load.submission(number)])
            except (DubanError, OSError):
                await asyncio.sleep(0.3)
            else:
                self.sent.append(number)
                self.instants.append(time.monotonic())
                return

    def acknowledged(self, since: float) -> int:
        """How many reports have been acknowledged after the instant ``since``."""
        return sum(instant > since for instant in self.instants)

    def longest(self, since: float) -> float:
        """The longest time after the instant ``since`` in which none was acknowledged, in seconds."""
        instants = [since, *(instant for instant in self.instants if instant > since), time.monotonic()]
        return max(later - earlier for earlier, later in pairwise(instants))


async def rows(database: str, query: str, *values: object, tries: int = 60) -> list[asyncpg.Record]:
    """The rows of ``query``, tried again while the database is away."""
    for left in reversed(range(tries)):
        try:
            async with asyncio.timeout(10):
                connection = await asyncpg.connect(database, timeout=5)
                try:
                    return await connection.fetch(query, *values)
                finally:
                    await connection.close(timeout=2)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            if not left:
                raise
            await asyncio.sleep(0.5)
    raise AssertionError("tries")


async def reached(system: System, query: str, count: int, within: float) -> float | None:
    """Seconds until the first value of ``query`` is ``count``, or None."""
    began = time.monotonic()
    while time.monotonic() - began < within:
        with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            if (await rows(system.superuser, query, tries=1))[0][0] == count:
                return time.monotonic() - began
        await asyncio.sleep(0.5)
    return None


async def all_lapsed(system: System, count: int, within: float = 120.0) -> bool:
    """Wait until ``count`` problems have climbed their ladder, and every notice has gone out; whether they did."""
    lapsed = await reached(system, _LADDER, count, within)
    told = await reached(system, _UNTOLD, 0, within)
    after = {
        what: "not" if seconds is None else f"{seconds:.1f} s" for what, seconds in (("lapsed", lapsed), ("told", told))
    }
    say(f"more waiting until all lapsed: {after['lapsed']}; and until everybody was told: {after['told']}")
    return lapsed is not None and told is not None


async def account(system: System, sent: Sequence[int], *, latest: float | None = None) -> bool:
    """Hold the ledger against what was acknowledged: whether nothing is lost, twice, early, or broken in its chain.

    ``latest``: seconds by which the latest lapse may be late.
    """
    database = system.superuser
    problems = {
        row["id"]: row["version"] for row in await rows(database, "select id, version from router.published_problems")
    }
    owed = {load.problem_id(number) for number in sent}
    lapses = await rows(database, _LAPSES)
    levels = Counter((row["problem_id"], row["level"]) for row in lapses)
    late = sorted(row["late"] for row in lapses)
    faults = {
        "lost": len(owed - problems.keys()),
        "phantom": len(problems.keys() - owed),
        "lapsed twice": sum(count > 1 for count in levels.values()),
        "early": sum(seconds < 0 for seconds in late),
        "not lapsed": sum(levels[problem, level] == 0 for problem in problems for level in ("1", "2")),
        "chain": await _broken(database, problems),
        "not told": (await rows(database, _WAITING))[0][0],
        "dead letters of notices": (
            await rows(database, "select count(*) from escalation.deliveries where outcome = 'set_aside'")
        )[0][0],
    }
    if latest is not None:
        faults[f"later than {latest} s"] = sum(seconds > latest for seconds in late)
    wrong = {name: count for name, count in faults.items() if count}
    say(f"{len(sent)} acknowledged, {len(problems)} in the ledger, {len(lapses)} lapses")
    if late:
        say(
            f"lateness: p50 {late[len(late) // 2]:.2f} s, p99 {late[len(late) * 99 // 100]:.2f} s, max {late[-1]:.2f} s"
        )
    say(f"violations: {wrong or 'none'}")
    return not wrong


async def _broken(database: str, versions: Mapping[Any, int]) -> int:
    """How many problems have a chain that does not hold, or another length than their state says."""
    heads: dict[Any, tuple[int, str]] = {}
    broken = set()
    for row in await rows(database, "select * from router.published_events order by problem_id, version"):
        number, head = heads.get(row["problem_id"], (0, GENESIS))
        if row["version"] != number + 1 or row["hash"] != chained(head, row["body"].encode()):
            broken.add(row["problem_id"])
        heads[row["problem_id"]] = (row["version"], row["hash"])
    return len(broken | {problem for problem, version in versions.items() if heads.get(problem, (0, ""))[0] != version})


def verdict(*right: bool) -> int:
    """The exit code, said: 0 when everything is ``right``."""
    say("right" if all(right) else "WRONG")
    return 0 if all(right) else 1
