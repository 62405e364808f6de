"""``/healthz``, ``/readyz`` and ``/metrics`` on a port of their own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import TypeAlias

import orjson
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from duban.io.backoff import waits
from duban.io.hosts import Hosts, refused
from duban.io.metrics import READY

Check: TypeAlias = Callable[[], bool | Awaitable[bool]]
Fact: TypeAlias = Callable[[], str]
_Answer: TypeAlias = tuple[HTTPStatus, str, bytes]

_CHECK_SECONDS = 3.0
_REQUEST_SECONDS = 5.0
#: Probes at once; who has been connected longest gives way to the next.
_MOST_CONNECTIONS = 64


class Health:
    """Answers probes: alive if the loop turns, ready if every check says so.

    Checks and facts are registered by name before or after ``start``. A check that raises or hangs says no, a fact that
    raises says nothing; ``/readyz`` then names the error beside it, and what the process waits for.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._checks: dict[str, Check] = {}
        self._facts: dict[str, Fact] = {}
        self._server: asyncio.Server | None = None
        self._hosts = Hosts("")
        self._connected: dict[asyncio.StreamWriter, None] = {}

    def check(self, name: str, check: Check) -> None:
        """Let ``/readyz`` depend on ``check``."""
        self._checks[name] = check

    def fact(self, name: str, fact: Fact) -> None:
        """Let ``/readyz`` say ``fact`` beside the checks, such as which durability is in force."""
        self._facts[name] = fact

    async def start(self, host: str, port: int, allowed_hosts: str = "", tls: ssl.SSLContext | None = None) -> int:
        """Listen; the port, which the system chooses when ``port`` is 0. Who names another host is refused."""
        self._hosts = Hosts(host, allowed_hosts)
        patience = None if tls is None else _REQUEST_SECONDS
        self._server = await asyncio.start_server(
            self._serve, host, port, ssl=tls, ssl_handshake_timeout=patience, ssl_shutdown_timeout=patience
        )
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Stop listening, and hang up."""
        if self._server is not None:
            self._server.close()
            for writer in self._connected:
                writer.transport.abort()
            await self._server.wait_closed()

    async def ready(self) -> dict[str, bool]:
        """Every check by name, asked now and all at once."""
        return {name: answer is True for name, answer in (await self._asked()).items()}

    async def _asked(self) -> dict[str, bool | str]:
        """Every check by name with its answer, or with its error in words."""
        checks = dict(self._checks)  # one more may be registered while these are asked
        answers = await asyncio.gather(*map(_asked, checks.values()))
        return dict(zip(checks, answers, strict=True))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connected) >= _MOST_CONNECTIONS:
            longest = next(iter(self._connected))
            del self._connected[longest]
            longest.transport.abort()
        self._connected[writer] = None
        try:
            await self._exchange(reader, writer)
        finally:
            self._connected.pop(writer, None)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_REQUEST_SECONDS):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                status, kind, body = await self._admitted(head)
                writer.write(
                    f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {kind}\r\n"
                    f"content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
                writer.close()
                await writer.wait_closed()
                return
        writer.transport.abort()  # it took too long to ask or to read, or is gone

    async def _admitted(self, head: str) -> _Answer:
        fields = [line.partition(":") for line in head.split("\r\n")[1:]]
        hosts = [value.strip() for name, _, value in fields if name.lower() == "host"]
        if (why := self._hosts.refusal(hosts[0] if len(hosts) == 1 else None)) is not None:
            return HTTPStatus.MISDIRECTED_REQUEST, "application/json", refused(why)
        accepted = ",".join(value for name, _, value in fields if name.lower() == "accept")
        return await self._answer([*head.split(" ", 2), "", ""][1].split("?")[0], accepted)

    async def _answer(self, path: str, accepted: str) -> _Answer:
        if path == "/healthz":
            return HTTPStatus.OK, "application/json", orjson.dumps({"alive": True, "service": self._service})
        if path == "/readyz":
            return await self._readiness()
        if path == "/metrics":
            for name, holds in (await self.ready()).items():
                READY.labels(name).set(holds)
            encode, kind = choose_encoder(accepted)
            return HTTPStatus.OK, kind, encode(REGISTRY)
        return HTTPStatus.NOT_FOUND, "text/plain", b"try /healthz, /readyz or /metrics\n"

    async def _readiness(self) -> _Answer:
        answers = await self._asked()
        errors = waits | {name: answer for name, answer in answers.items() if isinstance(answer, str)}
        checks = {name: answer is True for name, answer in answers.items()}
        facts: dict[str, str] = {}
        for name, fact in self._facts.items():
            try:
                facts[name] = str(fact())
            except Exception as error:
                errors[name] = _words(error)
        ready = all(checks.values())
        state = {"ready": ready, "service": self._service, "checks": checks, **facts}
        body = orjson.dumps({**state, "errors": errors} if errors else state)
        return HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, "application/json", body


async def _asked(check: Check) -> bool | str:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            answer = check()
            return bool(answer if isinstance(answer, bool) else await answer)
    except TimeoutError:
        return f"no answer within {_CHECK_SECONDS} s"
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
        return "what it waited for was cancelled"
    except Exception as error:
        return _words(error)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]
