"""What keeps the read model beside the API: the time before a limit that is yellow, then every event."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from duban.clock import Clock
from duban.errors import Unavailable
from duban.io.backoff import until_available, until_stopped
from duban.io.consumer import Runner
from duban.policy.library import Library
from duban_console.desk.store import PostgresDeskStore

_log: Final = structlog.get_logger(__name__)


class DeskFollower:
    """Runs within the API."""

    def __init__(self, runner: Runner, settle: Callable[[], Awaitable[None]]) -> None:
        """``settle`` is awaited, once it can be, before ``runner`` takes in anything."""
        self._runner = runner
        self._settle = settle
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End ``run``."""
        self._stopping.set()
        self._runner.stop()

    async def run(self) -> None:
        """Follow the events, until ``stop``."""
        await until_stopped(self._stopping, until_available("desk", self._settle))
        await self._runner.run()


async def settle_near(store: PostgresDeskStore, near: timedelta, clock: Clock, library: Library) -> None:
    """Have what is open count as yellow ``near`` before its limit from now on.

    Raises:
        Unavailable: the read model is being made anew, or a pack has not arrived; or the database is away.
    """

    def zone_of(pack: str) -> ZoneInfo:
        rules = library.rules(pack)
        if rules is None:
            raise Unavailable(f"the pack {pack} has not arrived on duban.packs.v1, or its calendar has not")
        return rules.zone

    if await store.set_near(near, clock.now(), zone_of):
        _log.info("limits are yellow from another time on", hours=near.total_seconds() / 3600)
