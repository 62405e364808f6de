"""The gateway as a process: ``python -m duban_intake.gateway``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from fastapi import FastAPI
from pydantic import Field

from duban.clock import Clock, DrivenClock, SystemClock
from duban.errors import SettingsError
from duban.io.delivering import Delivery
from duban.io.service import Shell, run_service
from duban.io.settings import Settings
from duban.io.tailing import Tail
from duban.messages.notices import TICKS, Tick
from duban.messages.report import Report
from duban_intake.gateway.app import create_app
from duban_intake.gateway.batching import Batching
from duban_intake.store import SCHEMA, PostgresStore

HEALTH_PORT: Final = 8311


class GatewaySettings(Settings):
    """What the gateway is told by its environment."""

    gateway_port: int = Field(8310, ge=0, le=65535, description="Port of the gateway for reports, on 127.0.0.1")
    gateway_patience: float = Field(5.0, gt=0, description="Seconds that a report may wait for the broker before 503")
    max_body: int = Field(
        1024 * 1024, ge=1024, description="Largest body of a request that the gateway reads, in bytes"
    )


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: the shell stops it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Http:
    """The HTTP server as a part of the service; ``stop`` lets requests in hand finish, then ``batching``."""

    def __init__(self, app: FastAPI, settings: GatewaySettings, batching: Batching) -> None:
        self._port = settings.gateway_port
        self._batching = batching
        self._server = _Server(
            uvicorn.Config(
                app,
                host="127.0.0.1",
                port=self._port,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=int(settings.drain_timeout),
            )
        )

    @property
    def listening(self) -> bool:
        """Whether connections are accepted."""
        return self._server.started and not self._server.should_exit

    async def run(self) -> None:
        """Serve until ``stop``."""
        publishing = asyncio.create_task(self._batching.run())
        try:
            await self._server.serve()
        except SystemExit:
            raise SettingsError(f"127.0.0.1:{self._port} is taken: set DUBAN_GATEWAY_PORT to another port") from None
        finally:
            self._batching.stop()
            await publishing

    def stop(self) -> None:
        """Accept nothing more."""
        self._server.should_exit = True


async def compose(shell: Shell[GatewaySettings]) -> None:
    """Wire the routes to the broker, the receipts and the clock."""
    settings = shell.settings
    batching = Batching(shell.publisher.publish, settings.gateway_patience)
    app = create_app(
        batching.put, shell.publisher.check, PostgresStore(shell.pool), await _clock(shell), settings.max_body
    )
    http = Http(app, settings, batching)
    shell.health.check("http", lambda: http.listening)
    shell.run(http)


async def _clock(shell: Shell[GatewaySettings]) -> Clock:
    """The machine's clock, or the driven one at its last tick."""
    if shell.settings.clock == "system":
        return SystemClock()
    driven = DrivenClock()
    tail: Tail[Tick] = Tail(shell.settings, [Tick.TOPIC], TICKS)

    async def take(tick: Delivery[Tick]) -> None:
        driven.tick(tick.message.data.at)

    following = asyncio.create_task(tail.run(take))

    async def follow() -> None:
        await following

    shell.follow(follow)
    caught_up = asyncio.create_task(tail.caught_up())
    await asyncio.wait({following, caught_up}, return_when=asyncio.FIRST_COMPLETED)
    caught_up.cancel()
    return driven


if __name__ == "__main__":
    run_service(
        "gateway",
        GatewaySettings,
        compose,
        schema=SCHEMA,
        migrations="duban_intake.migrations",
        health_port=HEALTH_PORT,
        topics=[Report.TOPIC],
    )
