"""The primary of PostgreSQL is killed under load, its standby promoted, and the services go on there by themselves.

    python -m tests.faults.by_hand.failover
    python -m tests.faults.by_hand.failover --asynchronous [--unnoticed]

Each service was told of both servers in one URL. Right: nothing is lost, twice, early or missing; each service ended
once, since what it remembered might not stand there, and was started again.
With ``--asynchronous`` the standby lacks the last seconds, though the offsets say that they were handled: the services
are stopped before it is promoted, what is missing is decided again from the topics, and all is as it was told. With
``--unnoticed`` the services go on beside it before anybody stops them, to show what is lost then.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from duban.io.postgres import connect
from duban_cli import system as engines
from duban_cli.bench.limits import loop_ms
from duban_cli.system import System
from duban_local.children import LOOPBACK, free_port
from duban_local.postgres import Database
from duban_local.stack import Stack
from duban_local.supervisor import Supervisor
from tests.base_backup import asked, set_to
from tests.faults.by_hand.point_in_time import recovered
from tests.faults.by_hand.scene import SERVICES, Load, account, all_lapsed, hear, packs, say, verdict
from tests.standby import promoted, standby_of


@asynccontextmanager
async def _engine(folder: Path, standby_port: int) -> AsyncIterator[System]:
    """The engine, told of a standby that is still to come."""
    stack = Stack(folder / "stack", kafka_port=0, database_port=0, say=hear)
    assert stack.server is not None
    server = stack.server

    def reached(address: str) -> str:
        if "://" not in address:
            return address
        both = address.replace(f":{server.port}/", f":{server.port},{LOOPBACK}:{standby_port}/")
        return f"{both}?target_session_attrs=read-write"

    published = packs(folder)
    async with engines.engine(
        stack, SERVICES, "system", {}, published, None, hear, free=True, reached=reached
    ) as system:
        say(f"up: {', '.join(sorted(system.pids))}")
        yield system


class Progress:
    """Looks at the ledger ten times a second, by a URL that names both servers: for how long it stood still."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._events, self._moved = -1, time.monotonic()
        self.longest = 0.0

    async def watch(self) -> None:
        """Look, until it is cancelled."""
        while True:
            with suppress(Exception):  # whatever is said while no server takes writes
                connection = await connect(self._url)
                try:
                    while True:
                        self._look(await connection.fetchval("select count(*) from router.events"))
                        await asyncio.sleep(0.1)
                finally:
                    connection.terminate()
            await asyncio.sleep(0.1)

    def _look(self, events: int) -> None:
        now = time.monotonic()
        if events != self._events:
            self.longest = max(self.longest, now - self._moved)
            self._events, self._moved = events, now


async def _crash(primary: Database) -> None:
    """Kill every process of ``primary`` at once."""
    assert primary.child is not None
    child = primary.child
    for number in [child.pid, *_children(child.pid)]:
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    await child.ended()


def _children(parent: int) -> list[int]:
    """The processes that ``parent`` has started."""
    return [int(number) for number in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


async def main(reports: int, after: float, *, asynchronous: bool, unnoticed: bool) -> int:
    with TemporaryDirectory(prefix="duban-failover-") as place:
        folder, port = Path(place), free_port()
        async with _engine(folder, port) as system:
            primary = system.stack.server
            assert primary is not None
            async with standby_of(primary, folder / "standby", port) as standby:
                if not asynchronous:
                    await set_to(primary, synchronous_standby_names="standby")
                began = datetime.now(UTC)
                load, progress = Load(system), Progress(system.services["router"].env["DUBAN_DATABASE"])
                watching = asyncio.create_task(progress.watch())
                sending = asyncio.create_task(load.send(range(reports), 20))
                await asyncio.sleep(15)
                if asynchronous:
                    await set_to(standby, primary_conninfo="")
                    say("the standby is cut off")
                    await asyncio.sleep(3)
                progress.longest = 0.0
                await _crash(primary)
                crashed = time.monotonic()
                say(f"the primary was killed, after {len(load.sent)} reports")
                await asyncio.sleep(after)  # somebody, or a watchdog, has to decide
                if asynchronous and not unnoticed:
                    await system.supervisor.stop()
                    say("the services are stopped")
                await promoted(standby)
                say(f"the standby takes writes {time.monotonic() - crashed:.1f} s after that")
                system.stack.server = standby
                await sending
                if not asynchronous or unnoticed:
                    right = await all_lapsed(system, reports, 20.0 if unnoticed else 120.0)
                    right = await account(system, load.sent) and right
                watching.cancel()
                say(f"the ledger stood still for {progress.longest:.1f} s at most")
                say(f"services that ended by themselves: {system.supervisor.restarts}")
                if asynchronous:
                    right = await _healed(system, standby, load, began)
                say(f"loop {loop_ms():.1f} ms; WAL position {await asked(standby, 'select pg_current_wal_lsn()')}")
    return verdict(right)


async def _healed(system: System, standby: Database, load: Load, began: datetime) -> bool:
    """Stop the services, decide again what is missing, and have them read the topics again."""
    await system.supervisor.stop()
    as_told = await recovered(system, standby, began, datetime.now(UTC))
    again = {"DUBAN_GROUP_SUFFIX": "-again"}
    services = [replace(service, env={**service.env, **again}) for service in system.services.values()]
    async with Supervisor(services, system.folder / "logs", say=hear):
        lapsed = await all_lapsed(system, len(load.sent))
        return await account(system, load.sent) and lapsed and as_told


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=int, default=800)
    parser.add_argument("--after", type=float, default=3.0, help="seconds from the crash to the promotion")
    parser.add_argument("--asynchronous", action="store_true", help="the standby lacks the last seconds")
    parser.add_argument("--unnoticed", action="store_true", help="with that: the services go on beside it")
    args = parser.parse_args()
    kinds = {"asynchronous": args.asynchronous, "unnoticed": args.unnoticed}
    sys.exit(asyncio.run(main(args.reports, args.after, **kinds)))
