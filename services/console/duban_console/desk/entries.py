"""From the rows of the read model to what somebody is answered, without what is hidden from them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from math import ceil
from statistics import median

from duban_console.accounts.facets import Facet
from duban_console.assessment.diagrams import Lamp
from duban_console.desk.lamp_days import lamp_of
from duban_console.desk.reader import (
    ANSWERED_BY,
    HIDDEN,
    CallEntry,
    InboxEntry,
    LedgerEntry,
    MapPoint,
    MilestoneEntry,
    SponsoredEntry,
    Spread,
    StakeEntry,
)
from duban_console.desk.rows import NO_LIMIT, CallRow, RecordRow, StakeRow, WaitRow
from duban_console.desk.sight import CitySight

_HOUR = 3600


def due_at(due_key: datetime) -> datetime | None:
    """The limit that ``due_key`` is; None where it stands for none."""
    return due_key if due_key < NO_LIMIT else None


def title(row: RecordRow, sight: CitySight) -> str:
    """The title as it is shown."""
    return HIDDEN if sight.hides(Facet.TEXT, row.kind, row.parties) else row.title


def ledger_entry(row: RecordRow, sight: CitySight, now: datetime, near: timedelta) -> LedgerEntry:
    """The problem of ``row`` in the ledger."""
    assert row.channel is not None  # it is a problem
    return LedgerEntry(
        id=row.id,
        jurisdiction=row.jurisdiction,
        pack=row.pack,
        number=row.number,
        title=title(row, sight),
        category=row.rule,
        channel=row.channel,
        status=row.status,
        lamp=lamp_of(row.due_key, now, near),
        begun_at=row.begun_at,
        unit=row.unit,
        co_units=row.co_units,
        sponsor=row.sponsor,
        area=row.area,
        enterprise=None if sight.hides(Facet.ENTERPRISE, row.kind, row.parties) else row.enterprise,
        flags=row.flags,
        obligation=row.obligation,
        owner=row.due_of,
        due_at=due_at(row.due_key),
        closed_at=row.closed_at,
        reports=row.reports,
        lapses=row.lapses,
    )


def inbox_entry(row: RecordRow, waiting: WaitRow, sight: CitySight) -> InboxEntry:
    """What waits in the record of ``row``."""
    return InboxEntry(
        id=row.id,
        kind=row.kind,
        jurisdiction=row.jurisdiction,
        pack=row.pack,
        number=row.number,
        title=title(row, sight),
        status=row.status,
        wait=waiting.wait,
        item=waiting.item,
        action=ANSWERED_BY[waiting.wait],
        units=waiting.units,
        since_at=waiting.since_at,
        due_at=due_at(waiting.due_key),
        unit=row.unit,
    )


def stake_entry(row: RecordRow, stake: StakeRow, sight: CitySight, now: datetime, near: timedelta) -> StakeEntry:
    """What the record of ``row`` is to a unit."""
    return StakeEntry(
        id=row.id,
        kind=row.kind,
        jurisdiction=row.jurisdiction,
        pack=row.pack,
        number=row.number,
        title=title(row, sight),
        rule=row.rule,
        status=row.status,
        stake=stake.stake,
        lamp=lamp_of(stake.due_key, now, near) or Lamp.NONE,
        begun_at=row.begun_at,
        unit=row.unit,
        obligation=stake.obligation,
        due_at=due_at(stake.due_key),
        measure=stake.measure,
        next_at=stake.next_at,
        finished=stake.finished,
    )


def call_entry(row: RecordRow, call: CallRow, sight: CitySight) -> CallEntry:
    """A measure that was told to a unit."""
    return CallEntry(
        id=row.id,
        version=call.version,
        kind=row.kind,
        jurisdiction=row.jurisdiction,
        pack=row.pack,
        number=row.number,
        title=title(row, sight),
        status=row.status,
        measure=call.measure,
        ground=call.ground,
        at=call.at,
        owner=call.owner,
    )


def sponsored_entry(row: RecordRow, sight: CitySight, now: datetime, near: timedelta) -> SponsoredEntry:
    """A problem on the wall chart; the words of its plan are texts like its title."""
    hidden = sight.hides(Facet.TEXT, row.kind, row.parties)
    return SponsoredEntry(
        problem=ledger_entry(row, sight, now, near),
        pair=row.pair,
        plan_due_at=row.plan_due_at,
        milestones=tuple(
            MilestoneEntry(title=HIDDEN if hidden else stage, due_at=due, reached=number < row.reached)
            for number, (stage, due) in enumerate(row.milestones)
        ),
    )


def map_point(row: RecordRow, sight: CitySight, now: datetime, near: timedelta, metres: float | None) -> MapPoint:
    """An open problem where it is."""
    assert row.latitude is not None  # it has a place
    assert row.longitude is not None
    return MapPoint(
        id=row.id,
        number=row.number,
        title=title(row, sight),
        category=row.rule,
        status=row.status,
        lamp=lamp_of(row.due_key, now, near) or Lamp.NONE,
        begun_at=row.begun_at,
        latitude=row.latitude,
        longitude=row.longitude,
        metres=metres,
    )


def spread(seconds: Iterable[float]) -> Spread:
    """How long something took, in hours: the median, and the least that nine of ten did not exceed."""
    ordered: Sequence[float] = sorted(seconds)
    if not ordered:
        return Spread()
    ninth = ordered[ceil(0.9 * len(ordered)) - 1]
    return Spread(count=len(ordered), median=median(ordered) / _HOUR, ninth_decile=ninth / _HOUR)
