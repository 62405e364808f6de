"""F7: half of the members run in a network of their own, which is cut off, one way or both. Needs root.

    unshare -mn sh -c 'ip link set lo up; exec python -m tests.faults.by_hand.partition'

A second member of each service runs beyond a pair of virtual cards. What is cut sends to a card that is not there:
nothing is refused, nothing arrives. Cut are in turn: both ways, the way there, the way back, the broker, the database.
Right: nothing is lost, twice, or early; whoever is left goes on; after each cut everything is caught up.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from duban_cli.system import SERVICES as PROCESSES
from duban_cli.system import System
from tests.faults.by_hand.relay import relayed
from tests.faults.by_hand.scene import SERVICES, Load, account, all_lapsed, engine, rows, say, verdict

_THERE = "duban-there"
_BROKER, _DATABASE, _MEMBERS = "10.77.0.1", "10.77.0.3", "10.77.0.2"
#: No card has it.
_NOWHERE = "02:00:00:00:00:99"
#: What is cut: from the members to these addresses, or (the last) from them to the members.
CUTS: Mapping[str, Sequence[str]] = {
    "both ways": (_BROKER, _DATABASE, _MEMBERS),
    "the way there": (_BROKER, _DATABASE),
    "the way back": (_MEMBERS,),
    "the broker": (_BROKER,),
    "the database": (_DATABASE,),
}
_LATEST = "select extract(epoch from now() - max(at))::float from router.published_events"


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def _card(name: str, *inside: str) -> str:
    """The address of a card."""
    return _ip(*inside, "-br", "link", "show", "dev", name).split()[2]


@contextmanager
def _network() -> Iterator[None]:
    """The members' network, with a card here and a card there."""
    _ip("netns", "add", _THERE)
    try:
        _ip("link", "add", "here0", "type", "veth", "peer", "name", "there0", "netns", _THERE)
        for address in (_BROKER, _DATABASE):
            _ip("addr", "add", f"{address}/24", "dev", "here0")
        _ip("-n", _THERE, "addr", "add", f"{_MEMBERS}/24", "dev", "there0")
        _ip("link", "set", "here0", "up")
        for name in ("there0", "lo"):
            _ip("-n", _THERE, "link", "set", name, "up")
        yield
    finally:
        _ip("netns", "del", _THERE)


def _send(address: str, *, nowhere: bool) -> None:
    """Let what goes to ``address`` go to its card, or nowhere."""
    if address == _MEMBERS:
        card = _NOWHERE if nowhere else _card("there0", "-n", _THERE)
        _ip("neigh", "replace", address, "lladdr", card, "dev", "here0", "nud", "permanent")
    else:
        card = _NOWHERE if nowhere else _card("here0")
        _ip("-n", _THERE, "neigh", "replace", address, "lladdr", card, "dev", "there0", "nud", "permanent")


def _inside(*argv: str | Path, log: Path, **env: str) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(
            ["ip", "netns", "exec", _THERE, *argv], env={**os.environ, **env}, stdout=out, stderr=subprocess.STDOUT
        )


@asynccontextmanager
async def _members(system: System, folder: Path) -> AsyncIterator[None]:
    """A second member of each service, beyond the network."""
    ports = {_BROKER: system.kafka.rpartition(":")[2], _DATABASE: str(urlsplit(system.database).port)}
    here = await relayed([f"{address}:{port}=127.0.0.1:{port}" for address, port in ports.items()])
    ways = [f"127.0.0.1:{port}={address}:{port}" for address, port in ports.items()]
    processes = [_inside(sys.executable, "-m", "tests.faults.by_hand.relay", *ways, log=folder / "relay.log")]
    for name in SERVICES:
        log, module, database = folder / f"{name}.log", PROCESSES[name].module, system.stack.database_of(name)
        settings = {"DUBAN_KAFKA": system.kafka, "DUBAN_DATABASE": database, "DUBAN_HEALTH_PORT": "0"}
        processes.append(_inside(sys.executable, "-m", module, log=log, **settings))
    try:
        yield
        ended = [name for name, process in zip(SERVICES, processes[1:], strict=True) if process.poll() is not None]
        say(f"members there that ended by themselves: {ended or 'none'}")
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            await asyncio.to_thread(process.wait)
        for server in here:
            server.close()


async def _cut(system: System, name: str, seconds: float) -> None:
    for address in CUTS[name]:
        _send(address, nowhere=True)
    say(f"cut: {name}")
    longest, until = 0.0, time.monotonic() + seconds
    while time.monotonic() < until:
        longest = max(longest, (await rows(system.superuser, _LATEST))[0][0])
        await asyncio.sleep(0.5)
    for address in CUTS[name]:
        _send(address, nowhere=False)
    say(f"healed: {name}; meanwhile the ledger stood still for {longest:.1f} s at most")


async def main(seconds: float, pause: float, a_second: float) -> int:
    reports = int((seconds + pause) * len(CUTS) * a_second)
    with _network(), TemporaryDirectory(prefix="duban-there-") as folder:
        async with engine() as system, _members(system, Path(folder)):
            load = Load(system)
            sending = asyncio.create_task(load.send(range(reports), a_second))
            await asyncio.sleep(pause)
            for name in CUTS:
                await _cut(system, name, seconds)
                await asyncio.sleep(pause)
            await sending
            lapsed = await all_lapsed(system, reports)
            right = await account(system, load.sent)
            say(f"restarts of services here: {system.supervisor.restarts}")
    return verdict(lapsed, right)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each cut lasts")
    parser.add_argument("--pause", type=float, default=12.0, help="how long after it")
    parser.add_argument("--a-second", type=float, default=20.0, help="reports a second")
    args = parser.parse_args()
    sys.exit(asyncio.run(main(args.seconds, args.pause, args.a_second)))
