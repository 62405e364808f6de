"""What the pages of an operator ask, put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from duban.clock import SystemClock
from duban.messages.sources import RegisteredSource
from duban_console.ledger import LedgerReader
from duban_console.operation.anchor_watch import AnchorWatch
from duban_console.operation.broker_watch import BrokerWatch
from duban_console.operation.letter_desk import LetterDesk
from duban_console.operation.service_watch import ServiceWatch
from duban_console.operation.settings import OperationSettings
from duban_console.sources import registered

if TYPE_CHECKING:
    import httpx2

    from duban.io.settings import Settings


@dataclass(frozen=True, slots=True)
class OperationDesk:
    """Asks services, brokers, dead letters and anchors; ``looking``: as whom the brokers are asked."""

    services: ServiceWatch
    brokers: BrokerWatch
    letters: LetterDesk
    anchors: AnchorWatch
    looking: Settings

    async def sources(self) -> list[RegisteredSource]:
        """Every source that is registered.

        Raises:
            Unavailable: no broker answers.
        """
        return list((await registered(self.looking)).values())


def operation_desk(settings: OperationSettings, client: httpx2.AsyncClient, ledger: LedgerReader) -> OperationDesk:
    """The desk as ``settings`` have it; services are asked by ``client``."""
    looking, clock = settings.looking(), SystemClock()
    return OperationDesk(
        services=ServiceWatch(client, settings.health_ports()),
        brokers=BrokerWatch(looking, clock),
        letters=LetterDesk(looking, settings.sending(), clock),
        anchors=AnchorWatch(looking, ledger),
        looking=looking,
    )
