"""The receiver of notices: it writes down what it was sent and what it answered, and misbehaves when asked to."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

import orjson

#: How it can misbehave: it never answers, is slow, closes in the middle, or answers this.
MODES: Final = ("hang", "slow", "close", "429", "500")
_SLOW: Final = 0.3


class ChaosReceiver:
    """An HTTP server on loopback; ``mode`` is None while it behaves, else one of :data:`MODES`."""

    def __init__(self, history: Path) -> None:
        self.mode: str | None = None
        self.posts = 0
        self._history: BinaryIO = history.open("ab")
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Listen; the URL."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/notices"

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
        self._history.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
                body = await reader.readexactly(int(headers.get(b"content-length", 0)))
                if not await self._answer(headers.get(b"webhook-id", b"").decode(), body, writer):
                    break
        writer.close()

    async def _answer(self, id_: str, body: bytes, writer: asyncio.StreamWriter) -> bool:
        """Answer one post; whether the connection stays."""
        mode = self.mode
        if mode == "hang":
            await asyncio.sleep(3600)
        if mode == "close":
            writer.write(b"HTTP/1.1 2")
            return False
        if mode == "slow":
            await asyncio.sleep(_SLOW)
        status = int(mode) if mode in ("429", "500") else 204
        self._note(id_, body, status)
        writer.write(b"HTTP/1.1 %d -\r\ncontent-length: 0\r\n\r\n" % status)
        await writer.drain()
        return True

    def _note(self, id_: str, body: bytes, status: int) -> None:
        """Written before it is answered: what was answered stands in the history."""
        self.posts += 1
        data = orjson.loads(body)["data"]
        names = ("recipient", "event", "obligation", "part", "level", "issued_at")
        row = {"problem": data["problem_id"], "id": id_, **{name: data.get(name) for name in names}, "answered": status}
        if not self._history.closed:
            self._history.write(orjson.dumps(row) + b"\n")
            self._history.flush()
