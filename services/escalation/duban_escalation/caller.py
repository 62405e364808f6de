"""The hand that calls: every few seconds whoever is on call is called again, until somebody has answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from duban.clock import Clock
from duban.io.backoff import rounds
from duban.messages.contacts import OnCall
from duban.messages.envelope import Message, encode
from duban.messages.notices import Notice
from duban.policy.rules import Rules
from duban_escalation.calls import Call, call_again, hand_over
from duban_escalation.contacts import RotaBook
from duban_escalation.metrics import CALLS
from duban_escalation.sweep import Publishes

_BETWEEN_LOOKS: Final = 5.0
_PAGE: Final = 500


class Calls(Protocol):
    """The calls that nobody has answered yet."""

    async def calls_due(self, partitions: Collection[int], until: datetime, limit: int) -> list[Call]:
        """Those of ``partitions`` that are to be repeated at ``until`` or before, in order of time."""

    async def called(self, call: Call, next_at: datetime) -> None:
        """``call`` was repeated, and is to be at ``next_at``; one that was answered or repeated meanwhile stays so."""

    async def call_ended(self, record_id: UUID, unit: str) -> None:
        """Nobody is called any more."""


class RotaCaller:
    """Repeats the calls of the partitions that this member holds, and tells whoever takes over."""

    def __init__(
        self,
        calls: Calls,
        rotas: RotaBook,
        publisher: Publishes,
        clock: Clock,
        partitions: Callable[[], Collection[int]],
        rules_of: Callable[[str], Rules | None],
    ) -> None:
        self._calls = calls
        self._rotas = rotas
        self._publisher = publisher
        self._clock = clock
        self._partitions = partitions
        self._rules_of = rules_of
        self._turns: dict[str, OnCall] = {}
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End ``run``; the next owner of the partitions goes on calling."""
        self._stopping.set()

    async def run(self) -> None:
        """Go on until ``stop``; what is away is waited for."""
        await rounds(self._stopping, "notices", self.step, _BETWEEN_LOOKS)

    async def step(self) -> None:
        """Repeat every call that is due, and tell whoever has taken over since the last look."""
        partitions, now = self._partitions(), self._clock.now()
        if not partitions:
            return
        for call in await self._calls.calls_due(partitions, now, _PAGE):
            await self._repeat(call, now)
        if 0 in partitions:
            await self._hand_over(now)

    async def _repeat(self, call: Call, now: datetime) -> None:
        city = call.notice.jurisdiction
        rota, rules = self._rotas.of(city, call.unit), self._rules_of(city)
        if rota is None:
            await self._calls.call_ended(call.record_id, call.unit)
            return
        person = rota.called(now, call.again + 1)
        if person is not None:
            await self._publish(call_again(call, person, _in_chinese(rules)))
            CALLS.inc()
        await self._calls.called(call, now + timedelta(minutes=rota.minutes))

    async def _hand_over(self, now: datetime) -> None:
        for rota in self._rotas:
            turn = rota.on_call(now)
            if turn is not None and self._turns.get(rota.key) != turn:
                rules = self._rules_of(rota.jurisdiction)
                unit = rules.title_of(rota.unit) if rules else rota.unit
                await self._publish(hand_over(rota, turn, unit, now, _in_chinese(rules)))
                self._turns[rota.key] = turn

    async def _publish(self, notice: Message[Notice]) -> None:
        await self._publisher.publish([encode(notice)])


def _in_chinese(rules: Rules | None) -> bool:
    return rules is not None and rules.pack.title.zh is not None
