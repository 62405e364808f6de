"""One, two and four members of each service share the work; then one of each is killed, and the others take its work.

    python -m tests.faults.by_hand.members                # or --members 2

Right: nothing is lost, twice, or early; every member has a share; what a killed member held is the others' soon after.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Final

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from duban_cli.bench import load as benchmark
from duban_cli.bench.costs import costs
from duban_cli.bench.routers import member
from duban_cli.bench.workloads import send
from duban_cli.connection import publishing
from duban_cli.system import System
from duban_local.supervisor import Supervisor
from tests.faults.by_hand.scene import SERVICES, Load, account, all_lapsed, engine, reached, say, verdict

#: What a member has done, by its service: a counter, with a label's value where there are several.
_WORK: Final = {
    "intake": ("reports", "duban_records_total", "duban.reports.v1"),
    "router": ("commands", "duban_records_total", "duban.commands.v1"),
    "escalation": ("lapses", "duban_escalations_fired_total", None),
}
#: How many partitions each group has: intake reads two topics.
_PARTITIONS: Final = {"escalation": 4, "router": 4, "intake": 8}
_REGISTERED: Final = "select count(*) from router.published_problems"
#: A member that is killed is missed after the session's 10 s; then its partitions are handed out.
_SOON: Final = 20.0


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the group of a ``service``; the supervisor runs no other."""

    service: str
    name: str
    health: str
    supervisor: Supervisor

    @property
    def pid(self) -> int:
        return self.supervisor.pids[self.name]

    async def figures(self) -> tuple[float, int]:
        """How much it has done, and how many partitions it holds."""
        async with httpx2.AsyncClient(timeout=10) as client:
            text = (await client.get(f"{self.health}/metrics")).text
        _, counter, topic = _WORK[self.service]
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        done = [s.value for s in samples if s.name == counter and s.labels.get("topic") == topic]
        group = f"duban-{self.service}"
        held = [s for s in samples if s.name == "duban_assigned_partitions" and s.labels["group"] == group]
        return sum(done), int(sum(sample.value for sample in held))


@asynccontextmanager
async def _members(system: System, each: int) -> AsyncIterator[list[Member]]:
    """So many members of each service, with a supervisor each, once they have settled who holds what."""
    await system.supervisor.stop()
    async with AsyncExitStack() as stack:
        members = []
        for service in SERVICES:
            for number in range(1, each + 1):
                run = member(system, service, number)
                supervisor = Supervisor([run], system.folder / "logs", say=lambda part, line: None)
                supervisor.start()
                stack.push_async_callback(supervisor.stop)
                assert run.ready is not None
                members.append(Member(service, run.name, run.ready.removesuffix("/readyz"), supervisor))
        await asyncio.gather(*(one.supervisor.wait_ready() for one in members))
        await _settled(members)
        yield members


async def _settled(members: Sequence[Member]) -> dict[str, int]:
    """Wait until every partition is held, by a member each; how many each member holds."""
    async with asyncio.timeout(60):
        while True:
            held = {one.name: (await one.figures())[1] for one in members}
            by_service = {
                service: sum(held[one.name] for one in members if one.service == service) for service in SERVICES
            }
            if by_service == _PARTITIONS:
                return held
            await asyncio.sleep(0.2)


async def _shares(members: Sequence[Member], before: Mapping[str, float]) -> bool:
    """Say what each member did since; whether each did some."""
    done = {one.name: (await one.figures())[0] - before.get(one.name, 0.0) for one in members}
    for service in SERVICES:
        parts = [done[one.name] for one in members if one.service == service]
        shares = ", ".join(f"{part:.0f} ({part / max(1, sum(parts)):.0%})" for part in parts)
        say(f"{service}: {_WORK[service][0]} by member: {shares}")
    return all(done.values())


async def _rush(system: System, members: Sequence[Member], reports: int) -> bool:
    """As many reports as there are at once: how fast they are registered, and who did what at which cost."""
    pids = {**system.stack.pids, **{one.name: one.pid for one in members}}
    before = costs(pids)
    began = time.perf_counter()
    async with publishing(system.settings) as publisher:
        await send(publisher, map(benchmark.submission, range(reports)))
    registered = await reached(system, _REGISTERED, reports, within=120)
    took = time.perf_counter() - began
    say(f"{reports} reports registered in {took:.1f} s, {reports / took:.0f} a second")
    lapsed = await all_lapsed(system, reports)
    used = costs(pids).since(before).cpu
    groups = {service: [used[one.name] for one in members if one.service == service] for service in SERVICES}
    seconds = "; ".join(f"{name} {', '.join(f'{each:.2f}' for each in parts)}" for name, parts in groups.items())
    say(f"CPU seconds: {seconds}; Kafka {used['kafka']:.1f}, PostgreSQL {used['postgres']:.1f}")
    return await _shares(members, {}) and registered is not None and lapsed


async def _killed(members: list[Member], service: str) -> bool:
    """Kill the last member of ``service`` for good; whether the others have its partitions soon."""
    gone = next(one for one in reversed(members) if one.service == service)
    held = (await gone.figures())[1]
    at = time.monotonic()
    await gone.supervisor.kill(gone.name)
    await gone.supervisor.stop()
    members.remove(gone)
    await _settled(members)
    took = time.monotonic() - at
    say(f"killed: {gone.name}, which held {held} partitions; the others hold all after {took:.1f} s")
    return took < _SOON


async def trial(each: int, reports: int, a_second: float) -> bool:
    async with engine() as system, _members(system, each) as members:
        say(f"{each} of each service; partitions held: {await _settled(members)}")
        right = [await _rush(system, members, reports)]
        load, done = Load(system), asyncio.Event()
        if each > 1:
            before = {one.name: (await one.figures())[0] for one in members}
            numbers = takewhile(lambda _: not done.is_set(), count(reports))
            sending = asyncio.create_task(load.send(numbers, a_second))
            await asyncio.sleep(13)  # by then deadlines lapse all the time
            for service in SERVICES:
                right.append(await _killed(members, service))
                await asyncio.sleep(2)
            done.set()
            await sending
            right.append(await all_lapsed(system, reports + len(load.sent)))
            right.append(await _shares(members, before))
        right.append(await account(system, [*range(reports), *load.sent]))
    return all(right)


async def main(trials: Sequence[int], reports: int, a_second: float) -> int:
    return verdict(*[await trial(each, reports, a_second) for each in trials])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, action="append", help="of each service; by default 1, 2 and 4 in turn")
    parser.add_argument("--reports", type=int, default=6_000, help="at once")
    parser.add_argument("--a-second", type=float, default=40.0, help="reports a second while members are killed")
    args = parser.parse_args()
    sys.exit(asyncio.run(main(args.members or (1, 2, 4), args.reports, args.a_second)))
