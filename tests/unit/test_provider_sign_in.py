"""The port of loopback at which the command line waits for a browser: it takes one answer, to its own question."""

from __future__ import annotations

import asyncio

import pytest

from duban_cli.provider_sign_in import _Answer


async def asked(port: int, request: bytes) -> bytes:
    """The first line of what comes of ``request``."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    reply = await reader.read()
    writer.close()
    return reply.partition(b"\r\n")[0]


def get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode()


async def test_the_answer_to_its_own_question_is_taken_and_the_first_one_counts() -> None:
    async with _Answer() as answer:
        assert await asked(answer.port, get("/callback?code=early&state=")) == b"HTTP/1.1 404 Not Found"
        answer.state = "ours"
        assert await asked(answer.port, get("/callback?code=1&state=ours&iss=i")) == b"HTTP/1.1 200 OK"
        assert await asked(answer.port, get("/callback?code=2&state=ours")) == b"HTTP/1.1 200 OK"
        assert await answer.arrived() == "code=1&state=ours&iss=i"


@pytest.mark.parametrize(
    "request_",
    [
        get("/callback?code=1&state=theirs"),
        get("/callback?code=1"),
        get("/callback?code=1&state=\u00e9"),
        get("/favicon.ico?state=ours"),
        get("//callback?state=ours"),
        b"POST /callback?state=ours HTTP/1.1\r\n\r\n",
        b"\x00\xff\r\n\r\n",
        b"GET\r\n\r\n",
    ],
)
async def test_whatever_else_comes_there_is_sent_away(request_: bytes) -> None:
    async with _Answer() as answer:
        answer.state = "ours"
        assert await asked(answer.port, request_) == b"HTTP/1.1 404 Not Found"
        assert not answer._query.done()


async def test_a_request_without_end_is_not_read() -> None:
    async with _Answer() as answer:
        answer.state = "ours"
        assert await asked(answer.port, get(f"/callback?state=ours&{'x' * 40_000}")) == b""
        assert not answer._query.done()
