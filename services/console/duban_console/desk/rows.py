"""The rows of the read model: what is kept of a record, of those who have to do with it, and of what it took. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeAlias
from uuid import UUID

from duban.moves import Kind, Status
from duban_console.assessment.diagrams import Lamp
from duban_console.desk.reader import Stake, Wait

#: Stands for the limit of what is open without one, so that it comes behind every limit.
NO_LIMIT: Final = datetime(9999, 1, 1, tzinfo=UTC)
#: Stands for the limit of what is closed, behind everything that is open.
ENDED: Final = datetime(9999, 12, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A record as the desk shows it. ``due_key`` is the soonest limit, or stands for none; ``due_of`` who owes that.

    ``parties`` are the units to which it is there; ``grams`` by what its number and title are found.
    """

    id: UUID
    kind: Kind
    jurisdiction: str
    pack: str
    number: str
    title: str
    rule: str
    status: Status
    version: int
    begun_at: datetime
    changed_at: datetime
    due_key: datetime
    unit: str | None = None
    obligation: str | None = None
    due_of: str | None = None
    closed_at: datetime | None = None
    parties: tuple[str, ...] = ()
    grams: tuple[int, ...] = ()
    channel: str | None = None
    area: str | None = None
    enterprise: str | None = None
    sponsor: str | None = None
    pair: str | None = None
    co_units: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    reports: int = 1
    lapses: int = 0
    latitude: float | None = None
    longitude: float | None = None
    plan_due_at: datetime | None = None
    milestones: tuple[tuple[str, datetime], ...] = ()
    reached: int = 0


@dataclass(frozen=True, slots=True)
class StakeRow:
    """What an open record, or one in which something is owed still, is to ``unit``; see :class:`StakeEntry`."""

    unit: str
    stake: Stake
    due_key: datetime = NO_LIMIT
    obligation: str | None = None
    measure: str = ""
    next_at: datetime | None = None
    finished: bool = False


@dataclass(frozen=True, slots=True)
class WaitRow:
    """What waits for one of ``units``; see :class:`InboxEntry`."""

    wait: Wait
    item: str
    units: tuple[str, ...]
    since_at: datetime
    due_key: datetime = NO_LIMIT


@dataclass(frozen=True, slots=True)
class CallRow:
    """A measure that the event ``version`` of a record told to ``unit``."""

    record_id: UUID
    version: int
    unit: str
    jurisdiction: str
    measure: str
    ground: str
    owner: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class UnitTurn:
    """A problem in the hands of one lead unit, from the dispatch to it until it goes to another, back, or is closed.

    ``version`` is the event that gave it to the unit, ``again`` where it had had it before. It lies there since
    ``held_from``; before that it did for ``held``. ``completed_at`` is None again once the work was led back.
    ``answer`` and ``whole`` are how long the unit took until it acknowledged, and in all its turns until it completed;
    ``answer_in_all`` and ``whole_in_all`` are the same since the registration. All of them in working seconds.
    """

    record_id: UUID
    version: int
    jurisdiction: str
    unit: str
    given_at: datetime
    held_from: datetime | None = None
    held: float = 0
    answered_at: datetime | None = None
    answer: float | None = None
    answer_in_all: float | None = None
    completed_at: datetime | None = None
    whole: float | None = None
    whole_in_all: float | None = None
    left_at: datetime | None = None
    closed_at: datetime | None = None
    lapses: int = 0
    again: bool = False


@dataclass(frozen=True, slots=True)
class Dossier:
    """What is kept of one record for the events that follow: its version, whose it was until when, its turns."""

    version: int
    unit: str | None = None
    due_key: datetime = ENDED
    turns: tuple[UnitTurn, ...] = ()


#: What changes in the counts of a day: jurisdiction, unit (empty: all of them), lamp, the midnight that follows.
DayKey: TypeAlias = tuple[str, str, Lamp, datetime]


@dataclass(slots=True)
class DeskWriting:
    """What one batch changes, in one transaction: the newest state of each record, and what happened on the way.

    ``stakes`` and ``waits`` replace those of their records. ``days`` are added to what is there.
    ``newest`` is the newest event of each partition.
    """

    rows: dict[UUID, RecordRow] = field(default_factory=dict)
    stakes: dict[UUID, tuple[StakeRow, ...]] = field(default_factory=dict)
    waits: dict[UUID, tuple[WaitRow, ...]] = field(default_factory=dict)
    turns: dict[tuple[UUID, int], UnitTurn] = field(default_factory=dict)
    calls: list[CallRow] = field(default_factory=list)
    days: Counter[DayKey] = field(default_factory=Counter)
    newest: dict[int, datetime] = field(default_factory=dict)
    gaps: int = 0
