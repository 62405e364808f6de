"""Clients of the HTTP servers that say nothing, trickle, or never read: everybody else is served meanwhile.

    python -m tests.faults.by_hand.clients

Right: each good request is answered within two seconds, files and memory stay bounded, and all are let go in the end.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]

from duban_cli.system import SERVICES, System
from tests.faults.by_hand.scene import Load, engine, say, verdict

_Connection: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
#: So many are held at once, and so long may a good request take beside them.
_MANY = 2_000
#: Who never reads has its answers made, until its buffers are full: of those there are fewer, or the work would be what
#: keeps the others waiting.
_FEW = 10
_QUICK = 2.0
#: Seconds of DUBAN_REQUEST_TIMEOUT here.
_LIMIT = 5


@dataclass(frozen=True, slots=True)
class Target:
    """A server, and a request that it answers."""

    name: str
    process: str
    url: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)

    async def connect(self) -> _Connection:
        """A connection whose client takes little before it reads."""
        parts = urlsplit(self.url)
        taker = socket.socket()
        taker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        taker.setblocking(False)
        await asyncio.get_running_loop().sock_connect(taker, (parts.hostname, parts.port))
        return await asyncio.open_connection(sock=taker, limit=1024)

    def request(self, more: str = "Connection: close") -> bytes:
        headers = [*(f"{name}: {value}" for name, value in self.headers.items()), more]
        lines = [f"GET {self.path} HTTP/1.1", f"Host: {urlsplit(self.url).netloc}", *headers, "", ""]
        return "\r\n".join(lines).encode()

    async def answered(self) -> float:
        """Seconds until a good request is answered; infinite where it is not."""
        began = time.monotonic()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(10):
                reader, writer = await self.connect()
                writer.write(self.request())
                head = await reader.read(1_000_000)
                writer.close()
                if head.startswith(b"HTTP/1.1 200"):
                    return time.monotonic() - began
        return float("inf")


async def _held(target: Target, kind: str, many: int) -> list[_Connection]:
    connections: list[_Connection] = []
    for _ in range(many):
        with suppress(OSError):
            reader, writer = await target.connect()
            if kind == "trickle":
                writer.write(target.request()[:40])
            elif kind == "never read":
                writer.write(target.request("X: 1") * 20)
                reader._transport.pause_reading()  # type: ignore[attr-defined]
            connections.append((reader, writer))
    return connections


async def _case(system: System, target: Target, kind: str, many: int) -> bool:
    process = psutil.Process(system.pids[target.process])
    before = process.memory_info().rss / 1e6
    connections = await _held(target, kind, many)
    quick = [await target.answered() for _ in range(5)]
    await asyncio.sleep(2)
    quick += [await target.answered() for _ in range(5)]
    files, rss = process.num_fds(), process.memory_info().rss / 1e6
    say(
        f"{target.name}, {many} that {kind}: a good request took at most {max(quick):.2f} s; "
        f"{files} files open, {before:.0f} → {rss:.0f} MB"
    )
    await asyncio.sleep(_LIMIT + 2)
    left = process.num_fds()
    say(f"after {_LIMIT + 2} s more {left} files are open")
    for _, writer in connections:
        writer.transport.abort()
    return max(quick) <= _QUICK and files < 1_000 and left < 200 and rss - before < 300


async def main() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 3 * _MANY)), hard))
    async with engine(
        services=tuple(SERVICES), first=timedelta(hours=1), env={"*": {"DUBAN_REQUEST_TIMEOUT": str(_LIMIT)}}
    ) as system:
        await Load(system).send(range(600), 600)
        await asyncio.sleep(3)
        targets = [
            Target("gateway", "gateway", system.urls["gateway"], "/openapi.json"),
            Target("API", "api", system.urls["api"], "/v1/problems?limit=500", system.bearer),
            Target("health of intake", "intake", system.health["intake"], "/metrics"),
        ]
        cases = [
            await _case(system, target, kind, _FEW if kind == "never read" else _MANY)
            for target in targets
            for kind in ("say nothing", "trickle", "never read")
        ]
        restarts = system.supervisor.restarts
        say(f"restarts: {restarts}")
    return verdict(*cases, not any(restarts.values()))


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    sys.exit(asyncio.run(main()))
