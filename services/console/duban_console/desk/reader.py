"""What can be asked at the desk, and what is answered. Pure but for the questions themselves.

Every question is about one city, and takes the ``Sight`` of who asks (``Sight.of(principal)``, once for each request):
what is not there for them is not answered, and what is hidden of a record stands as None, a title as ``HIDDEN``.
``now`` and ``near`` come from outside: a limit is near, its lamp yellow, when no more than ``near`` is left of it.
Pages follow each other by ``cursor``, which is to be given back with the same filters; the last page has none.

Two make the answers: :class:`duban_console.desk.queries.PostgresDesk` and, for tests of pages,
:class:`duban_console.desk.memory.MemoryDesk`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from duban.messages.struct import Frozen
from duban.moves import Kind, Status
from duban_console.assessment.diagrams import Lamp
from duban_console.desk.sight import Sight

#: What stands in the place of a title that somebody may not see.
HIDDEN: Final = "***"
#: Until when a limit is not near, where nobody has set another time.
NEAR: Final = timedelta(days=2)
#: Most lines on a page.
MOST: Final = 500


class Order(StrEnum):
    """In which order the ledger is shown."""

    DUE = "due"  #: what is due soonest first; what has no limit, then what is closed, last
    NUMBER = "number"  #: the newest number first: the order in which they were registered, backwards


class Wait(StrEnum):
    """What waits for a person at the office, or for whom the pack names in its place."""

    UNROUTED = "unrouted"  #: no line of the responsibility list takes it: a person names the unit
    HANDED_BACK = "handed_back"  #: a unit has returned it, or it was taken from one
    EXTENSION = "extension"  #: more time was asked for
    PLAN = "plan"  #: a change of a plan was asked for
    MEASURE = "measure"  #: a measure waits for approval
    JUSTIFICATION = "justification"  #: a reason for being late was filed
    APPEAL = "appeal"  #: who stands on a list has answered
    VERIFICATION = "verification"  #: completed work waits to be verified
    CHECK = "check"  #: a check of the gate is to be signed
    STRIKE_OFF = "strike_off"  #: everything is there that strike-off needs
    LOOK_BACK = "look_back"  #: it was struck off, and is to be looked back at
    REWARD = "reward"  #: the amount of a reward is to be fixed


#: Which action (:data:`duban_console.action.ACTIONS`) answers each; of those with two words, the affirmative one.
ANSWERED_BY: Final[Mapping[Wait, str]] = {
    Wait.UNROUTED: "dispatch",
    Wait.HANDED_BACK: "dispatch",
    Wait.EXTENSION: "decide_extension",
    Wait.PLAN: "decide_plan",
    Wait.MEASURE: "approve",
    Wait.JUSTIFICATION: "decide_justification",
    Wait.APPEAL: "decide_appeal",
    Wait.VERIFICATION: "verify",
    Wait.CHECK: "check",
    Wait.STRIKE_OFF: "strike_off",
    Wait.LOOK_BACK: "look_back",
    Wait.REWARD: "award",
}


class Stake(StrEnum):
    """What an open record is to a unit; the first that holds is its stake."""

    LEAD = "lead"  #: it has it in hand: the lead unit of a problem
    CO = "co"  #: it joins in, and may have a part to finish
    DUTY = "duty"  #: a duty of its own, or a pledge that it watches
    OWED = "owed"  #: it owes something else in it: a receipt, a decision, a reward
    SPONSOR = "sponsor"  #: it has taken it (领导包案)
    PAIR = "pair"  #: it is paired with the handler (结对)


@dataclass(frozen=True, slots=True)
class LedgerFilters:
    """Which problems of the ledger are wanted; what is None or empty does not matter.

    ``unit`` is the lead unit; ``closed``: only those that are, or only those that are not. ``begun_from`` and
    ``begun_before`` bound the registration. ``text`` stands in the title or the number, however it is written (capitals
    and width do not matter); for who may not see titles, in the number alone. ``lamp`` is of open problems.
    """

    jurisdiction: str
    statuses: tuple[Status, ...] = ()
    category: str | None = None
    unit: str | None = None
    channel: str | None = None
    sponsor: str | None = None
    lamp: Lamp | None = None
    closed: bool | None = None
    begun_from: datetime | None = None
    begun_before: datetime | None = None
    text: str | None = None


class LedgerEntry(Frozen):
    """A problem in the ledger; ``obligation``, ``owner`` and ``due_at`` are of the limit that ends soonest, if any."""

    id: UUID
    jurisdiction: str
    pack: str
    number: str
    title: str
    category: str
    channel: str
    status: Status
    lamp: Lamp | None
    begun_at: datetime
    unit: str | None = None
    co_units: tuple[str, ...] = ()
    sponsor: str | None = None
    area: str | None = None
    enterprise: str | None = None
    flags: tuple[str, ...] = ()
    obligation: str | None = None
    owner: str | None = None
    due_at: datetime | None = None
    closed_at: datetime | None = None
    reports: int = 1
    lapses: int = 0


class LedgerPage(Frozen):
    """Problems in the order that was asked for."""

    entries: tuple[LedgerEntry, ...]
    cursor: str | None = None


class LampCounts(Frozen):
    """How many of the open problems that were asked for stand in which lamp."""

    red: int = 0
    yellow: int = 0
    green: int = 0
    none: int = 0

    @property
    def open(self) -> int:
        """How many are open."""
        return self.red + self.yellow + self.green + self.none


class InboxEntry(Frozen):
    """Something that waits for a person.

    ``item`` says which where there may be several: the obligation of an extension, ``obligation/part`` of a reason, the
    version of a measure, the id of a check. ``units`` are those that may answer it, ``action`` with what; ``due_at`` is
    until when one of them owes that, if anybody does.
    """

    id: UUID
    kind: Kind
    jurisdiction: str
    pack: str
    number: str
    title: str
    status: Status
    wait: Wait
    item: str
    action: str
    units: tuple[str, ...]
    since_at: datetime
    due_at: datetime | None = None
    unit: str | None = None


class InboxPage(Frozen):
    """What waits: what is due soonest first, then what nobody owes by a date, the oldest first."""

    entries: tuple[InboxEntry, ...]
    cursor: str | None = None


class StakeEntry(Frozen):
    """An open record in which a unit has a stake.

    ``obligation`` and ``due_at`` are what this very unit owes in it soonest; ``measure`` is what follows at ``next_at``
    if it does not (empty: nothing at the lapse itself). ``finished``: a co-unit has done its part. ``unit`` has the
    record in hand. ``rule``: the category, duty, list or reward.
    """

    id: UUID
    kind: Kind
    jurisdiction: str
    pack: str
    number: str
    title: str
    rule: str
    status: Status
    stake: Stake
    lamp: Lamp
    begun_at: datetime
    unit: str | None = None
    obligation: str | None = None
    due_at: datetime | None = None
    measure: str = ""
    next_at: datetime | None = None
    finished: bool = False


class StakePage(Frozen):
    """Records in which a unit has a stake: what it owes soonest first, then the rest."""

    entries: tuple[StakeEntry, ...]
    cursor: str | None = None


class CallEntry(Frozen):
    """A measure that was told to a unit: by which event of which record, on which ground, against whom.

    ``ground`` is the obligation that lapsed or the trigger; ``owner`` is whose lapse it was, if anybody's.
    """

    id: UUID
    version: int
    kind: Kind
    jurisdiction: str
    pack: str
    number: str
    title: str
    status: Status
    measure: str
    ground: str
    at: datetime
    owner: str | None = None


class CallPage(Frozen):
    """Measures that were told to a unit, the newest first."""

    entries: tuple[CallEntry, ...]
    cursor: str | None = None


class MilestoneEntry(Frozen):
    """A stage of a filed plan; those that are reached come first."""

    title: str
    due_at: datetime
    reached: bool


class SponsoredEntry(Frozen):
    """A problem that somebody sponsors, with its plan: what is still to be reached by when."""

    problem: LedgerEntry
    pair: str | None = None
    plan_due_at: datetime | None = None
    milestones: tuple[MilestoneEntry, ...] = ()


class SponsoredPage(Frozen):
    """The open problems of a sponsor, what is due soonest first."""

    entries: tuple[SponsoredEntry, ...]
    cursor: str | None = None


class Spread(Frozen):
    """How long something took, in working hours: of how many, the median, and what nine of ten did not exceed."""

    count: int = 0
    median: float | None = None
    ninth_decile: float | None = None


class UnitFigures(Frozen):
    """A unit in a period, or all together where ``unit`` is None.

    ``received``: given to it in the period (of all: registered). ``open`` and ``overdue``: in its hands now, and past a
    limit. ``closed``: closed in the period in its hands; ``closed_late``: of these, with a limit that lapsed meanwhile.
    ``respond``: from the receipt to the acknowledgement in the period; ``resolve``: how long a problem that it
    completed in the period, and that was not sent back since, lay in its hands; both as bulletins count them.
    """

    unit: str | None
    received: int = 0
    open: int = 0
    overdue: int = 0
    closed: int = 0
    closed_late: int = 0
    respond: Spread = Spread()
    resolve: Spread = Spread()

    @property
    def closed_in_time(self) -> int:
        """How many of those closed in the period were closed without a lapse."""
        return self.closed - self.closed_late


class WeekLamps(Frozen):
    """How many problems were open in which lamp at ``ends_at``."""

    ends_at: datetime
    red: int = 0
    yellow: int = 0
    green: int = 0
    none: int = 0


class MapPoint(Frozen):
    """An open problem on a map; ``metres`` from where it was asked, where it was."""

    id: UUID
    number: str
    title: str
    category: str
    status: Status
    lamp: Lamp
    begun_at: datetime
    latitude: float
    longitude: float
    metres: float | None = None


@dataclass(frozen=True, slots=True)
class MapBox:
    """A box on the earth in degrees, WGS 84; none crosses the date line."""

    south: float
    west: float
    north: float
    east: float


class Freshness(Frozen):
    """How fresh the read model is: the newest event that it holds, and whether it is being made anew."""

    newest_at: datetime | None = None
    rebuilding: bool = False


class DeskReader(Protocol):
    """The questions of the pages. Every one raises :class:`duban.errors.Unavailable` while it cannot be asked."""

    async def ledger(
        self, sight: Sight, filters: LedgerFilters, *, now: datetime, near: timedelta = NEAR, order: Order = Order.DUE,
        limit: int = 50, cursor: str | None = None,
    ) -> LedgerPage:  # fmt: skip
        """The ledger 台账: at most ``limit`` problems after ``cursor``.

        Raises:
            BadCursor: ``cursor`` is none of ours, or of another order.
        """

    async def lamps(self, sight: Sight, filters: LedgerFilters, *, now: datetime, near: timedelta = NEAR) -> LampCounts:
        """How many open problems that pass ``filters`` stand in which lamp; its ``lamp`` and ``closed`` aside."""

    async def inbox(
        self, sight: Sight, jurisdiction: str, *, waits: Sequence[Wait] = (), unit: str | None = None, limit: int = 50,
        cursor: str | None = None,
    ) -> InboxPage:  # fmt: skip
        """What waits for a person: only ``waits`` where any are named, only what ``unit`` may answer where one is.

        Raises:
            BadCursor: ``cursor`` is none of ours.
        """

    async def inbox_counts(self, sight: Sight, jurisdiction: str, *, unit: str | None = None) -> Mapping[Wait, int]:
        """How much waits, of each; what nothing waits for is absent."""

    async def mine(
        self, sight: Sight, jurisdiction: str, unit: str, *, now: datetime, near: timedelta = NEAR,
        stakes: Sequence[Stake] = (), limit: int = 50, cursor: str | None = None,
    ) -> StakePage:  # fmt: skip
        """The open records in which ``unit`` has a stake (of ``stakes``, if any are named), by what it owes soonest.

        Raises:
            BadCursor: ``cursor`` is none of ours.
        """

    async def calls(
        self, sight: Sight, jurisdiction: str, unit: str, *, limit: int = 50, cursor: str | None = None
    ) -> CallPage:
        """The measures that were told to ``unit``, the newest first.

        Raises:
            BadCursor: ``cursor`` is none of ours.
        """

    async def sponsored(
        self, sight: Sight, jurisdiction: str, sponsor: str, *, now: datetime, near: timedelta = NEAR, limit: int = 50,
        cursor: str | None = None,
    ) -> SponsoredPage:  # fmt: skip
        """The wall chart 挂图作战 of ``sponsor``: the open problems that they have taken, with their milestones.

        Raises:
            BadCursor: ``cursor`` is none of ours.
        """

    async def comparison(
        self, sight: Sight, jurisdiction: str, *, from_at: datetime, before: datetime, now: datetime
    ) -> Sequence[UnitFigures]:
        """Every unit that did or has anything, by its id, in the period ``from_at`` to ``before``; all together last.

        Who does not see the whole city is shown their own units, and no whole.
        """

    async def lamps_by_week(
        self, sight: Sight, jurisdiction: str, ends: Sequence[datetime], *, unit: str | None = None
    ) -> Sequence[WeekLamps]:
        """How many problems were open in which lamp at each of ``ends``, which are ends of weeks in the city's zone.

        By the time before a limit for which the read model was set then, ``DUBAN_DESK_NEAR_HOURS``. With ``unit`` those
        in its hands. What is not there for who asks is not counted: who does not see the whole city names a unit of
        theirs.
        """

    async def nearby(
        self, sight: Sight, jurisdiction: str, latitude: float, longitude: float, metres: float, *, now: datetime,
        near: timedelta = NEAR, category: str | None = None, limit: int = 20,
    ) -> Sequence[MapPoint]:  # fmt: skip
        """The open problems within ``metres``, the nearest first; none of which the place is hidden."""

    async def on_map(
        self, sight: Sight, jurisdiction: str, box: MapBox, *, now: datetime, near: timedelta = NEAR,
        category: str | None = None, limit: int = MOST,
    ) -> Sequence[MapPoint]:  # fmt: skip
        """The open problems in ``box``, those due soonest first; none of which the place is hidden."""

    async def freshness(self) -> Freshness:
        """How fresh what is answered is."""
