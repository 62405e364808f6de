"""F15: an old snapshot in the database holds vacuum back while deadlines are armed, met and lapse all the time.

    python -m tests.faults.by_hand.old_snapshot --minutes 10

Right: the lapses of the last minute are as punctual as those of the first, and all come within a second.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

import asyncpg

from duban_cli.system import System
from tests.faults.by_hand.scene import Load, account, all_lapsed, engine, rows, say, verdict

_BAR = 1.0
_LATE = """
    select extract(epoch from at - (body::json->'change'->>'due_at')::timestamptz)::float as late
    from router.published_events where kind = 'escalated' and at > now() - interval '30 s' order by 1
"""
_DEAD = "select relname, n_dead_tup from pg_stat_user_tables where n_dead_tup > 0 order by n_dead_tup desc limit 4"


async def _watched(system: System, until: float) -> list[float]:
    """The p99 of lateness over each half minute."""
    highest = []
    while time.monotonic() < until:
        await asyncio.sleep(30)
        late = [row["late"] for row in await rows(system.superuser, _LATE)]
        dead = ", ".join(f"{row[0]} {row[1]} dead" for row in await rows(system.superuser, _DEAD))
        if late:
            highest.append(late[len(late) * 99 // 100])
            say(f"{len(late)} lapses in 30 s, p50 {late[len(late) // 2]:.3f} s, p99 {highest[-1]:.3f} s; {dead}")
    return highest


async def main(minutes: float, a_second: float) -> int:
    reports = int(minutes * 60 * a_second)
    async with engine() as system:
        connection = await asyncpg.connect(system.superuser)
        transaction = connection.transaction(isolation="repeatable_read")
        await transaction.start()
        await connection.fetchval("select count(*) from router.published_events")
        say("a snapshot is held from now on")
        load = Load(system)
        sending = asyncio.create_task(load.send(range(reports), a_second))
        highest = await _watched(system, time.monotonic() + minutes * 60)
        await sending
        lapsed = await all_lapsed(system, reports)
        right = await account(system, load.sent)
        await transaction.rollback()
        await connection.close()
        say(f"p99 of the half minutes: {', '.join(f'{seconds:.3f}' for seconds in highest)} s")
    return verdict(lapsed, right, bool(highest) and max(highest) <= _BAR)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--a-second", type=float, default=60.0, help="reports a second")
    args = parser.parse_args()
    sys.exit(asyncio.run(main(args.minutes, args.a_second)))
