"""What does not arrive in time, or is no HTTP, is refused and let go of: over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from fastapi import FastAPI, Request

from duban.io.faults import answer_faults
from duban.io.http import Http
from duban.io.settings import ServerSettings
from duban_local.children import free_port
from tests.conftest import eventually

LIMIT = 0.4
HEAD = b"POST /raw HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"


@dataclass
class Server:
    """A server with a short limit; ``let_go`` ends the wait of ``/held``, ``broken`` are the bodies that never came."""

    port: int
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    broken: list[str] = field(default_factory=list)

    def app(self) -> FastAPI:
        app = FastAPI()
        answer_faults(app, 1_000)

        @app.post("/raw")
        async def raw(request: Request) -> int:
            try:
                return len(await request.body())
            except Exception as error:
                self.broken.append(type(error).__name__)
                raise

        @app.post("/refuses")
        async def refuses() -> int:
            return 0

        @app.post("/held")
        async def held(request: Request) -> int:
            length = len(await request.body())
            await self.let_go.wait()
            return length

        return app

    async def send(self, data: bytes, drip: bytes = b"") -> bytes:
        """What is answered to ``data``, until the server hangs up; ``drip`` goes after it again and again."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        replies = b""
        try:
            writer.write(data)
            async with asyncio.timeout(LIMIT * 20):
                while True:
                    try:
                        arrived = await asyncio.wait_for(reader.read(10_000), LIMIT / 8)
                    except TimeoutError:
                        writer.write(drip)
                        continue
                    if not arrived:
                        return replies
                    replies += arrived
        except ConnectionError:
            return replies
        finally:
            writer.close()


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[Server]:
    made = Server(free_port())
    http = Http(made.app(), ServerSettings(request_timeout=LIMIT), made.port, "DUBAN_PORT")
    running = asyncio.create_task(http.run())
    await eventually(lambda: http.listening)
    yield made
    http.stop()
    await running


def read(reply: bytes) -> tuple[int, str]:
    """The status of an answer, and the code of its fault."""
    head, _, body = reply.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head.lower()
    assert b"connection: close" in head.lower()
    assert len(head.splitlines()[0].split()) > 2  # the reason stands beside the status
    fault = json.loads(body)["error"]
    assert fault["message"]
    return int(head.split()[1]), fault["code"]


@pytest.mark.parametrize(
    ("data", "drip"),
    [
        (b"GET /raw HTTP/1.1\r\nHost: localhost\r\nX: ", b"a"),
        (b"GET /raw HTTP/1.1\r\nHost: localhost\r\n", b""),
        (HEAD + b"\r\n", b""),
        (HEAD + b"\r\n{", b"a"),
        (b"POST /raw HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    ],
    ids=["headers that trickle", "headers that stop", "no body", "a body that trickles", "chunks that trickle"],
)
async def test_a_request_that_does_not_arrive_in_time_is_answered_so(server: Server, data: bytes, drip: bytes) -> None:
    assert read(await server.send(data, drip)) == (408, "too_slow")


async def test_the_route_that_waited_for_the_body_ends(server: Server) -> None:
    server.broken.clear()
    await server.send(HEAD + b"\r\n{")
    await eventually(lambda: server.broken == ["ClientDisconnect"])


async def test_who_asks_nothing_is_hung_up_on_without_a_word(server: Server) -> None:
    assert await server.send(b"") == b""


async def test_the_second_request_of_a_connection_has_the_same_limit(server: Server) -> None:
    first = b"POST /raw HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"
    replies = await server.send(first + b"GET /raw HT", b"x")
    assert replies.startswith(b"HTTP/1.1 200")
    assert read(replies[replies.rindex(b"HTTP/1.1") :]) == (408, "too_slow")


async def test_a_body_that_nobody_reads_is_not_waited_for_without_end(server: Server) -> None:
    replies = await server.send(HEAD.replace(b"/raw", b"/refuses") + b"\r\n", b"a")
    assert replies.startswith(b"HTTP/1.1 200")


async def test_what_has_arrived_may_take_longer_to_answer(server: Server) -> None:
    head = b"POST /held HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 3\r\n\r\n"
    held = asyncio.create_task(server.send(head + b"abc"))
    assert read(await server.send(HEAD)) == (408, "too_slow")
    assert not held.done()
    server.let_go.set()
    assert (await held).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000,
        b"POST /raw HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /raw HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["no HTTP", "no host", "a long header", "a negative length", "a chunk without a length"],
)
async def test_what_is_no_http_is_refused_in_the_one_shape(server: Server, data: bytes) -> None:
    assert read(await server.send(data)) == (400, "not_http")
