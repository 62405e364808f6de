"""Whether the cost stays flat: with open problems standing, with partitions, with the length of a history."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime

import asyncpg

from duban.messages.envelope import Record
from duban_cli.bench import load
from duban_cli.bench.open_problems import lay
from duban_cli.bench.workloads import PARTITIONS, Figures, Say, Void, drained, driven, system_driven, system_in_time

#: Open problems standing, a tenth and a hundredth of what was asked; then more partitions.
_SHARES = (100, 10, 1)
_OTHER_PARTITIONS = (16, 64)
_LENGTHS = (10, 100, 1000)
#: In the histories: problems, further commands to each, and how many of those come again.
_GROWN, _FURTHER, _AGAIN = 100, 20, 5


async def flat(problems: int, open_problems: int, say: Say) -> Figures:
    """W1 with ever more open problems standing, and on more partitions; by what differs."""
    points = [(PARTITIONS, open_problems // share) for share in _SHARES]
    points += [(partitions, open_problems // _SHARES[0]) for partitions in _OTHER_PARTITIONS]
    figures: Figures = {"problems": problems}
    for partitions, count in points:
        async with system_in_time(say, partitions=partitions) as system:
            say("flat", f"{count} open problems standing, {partitions} partitions")
            await lay(system.superuser, count, partitions)
            say("flat", f"they stand; {problems} problems come and go beside them")
            figures[f"{count} open, {partitions} partitions"] = {
                "open": count, "partitions": partitions, **await driven(system, problems)
            }  # fmt: skip
    return figures


async def history(say: Say) -> Figures:
    """The router alone: what a further command and one that comes again cost, by how many events there were before."""
    figures: Figures = {"problems": _GROWN, "further": _FURTHER, "again": _AGAIN}
    numbers, at = range(_GROWN), datetime.now(UTC)
    async with system_driven(("router",), say) as system:
        begun = [
            record for number in numbers for record in (load.registration(number), load.acknowledgement(number, at))
        ]
        await drained(system, "duban-router", begun, len(begun))
        length = 3  # registered, dispatched, acknowledged
        for before in _LENGTHS:
            say("history", f"{_GROWN} problems of {before} events")
            grown = list(_progress(numbers, range(length, before), at))
            await drained(system, "duban-router", grown, len(grown))
            further = list(_progress(numbers, range(before, before + _FURTHER), at))
            again = list(_progress(numbers, range(before, before + _AGAIN), at))
            figures[f"{before} events"] = {
                "further": asdict(await drained(system, "duban-router", further, len(further))),
                "again": asdict(await drained(system, "duban-router", again, len(again))),
            }
            length = before + _FURTHER
        await _check(system.superuser, _GROWN * length)
    return figures


def _progress(numbers: Iterable[int], steps: range, at: datetime) -> Iterable[Record]:
    return (load.progress(number, step, at) for step in steps for number in numbers)


async def _check(database: str, events: int) -> None:
    session = await asyncpg.connect(database)
    try:
        counted = await session.fetchval("select count(*) from router.events")
    finally:
        await session.close()
    if counted != events:
        raise Void(f"counted {counted} events, expected {events}")
