"""A city as the desk sees it: problems that are led from command to command, and projected as they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from duban.clock import DrivenClock
from duban.messages import commands as do
from duban.messages.delivery import Delivery
from duban.messages.envelope import Message, derived_id
from duban.messages.events import LedgerEvent
from duban.messages.report import Report
from duban.refusal import Refusal
from duban_console.accounts.account import Account, Appointment, Role
from duban_console.accounts.session import Principal, Scope
from duban_console.desk.projector import DeskProjector, DeskStore
from duban_console.desk.reader import DeskReader
from duban_console.desk.sight import Sight
from duban_router.domain.decision import Decided
from duban_router.domain.replies import Audience, RepliesOwed
from tests.given import Case, ledger_event, report, small_library

#: Wednesday, ten o'clock in the morning in China.
AT = datetime(2022, 4, 6, 2, tzinfo=UTC)
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)
CITY = "smallville"


def sight_of(*appointments: Appointment) -> Sight:
    """What somebody with these appointments sees."""
    return Sight.of(Principal(Account("li.na", "李娜", AT, appointments=appointments), Scope.ACT, "session"))


def appointed(role: Role, unit: str | None = None, jurisdiction: str = CITY) -> Appointment:
    return Appointment(role=role, jurisdiction=jurisdiction, unit=unit)


OFFICE = sight_of(appointed(Role.OFFICE, "office"))
WATER = sight_of(appointed(Role.CLERK, "water"))
NORTH = sight_of(appointed(Role.CLERK, "north"))
CITIZEN = sight_of(appointed(Role.SOCIAL_SUPERVISOR))
ABROAD = sight_of(appointed(Role.OFFICE, "office", "elsewhere"))
NOBODY = sight_of()


class ToldCase(Case):
    """A case that remembers what the topic says of it and has not been taken in."""

    def __init__(self, name: str, now: datetime, **sections: object) -> None:
        super().__init__(now, **sections)
        self.id = str(derived_id("case", name))
        self.replies_owed = RepliesOwed(audiences={UUID(self.id): Audience()})
        self.untold: list[LedgerEvent] = []
        self.told: list[LedgerEvent] = []

    def apply(self, data: do.Command) -> Decided | Refusal:
        outcome = super().apply(data)
        if isinstance(outcome, Decided):
            self.untold += [ledger_event(event, record) for event, record in outcome.steps]
        return outcome


@dataclass
class DeskRoom:
    """A desk, how it is filled, and what has come to it."""

    store: DeskStore
    reader: DeskReader
    cases: dict[str, ToldCase] = field(default_factory=dict)
    events: list[LedgerEvent] = field(default_factory=list)
    serial: int = 0

    def __post_init__(self) -> None:
        self.projector = DeskProjector(self.store, small_library(), DrivenClock(AT))

    def case(self, name: str, filed: Report | None = None, now: datetime = AT) -> ToldCase:
        """A problem of that name, registered then."""
        case = self.cases[name] = ToldCase(name, now)
        case.allocated = self.serial
        self.serial += 1
        case.registered(filed or report(title=f"foul water {name}"))
        return case

    async def take(self, *cases: ToldCase) -> None:
        """Take in, as one batch, what is new of ``cases``; of every one without any."""
        events = [event for case in cases or self.cases.values() for event in case.untold]
        for case in cases or self.cases.values():
            case.untold.clear()
        self.events += events
        await self.take_events(events)

    async def take_events(self, events: Sequence[LedgerEvent]) -> None:
        """Take in ``events`` as one batch."""
        if events:
            await self.projector([delivered(event, number) for number, event in enumerate(events)])


def delivered(event: LedgerEvent, offset: int = 0) -> Delivery[LedgerEvent]:
    """The event as it comes from the topic."""
    subject = str(event.record.id)
    message = Message(
        f"{subject}/{event.event.version}", "duban/router", subject, event.event.at, event.record.jurisdiction, subject,
        event,
    )  # fmt: skip
    return Delivery(message, LedgerEvent.TOPIC, 0, offset, event.event.at)
