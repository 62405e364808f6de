"""Beside the requests: held files are looked at again, uploads that came whole are taken, others forgotten."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from duban.errors import Unavailable
from duban.io.backoff import until_stopped
from duban.io.evidence.reception import Reception
from duban.io.evidence.store import Room

_SECONDS_BETWEEN_ROUNDS: Final = 60.0
_log = structlog.get_logger(__name__)


class EvidenceKeeper:
    """Makes its rounds through the store and the uploads until ``stop``; what is away is asked again on the next."""

    def __init__(self, reception: Reception, seconds: float = _SECONDS_BETWEEN_ROUNDS) -> None:
        self._desk = reception.desk
        self._uploads = reception.uploads
        self._seconds = seconds
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End ``run``; a file in hand is finished first."""
        self._stopping.set()

    async def run(self) -> None:
        """Make rounds."""
        while not self._stopping.is_set():
            try:
                await asyncio.to_thread(self.round)
            except (Unavailable, OSError) as error:
                _log.warning("the evidence is not looked after now", error=str(error))
            await until_stopped(self._stopping, asyncio.sleep(self._seconds))

    def round(self) -> None:
        """Look at everything once.

        Raises:
            Unavailable: the store is away, or the scanner while something waits for it.
        """
        for upload in self._uploads.all():
            if self._stopping.is_set():
                return
            if upload.is_owed:
                upload.finish(self._desk)
        if cleared := self._uploads.clear():
            _log.info("uploads that nobody went on with are removed", uploads=cleared)
        self._desk.store.tidy()
        for stored in list(self._desk.store.all(Room.HELD)):
            if self._stopping.is_set():
                return
            if (infection := self._desk.look_again(stored)) is not None:
                _log.warning("evidence is infected, and kept apart", sha256=stored.sha256, infection=infection)
