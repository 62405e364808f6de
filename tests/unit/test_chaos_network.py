"""What the chaos run puts between the engine and the world: a network with weather, and a receiver that misbehaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from duban_cli.chaos.proxy import LOOPBACK, Proxy
from duban_cli.chaos.receiver import ChaosReceiver

NOTICE = {
    "type": "duban.notice.issued",
    "data": {"problem_id": "p", "recipient": "water", "event": "escalated", "obligation": "resolve", "level": 1,
             "issued_at": "2026-11-29T08:00:00Z"},
}  # fmt: skip


@asynccontextmanager
async def echo() -> AsyncIterator[Proxy]:
    """A server that says everything again, behind a proxy."""

    async def again(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while block := await reader.read(100):
            writer.write(block)
        writer.close()

    server = await asyncio.start_server(again, LOOPBACK, 0)
    proxy = Proxy()
    await proxy.start()
    proxy.upstream = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        await proxy.stop()
        server.close()


async def test_what_is_said_comes_through_and_is_kept_back_while_the_network_is_silent() -> None:
    async with echo() as proxy:
        reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
        writer.write(b"one")
        assert await reader.read(100) == b"one"
        proxy.weather = "silence"
        writer.write(b"two")
        waiting = asyncio.create_task(reader.read(100))
        assert not (await asyncio.wait({waiting}, timeout=0.1))[0]
        proxy.weather = None
        assert await asyncio.wait_for(waiting, 30) == b"two"
        writer.close()


async def test_connections_are_reset_and_new_ones_come_through_afterwards() -> None:
    async with echo() as proxy:
        reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
        writer.write(b"one")
        await reader.read(100)
        proxy.weather = "resets"
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(_read(reader), 30)
        writer.close()
        proxy.weather = None
        reader, again = await asyncio.open_connection(LOOPBACK, proxy.port)
        again.write(b"two")
        assert await reader.read(100) == b"two"
        again.close()


async def _read(reader: asyncio.StreamReader) -> None:
    if not await reader.read(100):
        raise ConnectionResetError


async def test_the_receiver_writes_down_what_it_answered(tmp_path: Path) -> None:
    receiver = ChaosReceiver(tmp_path / "posts.jsonl")
    url = await receiver.start()
    try:
        async with httpx2.AsyncClient(trust_env=False) as client:
            answers = [await _posted(client, url)]
            receiver.mode = "429"
            answers.append(await _posted(client, url))
            receiver.mode = "close"
            with pytest.raises(httpx2.HTTPError):
                await _posted(client, url)
    finally:
        await receiver.stop()
    rows = [orjson.loads(line) for line in (tmp_path / "posts.jsonl").read_bytes().splitlines()]
    assert answers == [row["answered"] for row in rows] == [204, 429]
    assert {(row["id"], row["problem"], row["recipient"], row["level"]) for row in rows} == {("n-1", "p", "water", 1)}


async def _posted(client: Any, url: str) -> int:
    answer = await client.post(url, content=orjson.dumps(NOTICE), headers={"Webhook-Id": "n-1"})
    return int(answer.status_code)
