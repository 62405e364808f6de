"""What the pages of an operator ask, put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from duban.clock import SystemClock
from duban.messages.sources import RegisteredSource
from duban_console.kafka.dead_letters import Which
from duban_console.kafka.letter_replay import Passage
from duban_console.ledger import LedgerReader
from duban_console.operation.anchor_watch import AnchorWatch, ChainState
from duban_console.operation.broker_watch import BrokerWatch, GroupLag, LagSample, TopicState
from duban_console.operation.letter_desk import LetterCensus, LetterDesk, LetterShown
from duban_console.operation.overdue_deadlines import OverdueCensus, OverdueDeadlines
from duban_console.operation.service_watch import ServiceWatch
from duban_console.operation.settings import OperationSettings
from duban_console.sources import registered

if TYPE_CHECKING:
    import httpx2


class Brokers(Protocol):
    """Topics and groups, as :class:`BrokerWatch` looks at them."""

    async def topics(self) -> list[TopicState]: ...

    async def groups(self) -> list[GroupLag]: ...

    def past(self, group: GroupLag) -> list[LagSample]: ...


class Letters(Protocol):
    """Dead letters and their way back, as :class:`LetterDesk` has them."""

    @property
    def sends(self) -> bool: ...

    async def census(self, which: Which) -> LetterCensus: ...

    async def shown(self, topic: str, which: Which, at: tuple[int, int] | None = None) -> list[LetterShown]: ...

    async def considered(self, topic: str, at: tuple[int, int], by: str, why: str, *, again: bool) -> list[Passage]: ...

    async def sent(self, topic: str, at: tuple[int, int], by: str, why: str, *, again: bool) -> list[Passage]: ...


class Anchors(Protocol):
    """The anchors of each chain, as :class:`AnchorWatch` verifies them."""

    async def states(self) -> list[ChainState]: ...


class LateDeadlines(Protocol):
    """What is late, as :class:`OverdueDeadlines` asks it."""

    async def census(self, now: datetime) -> OverdueCensus: ...


@dataclass(frozen=True, slots=True)
class OperationDesk:
    """Asks services, brokers, dead letters, anchors, late deadlines, and which sources are registered."""

    services: ServiceWatch
    brokers: Brokers
    letters: Letters
    anchors: Anchors
    deadlines: LateDeadlines
    sources: Callable[[], Awaitable[Sequence[RegisteredSource]]]


def operation_desk(
    settings: OperationSettings, client: httpx2.AsyncClient, brokers: BrokerWatch, deadlines: OverdueDeadlines,
    ledger: LedgerReader,
) -> OperationDesk:  # fmt: skip
    """The desk as ``settings`` have it; services are asked by ``client``."""
    looking = settings.looking()

    async def sources() -> list[RegisteredSource]:
        return list((await registered(looking)).values())

    return OperationDesk(
        services=ServiceWatch(client, settings.health_ports()),
        brokers=brokers,
        letters=LetterDesk(looking, settings.sending(), SystemClock()),
        anchors=AnchorWatch(looking, ledger),
        deadlines=deadlines,
        sources=sources,
    )
