"""F1, F2, F3 together: database and broker are stopped (SIGSTOP) with work in hand, and every service is told to end.

    python -m tests.faults.by_hand.freeze                 # or --only database, --only broker

Right: each ends within its drain time-out and five seconds more.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]

from duban.messages.struct import to_json
from duban_cli.bench import load
from duban_cli.system import USUAL, System
from tests.faults.by_hand.scene import Load, engine, say, verdict

_DRAIN = 25.0
_MORE = 5.0


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


async def _request(url: str, line: str, body: bytes = b"", headers: Mapping[str, str] = MappingProxyType({})) -> None:
    """A request that is left waiting for its answer."""
    parts = urlsplit(url)
    with suppress(OSError, asyncio.CancelledError):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        known = [f"{name}: {value}" for name, value in headers.items()]
        head = [f"{line} HTTP/1.1", f"Host: {parts.netloc}", "Content-Type: application/json", *known]
        writer.write("\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body)
        await reader.read(1)


async def _ends(pid: int, asked_at: float) -> float:
    process = psutil.Process(pid)
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() - asked_at > _DRAIN + 20:
            break
        await asyncio.sleep(0.05)
    return time.monotonic() - asked_at


async def _requests(system: System) -> list[asyncio.Task[None]]:
    """Work in hand for those who serve people."""
    report = to_json(load.report(1_000_000)).decode()
    body = b'{"source": "by-hand", "id": "late", ' + report.encode()[1:]
    action = b'{"action": "acknowledge", "actor": {"unit": "water"}}'
    path = f"/v1/problems/{load.problem_id(1)}"
    return [
        asyncio.create_task(_request(system.urls["gateway"], "POST /v1/reports", body)),
        asyncio.create_task(_request(system.urls["gateway"], "GET /v1/reports/bench/1")),
        asyncio.create_task(_request(system.urls["api"], f"POST {path}/actions?wait=20", action, system.bearer)),
        asyncio.create_task(_request(system.urls["api"], f"GET {path}", headers=system.bearer)),
    ]


async def main(only: str | None) -> int:
    async with engine(services=USUAL) as system:
        frozen = [
            process
            for part, name in (("database", "postgres"), ("broker", "kafka"))
            if only in (None, part)
            for process in _family(system.pids[name])
        ]
        sending = asyncio.create_task(Load(system).send(range(5000), 200))
        await asyncio.sleep(10)
        for process in frozen:
            process.suspend()
        say(f"frozen: {only or 'database and broker'}")
        requests = await _requests(system)
        await asyncio.sleep(3)
        asked_at = time.monotonic()
        pids = {name: system.pids[name] for name in USUAL}
        for pid in pids.values():
            os.kill(pid, signal.SIGTERM)
        took = dict(zip(pids, await asyncio.gather(*(_ends(pid, asked_at) for pid in pids.values())), strict=True))
        for process in frozen:
            process.resume()
        sending.cancel()
        for request in requests:
            request.cancel()
        await asyncio.gather(sending, *requests, return_exceptions=True)
        for name, seconds in took.items():
            say(f"{name} ended after {seconds:.1f} s")
        # What was started again meanwhile waits for what was frozen: let it stand before all is taken down.
        for name in USUAL:
            await system.ready(name)
        say("all are ready again")
    return verdict(max(took.values()) <= _DRAIN + _MORE)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("database", "broker"))
    sys.exit(asyncio.run(main(parser.parse_args().only)))
