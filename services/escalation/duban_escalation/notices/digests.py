"""What was held for a way of a contact goes out when its time comes: alone as it is, several as one message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from itertools import groupby
from typing import Final

from duban.clock import Clock
from duban.errors import Undecodable
from duban.io.backoff import rounds
from duban.messages.contacts import ChannelKind, WayKey
from duban.messages.envelope import Message, derived_id
from duban.messages.notices import Notice
from duban.messages.struct import replace
from duban_escalation.notices.handler import HeldNotices, LooksAnew, WaitingNotice
from duban_escalation.notices.message_text import DIGEST, digest_text

#: How many notices go into one message: a mail takes texts, the others a line of each.
_IN_A_MAIL: Final = 100
_IN_A_CHAT: Final = 20
_IN_AN_SMS: Final = 3
_BETWEEN_LOOKS: Final = 5.0


class Digests:
    """Looks every few seconds what was held in the partitions of this member, and has it sent."""

    def __init__(
        self,
        held: HeldNotices,
        deliverer: LooksAnew,
        clock: Clock,
        partitions: Callable[[], Collection[int]],
    ) -> None:
        self._held = held
        self._deliverer = deliverer
        self._clock = clock
        self._partitions = partitions
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End ``run``; what is held stays so, and its next owner sends it."""
        self._stopping.set()

    async def run(self) -> None:
        """Go on until ``stop``; a database that is away is waited for."""
        await rounds(self._stopping, "notices", self.step, _BETWEEN_LOOKS)

    async def step(self) -> None:
        """Have everything sent whose time has come; somebody else may have had it sent meanwhile."""
        due = await self._held.held(self._partitions(), self._clock.now())
        for _, notices in groupby(due, key=lambda notice: notice.line):
            of_line = list(notices)
            many = _most_of(of_line[0].line.recipient)
            for begin in range(0, len(of_line), many):
                await self._send(of_line[begin : begin + many])
        if due:
            self._deliverer.look_anew()

    async def _send(self, notices: Sequence[WaitingNotice]) -> None:
        digest = _digest(notices)
        if digest is None:
            await self._held.release([notice.id for notice in notices])
        else:
            await self._held.put_together(notices, digest)


def _most_of(recipient: str) -> int:
    key = WayKey.of(recipient)
    match key.by if key else None:
        case ChannelKind.SMS:
            return _IN_AN_SMS
        case ChannelKind.DINGTALK | ChannelKind.WECOM | ChannelKind.FEISHU:
            return _IN_A_CHAT
        case _:
            return _IN_A_MAIL


def _digest(notices: Sequence[WaitingNotice]) -> WaitingNotice | None:
    """One notice that says what ``notices`` of one line say; None for a single one, and where one cannot be read.

    Its id follows from theirs, and it stands where the last of them stood.
    """
    if len(notices) == 1:
        return None
    try:
        messages = [notice.message() for notice in notices]
    except Undecodable:  # of another release: the deliverer sets it aside
        return None
    key, last = WayKey.of(notices[0].line.recipient), notices[-1]
    text = digest_text([message.data for message in messages], whole=key is not None and key.by is ChannelKind.MAIL)
    message = _of(messages[-1], str(derived_id("digest", *(notice.id for notice in notices))), text)
    return WaitingNotice.at(message, last.line.partition, last.offset, last.taken_at)


def _of(latest: Message[Notice], id_: str, text: str) -> Message[Notice]:
    return replace(latest, id=id_, data=replace(latest.data, event=DIGEST, text=text, version=None))
