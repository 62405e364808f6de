"""To people: what goes one way of a contact goes out by the channel of that way; all else goes its own way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import structlog

from duban.errors import Unavailable
from duban.io.availability import is_unavailable
from duban.messages.contacts import ChannelKind, WayKey
from duban.messages.envelope import Message
from duban.messages.notices import Notice
from duban_escalation.contacts import ContactBook
from duban_escalation.metrics import CONTACT_NOTICES
from duban_escalation.notices.journal import NoticeOutcome, Outlet

_log = structlog.get_logger(__name__)


class PersonalChannel(Protocol):
    """A channel by which people are reached."""

    async def send(self, notice: Message[Notice], to: str) -> None:
        """Tell ``notice`` to the address, number or robot ``to``.

        Raises:
            Unavailable: it does not take it now, or is not set up: it is to be sent again.
            NoticeRefused: it will never take it.
        """


class ToContacts:
    """Sends what goes one way of a contact by the ``channels``; ``others`` takes all other notices.

    Where a channel is not set up, what is for it waits, and is set aside in the end like all that nobody takes.
    """

    def __init__(self, book: ContactBook, channels: Mapping[ChannelKind, PersonalChannel], others: Outlet) -> None:
        self._book = book
        self._channels = channels
        self._others = others

    async def send(self, notice: Message[Notice]) -> NoticeOutcome:
        """See ``notice`` off.

        Raises:
            Unavailable, NoticeRefused: as the channel says.
        """
        key = WayKey.of(notice.key)
        if key is None:
            return await self._others.send(notice)
        way = self._book.way(key)
        if way is None:
            _log.info("contact.gone", notice=notice.id, contact=key.contact, channel=key.by)
            return "logged"
        try:
            await self._channel(key.by).send(notice, way.to)
        except Exception as error:
            CONTACT_NOTICES.labels(key.by, "waited" if is_unavailable(error) else "refused").inc()
            # Of a robot or a person the contact says which; the address and what signs stay out of the log.
            _log.warning("contact.unreached", notice=notice.id, contact=key.contact, channel=key.by, error=str(error))
            raise
        CONTACT_NOTICES.labels(key.by, "delivered").inc()
        return "posted"

    def _channel(self, by: ChannelKind) -> PersonalChannel:
        channel = self._channels.get(by)
        if channel is None:
            raise Unavailable(f"nothing is set up to reach people by {by}: see DUBAN_CHANNELS and DUBAN_SMTP_HOST")
        return channel
