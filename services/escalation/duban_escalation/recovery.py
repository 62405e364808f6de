"""After the database came back from a backup: notices that have gone out since then are not told a second time.

    python -m duban_escalation.recovery --since 2026-11-30T06:00+00:00 --until 2026-11-30T08:25+00:00

Run it once, while no escalation runs. Every notice that lies in ``duban.notices.v1`` between the two instants is taken
for told. ``--since`` lies before the instant to which the database was restored. ``--until`` is when that notice was
made which had waited longest at the end, as ``duban_oldest_waiting_notice_seconds`` said last: what lies behind it goes
out, though some of it had gone out before, under the ``webhook-id`` that it had.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import datetime

from duban.clock import SystemClock
from duban.errors import DubanError
from duban.io import logs
from duban.io.postgres import connect_pool
from duban.io.tail import Tail
from duban.messages.notices import NOTICES, Notice
from duban_escalation.notices.deliveries import PostgresDeliveries
from duban_escalation.notices.handler import Deliveries, WaitingNotice
from duban_escalation.settings import EscalationSettings
from duban_escalation.store import SCHEMA


async def recover(settings: EscalationSettings, deliveries: Deliveries, since: datetime, until: datetime) -> int:
    """Take the notices of that time for told; how many there were."""
    delivered = await Tail(settings, [Notice.TOPIC], NOTICES, since).present()
    now = SystemClock().now()
    gone = [WaitingNotice.of(notice, now) for notice in delivered if notice.appended_at < until]
    for begin in range(0, len(gone), settings.batch_size):
        notices = {notice.id: notice for notice in gone[begin : begin + settings.batch_size]}
        await deliveries.take(list(notices.values()))
        await deliveries.settle(dict.fromkeys(notices, "posted"))
    return len(gone)


async def main(since: datetime, until: datetime) -> None:
    """Recover as the settings in the environment say."""
    settings = EscalationSettings.load()
    logs.configure("escalation", settings.log_level, settings.log_format)
    pool = await connect_pool(settings, SCHEMA)
    try:
        count = await recover(settings, PostgresDeliveries(pool, SystemClock()), since, until)
    finally:
        await pool.close()
    sys.stdout.write(f'{{"told":{count}}}\n')


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--since", type=datetime.fromisoformat, required=True, help="with its offset from UTC")
    parser.add_argument("--until", type=datetime.fromisoformat, required=True, help="with its offset from UTC")
    args = parser.parse_args()
    try:
        asyncio.run(main(args.since, args.until))
    except DubanError as error:
        sys.exit(f"{type(error).__name__}: {error}")
