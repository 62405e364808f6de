"""A relay of TCP connections from one address to another: how a network of its own reaches what listens on loopback.

python -m tests.faults.by_hand.relay 127.0.0.1:29092=10.77.0.1:29092 …
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial


async def relayed(ways: Sequence[str]) -> list[asyncio.Server]:
    """Servers for ``ways``, each ``listen=target``; what is sent to the one goes to the other, and back."""
    servers = []
    for way in ways:
        (host, port), target = way.partition("=")[0].split(":"), way.partition("=")[2]
        servers.append(await asyncio.start_server(partial(_relay, target), host, int(port)))
    return servers


async def _relay(target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    host, port = target.split(":")
    with suppress(OSError):
        there, back = await asyncio.open_connection(host, int(port))
        await asyncio.gather(_copied(reader, back), _copied(there, writer))
    writer.close()


async def _copied(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
    sink.close()


async def main(ways: Sequence[str]) -> None:
    await asyncio.gather(*(server.serve_forever() for server in await relayed(ways)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
