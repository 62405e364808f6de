"""What does not arrive in time, or is no HTTP, is refused and let go of: over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from fastapi import FastAPI, Request, Response

from duban.io.faults import BodyLimit, answer_faults
from duban.io.http import Http
from duban.io.settings import ServerSettings
from duban_local.children import free_port
from tests.conftest import eventually

LIMIT = 0.4
#: Of a server whose limit nobody is to meet.
PATIENT = 120.0
MOST = 12
#: More than a socket takes by itself.
LARGE = 32 * 1024 * 1024
HEAD = b"POST /raw HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"


@dataclass
class Server:
    """A server with a short limit; ``let_go`` ends the wait of ``/held``, ``broken`` are the bodies that never came."""

    port: int
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    broken: list[str] = field(default_factory=list)
    holding: int = 0

    def app(self) -> FastAPI:
        app = FastAPI()
        answer_faults(app, 1_000, lambda scope: BodyLimit(LARGE) if scope["path"].startswith("/slow") else None)

        @app.post("/slow")
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

        @app.get("/large")
        async def large() -> Response:
            return Response(bytes(LARGE))

        @app.post("/held")
        async def held(request: Request) -> int:
            length = len(await request.body())
            self.holding += 1
            await self.let_go.wait()
            self.holding -= 1
            return length

        return app

    async def send(self, data: bytes, drip: bytes = b"", pause: float = LIMIT / 8) -> bytes:
        """What is answered to ``data``, until the server hangs up; ``drip`` goes after it at every ``pause``."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        replies = b""
        try:
            writer.write(data)
            async with asyncio.timeout(60):
                while True:
                    try:
                        arrived = await asyncio.wait_for(reader.read(10_000), pause)
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


@asynccontextmanager
async def serving(limit: float) -> AsyncIterator[Server]:
    made = Server(free_port())
    http = Http(
        made.app(), ServerSettings(request_timeout=limit, max_connections=MOST), made.port, "DUBAN_PORT", slow="/slow"
    )
    running = asyncio.create_task(http.run())
    await eventually(lambda: http.listening)
    yield made
    http.stop()
    await running


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[Server]:
    async with serving(LIMIT) as made:
        yield made


@pytest.fixture(scope="module")
async def patient() -> AsyncIterator[Server]:
    async with serving(PATIENT) as made:
        yield made


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


async def test_a_file_may_come_slowly_but_must_come() -> None:
    head = b"POST /slow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 400000\r\n\r\n"
    async with serving(1.5) as server:
        whole = await server.send(head, bytes(80_000), 0.4)  # two seconds, where others have one and a half
        assert (whole.split()[1], whole.rpartition(b"\r\n\r\n")[2]) == (b"200", b"400000")
        assert read(await server.send(head, b"a")) == (408, "too_slow")


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


async def read_late(server: Server, path: bytes, late: float) -> int:
    """How much of an answer comes that nobody reads at first."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    try:
        writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        await asyncio.sleep(late)
        length = 0
        with suppress(ConnectionError):
            while arrived := await reader.read(1_000_000):
                length += len(arrived)
        return length
    finally:
        writer.close()


async def test_an_answer_that_nobody_reads_is_dropped(server: Server, patient: Server) -> None:
    assert await read_late(patient, b"/large", 0.0) > LARGE
    assert await read_late(server, b"/large", LIMIT * 3) < LARGE


async def test_when_too_many_are_connected_those_give_way_who_have_kept_the_server_waiting(patient: Server) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", patient.port) for _ in range(5 * MOST)]
    for _, writer in idle[::2]:
        writer.write(HEAD)
    good = b"POST /raw HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
    async with asyncio.timeout(PATIENT / 2):
        assert (await patient.send(good)).startswith(b"HTTP/1.1 200")
        # Long before their time is over, all but the last are let go.
        for reader, _ in idle[: -MOST + 1]:
            with suppress(ConnectionError):
                assert await reader.read() == b""
    for _, writer in idle:
        writer.close()


async def test_while_all_are_being_answered_whoever_comes_is_let_go(patient: Server) -> None:
    head = b"POST /held HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 3\r\n\r\n"
    patient.let_go.clear()
    held = [asyncio.create_task(patient.send(head + b"abc")) for _ in range(MOST)]
    await eventually(lambda: patient.holding == MOST)
    async with asyncio.timeout(PATIENT / 2):
        assert await patient.send(b"") == b""
    patient.let_go.set()
    assert all(reply.startswith(b"HTTP/1.1 200") for reply in await asyncio.gather(*held))
