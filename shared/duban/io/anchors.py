"""Anchors are published now and then: what a chain has grown by since the anchor before, signed, beside the work.

One row of the service's schema holds the latest anchor of a chain, as published. Whoever wrote its successor first
wins, so members never publish two anchors of one number; what was written and not published is published by whoever
comes next. Nothing here costs more than what came since the anchor before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import uuid4

import structlog

from duban.clock import Clock, SystemClock
from duban.io.anchor_key import AnchorKey
from duban.io.backoff import until_available, until_stopped
from duban.io.metrics import ANCHORED
from duban.io.publisher import Publisher
from duban.io.settings import AnchorSettings
from duban.messages.anchors import Anchor, Anchored, Head, anchor_record
from duban.messages.events import GENESIS
from duban.messages.struct import from_json, to_json

if TYPE_CHECKING:
    import asyncpg

_log = structlog.get_logger(__name__)

#: Seconds that one anchor may take; then it is tried again, by whoever's turn it is.
_PATIENCE: Final = 60.0
#: Takes the turn, or keeps it: members do not do the same work, but nothing wrong comes of it where two do.
_TURN: Final = """
    insert into anchors as held (chain, member, turn_until) values ($1, $2, now() + $3)
    on conflict (chain) do update set member = excluded.member, turn_until = excluded.turn_until
        where held.member = excluded.member or held.turn_until < now()
    returning number, published
"""
_LEAVE: Final = "update anchors set turn_until = '-infinity' where chain = $1 and member = $2"
_BODY: Final = "select body from anchors where chain = $1"
_ADVANCE: Final = "update anchors set number = $2, body = $3, published = false where chain = $1 and number = $2 - 1"
_PUBLISHED: Final = "update anchors set published = true where chain = $1 and number = $2"


@dataclass(frozen=True, slots=True)
class Growth:
    """What a chain has grown by since an anchor; ``more`` when that is not all of it."""

    heads: tuple[Head, ...] = ()
    offsets: dict[int, int] = field(default_factory=dict)
    more: bool = False


#: What has grown since the latest anchor, or since the beginning.
Since: TypeAlias = Callable[[Anchor | None], Awaitable[Growth]]


class AnchorLoop:
    """Anchors one chain every so many seconds, in one member at a time; runs within the service that owns the chain."""

    def __init__(
        self,
        chain: Anchored,
        since: Since,
        pool: asyncpg.Pool[asyncpg.Record],
        publisher: Publisher,
        settings: AnchorSettings,
        source: str,
    ) -> None:
        self._chain, self._since, self._pool, self._publisher, self._source = chain, since, pool, publisher, source
        self._interval = settings.anchor_interval
        self._clock: Clock = SystemClock()  # of the machine, whatever a story's clock shows: outsiders read it
        self._key = AnchorKey.load(settings.anchor_key) if settings.anchor_key else None
        self._member = uuid4()
        self._latest: Anchor | None = None
        self._stopping = asyncio.Event()
        if self._key is None:
            _log.warning("anchors are not signed", chain=chain, cure="give a key file in DUBAN_ANCHOR_KEY")

    def stop(self) -> None:
        """End ``run``; an anchor in hand is broken off, and finished in a later life."""
        self._stopping.set()

    async def run(self) -> None:
        """Anchor, rest and anchor again, until ``stop``; what is away is waited for, and no fault ends the service."""
        while not self._stopping.is_set():
            more: bool | None = False
            try:
                more = await until_stopped(self._stopping, until_available("anchors", self.once))
            except Exception:
                _log.exception("not anchored", chain=self._chain)
            if not more:
                await until_stopped(self._stopping, asyncio.sleep(self._interval))
        with suppress(Exception):  # a turn that is not left ends by itself
            await self._pool.execute(_LEAVE, self._chain, self._member, timeout=5.0)

    async def once(self) -> bool:
        """Publish an anchor if it is our turn and there is anything new; whether more is waiting."""
        async with asyncio.timeout(_PATIENCE):
            turn = timedelta(seconds=2 * self._interval + 5)
            row = await self._pool.fetchrow(_TURN, self._chain, self._member, turn)
            return row is not None and await self._anchor(row["number"], published=row["published"])

    async def _anchor(self, number: int, *, published: bool) -> bool:
        latest = await self._resumed(number, published=published)
        grown = await self._since(latest)
        if not grown.heads and grown.offsets == (latest.offsets if latest else {}):
            return False
        anchor = Anchor(
            chain=self._chain,
            number=number + 1,
            previous=latest.hash if latest else GENESIS,
            at=self._clock.now(),
            heads=grown.heads,
            offsets=grown.offsets,
        )
        if self._key is not None:
            anchor = self._key.signed(anchor)
        body = to_json(anchor).decode()
        if await self._pool.execute(_ADVANCE, self._chain, anchor.number, body) != "UPDATE 1":
            return True  # somebody else's number now: go on from there
        await self._publish(anchor)
        return grown.more

    async def _resumed(self, number: int, *, published: bool) -> Anchor | None:
        """The latest anchor, published."""
        if number == 0:
            return None
        if self._latest is None or self._latest.number != number:
            self._latest = from_json(await self._pool.fetchval(_BODY, self._chain), Anchor)
        if not published:
            await self._publish(self._latest)
        return self._latest

    async def _publish(self, anchor: Anchor) -> None:
        await self._publisher.publish([anchor_record(anchor, self._source)])
        await self._pool.execute(_PUBLISHED, self._chain, anchor.number)
        self._latest = anchor
        ANCHORED.labels(self._chain).inc(len(anchor.heads))
