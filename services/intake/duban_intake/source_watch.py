"""The watch over sources: whoever keeps one that is silent for too long owes a duty. Parts of the intake service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Final

import structlog

from duban.clock import Clock
from duban.duties import OPENING_MARGIN
from duban.io.backoff import rounds
from duban.messages.delivery import Delivery, SetAside
from duban.messages.envelope import Record, encode
from duban.messages.report import Report
from duban.messages.sources import RegisteredSource
from duban.policy.library import Library
from duban.policy.rules import Rules
from duban_intake.domain import SOURCE
from duban_intake.metrics import SILENT_SOURCES
from duban_intake.source_journal import SourceJournal
from duban_intake.sources.registry import SourceRegistry
from duban_intake.sources.silence import Silence, opened, silences, watched

_log = structlog.get_logger(__name__)
#: A silence counts from when it was too long, however late that is seen.
_SECONDS_BETWEEN: Final = 15.0


class HeardReports:
    """Handles reports as ``handle`` does, and notes of which sources they are: producers on Kafka knock at no door."""

    def __init__(
        self,
        handle: Callable[[Sequence[Delivery[Report]]], Awaitable[list[Record | SetAside]]],
        registry: SourceRegistry,
        journal: SourceJournal,
    ) -> None:
        self._handle = handle
        self._registry = registry
        self._journal = journal

    async def __call__(self, batch: Sequence[Delivery[Report]]) -> list[Record | SetAside]:
        """What ``handle`` makes of ``batch``."""
        for spoken, at in {delivery.message.source: delivery.appended_at for delivery in batch}.items():
            if (source := self._registry.owner(spoken)) is not None:
                self._journal.heard(source, at)
        return await self._handle(batch)


class SourceWatch:
    """Looks for silent sources again and again, and opens what their keepers owe, once for each silence."""

    def __init__(
        self,
        spoke_at: Callable[[Collection[str]], Awaitable[dict[str, datetime]]],
        registry: SourceRegistry,
        library: Library,
        publish: Callable[[Sequence[Record]], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._spoke_at = spoke_at
        self._registry = registry
        self._library = library
        self._publish = publish
        self._clock = clock
        self._told: dict[str, datetime] = {}
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End ``run``; what was sent is sent again in a later life, under the same ids."""
        self._stopping.set()

    async def run(self) -> None:
        """Look until ``stop``; what is away is waited for."""
        await rounds(self._stopping, "sources", self.look, _SECONDS_BETWEEN)

    async def look(self) -> None:
        """Open what the silences oblige to that begin now, or began while nobody looked."""
        known = watched(self._registry.sources)
        if not known:
            SILENT_SOURCES.set(0)
            return
        now = self._clock.now()
        spoke_at = await self._spoke_at([source.name for source in known])
        SILENT_SOURCES.set(len(list(silences(known, spoke_at, now))))
        new = [
            silence
            for silence in silences(known, spoke_at, now - OPENING_MARGIN)
            if self._told.get(silence.source.name) != silence.since
        ]
        records = [record for silence in new for record in self._records(silence, now)]
        if records:
            await self._publish(records)
        self._told.update({silence.source.name: silence.since for silence in new})

    def _records(self, silence: Silence, now: datetime) -> list[Record]:
        source = silence.source
        assert source.jurisdiction is not None
        rules = self._library.current(source.jurisdiction, now)
        messages = [] if rules is None else list(opened(silence, rules, SOURCE, now))
        if not messages:
            _log.warning(
                "a source is silent, and nobody owes anything for it", source=source.name, why=_why(rules, source)
            )
            return []
        _log.warning("a source is silent", source=source.name, since=silence.since, keeper=source.keeper)
        return [encode(message) for message in messages]


def _why(rules: Rules | None, source: RegisteredSource) -> str:
    """Why a silence of ``source`` opens nothing."""
    if rules is None:
        return f"no policy is in force in {source.jurisdiction}"
    if source.keeper not in rules.units:
        return f"its keeper {source.keeper} is no unit of {rules.pack.ref}"
    return f"{rules.pack.ref} has no duty with `every: silence`"
