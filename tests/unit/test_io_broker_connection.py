"""A connection to a broker that breaks while something is sent is told as broken, on uvloop too."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvloop
from aiokafka import conn
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from duban.io.broker_connection import BrokerConnection, use_our_connections


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer in part, and hang up when the other side has."""
    writer.write(b"part of an answer")
    await reader.read()
    writer.close()


async def _sent_while_it_breaks() -> Any:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        made: Any = conn.AIOKafkaConnection  # as aiokafka makes its own
        connection = made("127.0.0.1", port, request_timeout_ms=1000)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        connection._reader, connection._writer = reader, writer
        connection._read_task = asyncio.create_task(asyncio.sleep(0))
        connection._versions = {MetadataRequest.API_KEY: (0, 1)}
        await reader.readexactly(4)
        writer.transport.abort()
        await writer.wait_closed()
        assert connection.connected(), "nobody has read to the end, so nobody has noticed"
        with pytest.raises(KafkaConnectionError, match="broken"):
            await connection.send(MetadataRequest([]))
    return connection


def test_what_is_sent_as_the_connection_breaks_fails_as_a_broken_connection() -> None:
    use_our_connections()
    use_our_connections()  # once for every client that is made
    assert vars(conn)["AIOKafkaConnection"] is BrokerConnection
    assert not uvloop.run(_sent_while_it_breaks()).connected()
