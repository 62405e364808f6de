"""The composition of the API: ``python -m duban_console.api``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from fastapi import FastAPI
from pydantic import Field

from duban.clock import Clock, DrivenClock, SystemClock
from duban.errors import SettingsError
from duban.io.delivering import Delivery
from duban.io.service import Shell, run_service
from duban.io.settings import Settings
from duban.io.tailing import Tail
from duban.messages.commands import Command
from duban.messages.notices import TICKS, Tick
from duban_console.api.app import create_app
from duban_console.reading import Reading

_log = structlog.get_logger(__name__)


class ApiSettings(Settings):
    """What the API is told by its environment."""

    api_port: int = Field(8320, ge=0, le=65535, description="Port of the API for actions, on 127.0.0.1")
    max_body: int = Field(1024 * 1024, ge=1024, description="Largest body of a request that is read, in bytes")


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: the shell stops it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Http:
    """The HTTP server as a part of the service; ``stop`` lets requests in hand finish."""

    def __init__(self, app: FastAPI, port: int, drain_timeout: float) -> None:
        self._server = _Server(
            uvicorn.Config(
                app,
                host="127.0.0.1",
                port=port,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=int(drain_timeout),
            )
        )
        self._port = port

    async def run(self) -> None:
        """Serve until ``stop``."""
        try:
            await self._server.serve()
        except SystemExit:
            raise SettingsError(
                f"the API cannot listen on 127.0.0.1:{self._port}: stop what uses that port, or set DUBAN_API_PORT"
            ) from None

    @property
    def listening(self) -> bool:
        """Whether connections are accepted."""
        return self._server.started and not self._server.should_exit

    def stop(self) -> None:
        """Accept nothing more."""
        self._server.should_exit = True


async def compose(shell: Shell[ApiSettings]) -> None:
    """Wire the API: the ledger's views, the topic of commands, the clock."""
    settings = shell.settings
    http: Http | None = None
    # Registered before anything is waited for: the API is not ready while its clock still catches up.
    shell.health.check("http", lambda: http is not None and http.listening)
    clock = await _clock(shell)
    app = create_app(Reading(shell.pool), shell.publisher, clock, settings.max_body)
    http = Http(app, settings.api_port, settings.drain_timeout)
    shell.run(http)
    _log.info("api", url=f"http://127.0.0.1:{settings.api_port}")


async def _clock(shell: Shell[ApiSettings]) -> Clock:
    """The machine's clock, or the one that the player drives, at its last tick."""
    if shell.settings.clock == "system":
        return SystemClock()
    driven = DrivenClock()
    tail: Tail[Tick] = Tail(shell.settings, (Tick.TOPIC,), TICKS)

    async def take(tick: Delivery[Tick]) -> None:
        driven.tick(tick.message.data.at)

    following = asyncio.create_task(tail.run(take))
    caught_up = asyncio.create_task(tail.caught_up())
    await asyncio.wait({following, caught_up}, return_when=asyncio.FIRST_COMPLETED)
    caught_up.cancel()
    shell.follow(lambda: _until_done(following))
    return driven


async def _until_done(task: asyncio.Task[None]) -> None:
    await task


if __name__ == "__main__":
    run_service("api", ApiSettings, compose, schema="api", health_port=8321, topics=(Command.TOPIC,))
