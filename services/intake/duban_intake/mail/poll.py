"""The mailbox again and again: each mail is moved, or marked, once our broker has what it says."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Final

import structlog
from imapclient import IMAPClient

from duban.io.backoff import until_available, until_stopped
from duban.messages.sources import RegisteredSource
from duban_intake.mail.door import MailDoor
from duban_intake.mail.mailbox import Mailbox
from duban_intake.mail.settings import MailSettings

_log = structlog.get_logger(__name__)
#: So much is looked at of a mail that is too large to be read.
_HEAD: Final = 65_536


class MailPoll:
    """Polls the mailbox. A part of the service: ``run`` works until ``stop``, and ends between two mails."""

    def __init__(self, settings: MailSettings, door: MailDoor) -> None:
        self._settings = settings
        self._door = door
        self._stopping = asyncio.Event()
        self._mailbox = Mailbox(settings)
        self._address = settings.mailbox()[1]
        self.state = "not opened yet"
        self.works = False

    def stop(self) -> None:
        """Begin no further mail."""
        self._stopping.set()

    async def run(self) -> None:
        """Look into the mailbox every few seconds until ``stop``."""
        with ThreadPoolExecutor(1, "mailbox") as thread:
            try:
                while not self._stopping.is_set():
                    await self._look(thread)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._stopping.wait(), self._settings.mail_poll)
            finally:
                self._mailbox.hang_up()

    async def _look(self, thread: ThreadPoolExecutor) -> None:
        source = self._door.source(self._address)
        if source is None or source.is_off:
            # Nothing is wrong here: the source may be registered once the engine runs.
            self.works, self.state = True, f"no source that is on names the address {self._address}"
            return
        call = partial(asyncio.get_running_loop().run_in_executor, thread)
        try:
            await call(self._mailbox.__enter__)
            try:
                for number, size in await call(self._mailbox.waiting):
                    if self._stopping.is_set() or not await self._one(call, source, number, size):
                        break
            except BaseException as error:
                await call(self._mailbox.__exit__, type(error), error, None)
                raise
            await call(self._mailbox.__exit__, None, None, None)
        except (OSError, IMAPClient.Error) as error:
            self.works, self.state = False, f"mailbox not reached: {error}"
            _log.warning("mailbox is away", error=f"{type(error).__name__}: {error}")
        else:
            self.works, self.state = True, f"polled for {source.name}"

    async def _one(
        self, call: partial[asyncio.Future[object]], source: RegisteredSource, number: int, size: int
    ) -> bool:
        """Have a mail taken, and then done with; False where all stops before."""
        whole = size <= self._settings.mail_max_bytes
        raw = await call(self._mailbox.read, number, self._settings.mail_max_bytes if whole else _HEAD)
        if not isinstance(raw, bytes):
            return True  # somebody else has moved it
        await asyncio.sleep(self._door.wait(source))
        if whole:
            take = partial(self._door.take, source, raw)
        else:
            say = (
                f"{source.name}: has {size} bytes, and {self._settings.mail_max_bytes} are read (DUBAN_MAIL_MAX_BYTES)"
            )
            take = partial(self._door.lay_aside, raw, "too_large", say, size)
        outcome = await until_stopped(self._stopping, until_available("broker or database", take))
        if outcome is None:
            return False
        await call(self._mailbox.done, number)
        return True
