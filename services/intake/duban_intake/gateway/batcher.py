"""Requests that arrive together reach the broker together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from duban.errors import Unavailable
from duban.messages.envelope import Record

Publish = Callable[[Sequence[Record]], Awaitable[None]]


class Batching:
    """Publishes single records in batches: while one batch is on its way, the next one gathers. No timer, no lingering.

    A part of the service: ``run`` works until ``stop`` and what was taken is published.
    """

    def __init__(self, publish: Publish, patience: float, most_waiting: int = 5_000, batch_size: int = 500) -> None:
        self._publish = publish
        self._patience = patience
        self._most_waiting = most_waiting
        self._batch_size = batch_size
        self._waiting: list[tuple[Record, asyncio.Future[None]]] = []
        self._arrived = asyncio.Event()
        self._stopping = False

    async def put(self, record: Record) -> None:
        """Return when the broker has acknowledged ``record``.

        Raises:
            Unavailable: it has not within the patience, or too many wait; sending the same report again is right.
        """
        if self._stopping or len(self._waiting) >= self._most_waiting:
            raise Unavailable("the gateway is stopping" if self._stopping else "too many reports wait for the broker")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((record, done))
        self._arrived.set()
        try:
            await asyncio.wait_for(done, self._patience)
        except TimeoutError:
            raise Unavailable(f"the broker has not acknowledged within {self._patience:g} s") from None

    def stop(self) -> None:
        """Take nothing more; ``run`` returns when what waits has been published or given up."""
        self._stopping = True
        self._arrived.set()

    async def run(self) -> None:
        """Publish until ``stop``."""
        while self._waiting or not self._stopping:
            await self._arrived.wait()
            # Whoever lost patience has been told to send again: it is not published behind their back.
            live = [(record, done) for record, done in self._waiting if not done.done()]
            batch, self._waiting = live[: self._batch_size], live[self._batch_size :]
            if not self._waiting and not self._stopping:
                self._arrived.clear()
            if batch:
                await self._send(batch)

    async def _send(self, batch: Sequence[tuple[Record, asyncio.Future[None]]]) -> None:
        try:
            await self._publish([record for record, _ in batch])
        except Exception as error:
            for _, done in batch:
                if not done.done():
                    done.set_exception(error)
        else:
            for _, done in batch:
                if not done.done():
                    done.set_result(None)
