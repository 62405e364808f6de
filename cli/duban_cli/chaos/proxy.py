"""The network between the engine and one of its servers: it can be slow, reset connections, or fall silent."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

LOOPBACK: Final = "127.0.0.1"
#: What it can do: delay what passes, keep it back while connections stay open, or reset them all again and again.
WEATHERS: Final = ("latency", "silence", "resets")
_DELAY: Final = 0.15
_TICK: Final = 0.02
_RESETS: Final = 0.7
_BLOCK: Final = 256 * 1024


class Proxy:
    """Passes on what comes at ``port`` to ``upstream``; ``weather`` is None while the network is fine."""

    def __init__(self) -> None:
        self.port = 0
        self.upstream = 0
        self.weather: str | None = None
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._resetting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._resetting = asyncio.create_task(self._reset())

    async def stop(self) -> None:
        """Listen no more, and end every connection."""
        if self._server is not None:
            self._server.close()
        if self._resetting is not None:
            self._resetting.cancel()
        self._abort()

    async def _reset(self) -> None:
        while True:
            await asyncio.sleep(_RESETS)
            if self.weather == "resets":
                self._abort()

    def _abort(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self.upstream)
                self._writers.add(far_writer)
                await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
                self._writers.discard(far_writer)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while block := await reader.read(_BLOCK):
                while self.weather == "silence":  # noqa: ASYNC110 nobody tells when the weather changes
                    await asyncio.sleep(_TICK)
                if self.weather == "latency":
                    await asyncio.sleep(_DELAY)
                writer.write(block)
                await writer.drain()
        with suppress(OSError):
            writer.close()
