"""The desk in memory, for tests; held to the same contract as the one in PostgreSQL."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from duban.errors import Unavailable
from duban.moves import Kind
from duban.texts import folded
from duban_console.accounts.facets import Facet
from duban_console.assessment.diagrams import Lamp
from duban_console.desk import entries
from duban_console.desk.cursor import decoded, encoded
from duban_console.desk.grams import gram_text
from duban_console.desk.lamp_days import lamp_of, recounted
from duban_console.desk.nearness import box_around, metres_between
from duban_console.desk.reader import (
    MOST,
    NEAR,
    CallPage,
    Freshness,
    InboxPage,
    LampCounts,
    LedgerFilters,
    LedgerPage,
    MapBox,
    MapPoint,
    Order,
    SponsoredPage,
    Stake,
    StakePage,
    UnitFigures,
    Wait,
    WeekLamps,
)
from duban_console.desk.rows import (
    ENDED,
    NO_LIMIT,
    CallRow,
    DayKey,
    DeskWriting,
    Dossier,
    RecordRow,
    StakeRow,
    UnitTurn,
    WaitRow,
)
from duban_console.desk.sight import CitySight, Sight


class MemoryDesk:
    """The read model, its transaction and its questions in one."""

    def __init__(self) -> None:
        self.rows: dict[UUID, RecordRow] = {}
        self.stakes: dict[UUID, tuple[StakeRow, ...]] = {}
        self.waits: dict[UUID, tuple[WaitRow, ...]] = {}
        self.turns: dict[tuple[UUID, int], UnitTurn] = {}
        self.called: dict[tuple[UUID, int, str], CallRow] = {}
        self.days: Counter[DayKey] = Counter()
        self.newest: dict[int, datetime] = {}
        self.rebuilding = False
        self.near = NEAR

    @asynccontextmanager
    async def transaction(self, _partitions: Collection[int]) -> AsyncIterator[MemoryDesk]:
        if self.rebuilding:
            raise Unavailable("the read model of the desk is being made anew")
        yield self

    async def dossiers(self, ids: Collection[UUID]) -> dict[UUID, Dossier]:
        dossiers = {}
        for id_ in self.rows.keys() & set(ids):
            row = self.rows[id_]
            turns = sorted(
                (turn for turn in self.turns.values() if turn.record_id == id_), key=lambda turn: turn.version
            )
            dossiers[id_] = Dossier(row.version, row.unit, row.due_key, tuple(turns))
        return dossiers

    async def write(self, writing: DeskWriting) -> None:
        self.rows |= writing.rows
        self.stakes |= writing.stakes
        for id_, waiting in writing.waits.items():
            earlier = {(row.wait, row.item): row.since_at for row in self.waits.get(id_, ())}
            self.waits[id_] = tuple(_since(row, earlier) for row in waiting)
        self.turns |= writing.turns
        self.called |= {(call.record_id, call.version, call.unit): call for call in writing.calls}
        self.days.update(writing.days)
        for partition, at in writing.newest.items():
            self.newest[partition] = max(self.newest.get(partition, at), at)

    async def set_near(self, near: timedelta, now: datetime, zone_of: Callable[[str], ZoneInfo]) -> bool:
        if self.near == near:
            return False
        rows = (row for row in self.rows.values() if row.kind is Kind.PROBLEM and row.due_key < NO_LIMIT)
        still_open = ((row.jurisdiction, row.unit, row.due_key, zone_of(row.pack)) for row in rows)
        self.days.update(recounted(still_open, now, self.near, near))
        self.near = near
        return True

    async def ledger(
        self, sight: Sight, filters: LedgerFilters, *, now: datetime, near: timedelta = NEAR, order: Order = Order.DUE,
        limit: int = 50, cursor: str | None = None,
    ) -> LedgerPage:  # fmt: skip
        city = sight.within(filters.jurisdiction)
        after = decoded(cursor, f"ledger {order}", tuple[datetime, UUID])
        rows = [row for row in self._problems(city, filters) if _passes(row, filters, now, near)]
        if order is Order.DUE:
            rows = sorted(rows, key=lambda row: (row.due_key, row.id))
            rows = [row for row in rows if after is None or (row.due_key, row.id) > after]
        else:
            rows = sorted(rows, key=lambda row: (row.begun_at, row.id), reverse=True)
            rows = [row for row in rows if after is None or (row.begun_at, row.id) < after]
        page = rows[:limit]
        more = len(rows) > limit
        key = (page[-1].due_key if order is Order.DUE else page[-1].begun_at, page[-1].id) if page else ()
        return LedgerPage(
            entries=tuple(entries.ledger_entry(row, city, now, near) for row in page),
            cursor=encoded(f"ledger {order}", key) if more else None,
        )

    async def lamps(self, sight: Sight, filters: LedgerFilters, *, now: datetime, near: timedelta = NEAR) -> LampCounts:
        counts = Counter(
            lamp_of(row.due_key, now, near) for row in self._problems(sight.within(filters.jurisdiction), filters)
        )
        return LampCounts(**{str(lamp): counts[lamp] for lamp in Lamp})

    async def inbox(
        self, sight: Sight, jurisdiction: str, *, waits: Sequence[Wait] = (), unit: str | None = None, limit: int = 50,
        cursor: str | None = None,
    ) -> InboxPage:  # fmt: skip
        city = sight.within(jurisdiction)
        after = decoded(cursor, "inbox", tuple[datetime, datetime, UUID, str, str])
        keyed = sorted(
            (
                ((waiting.due_key, waiting.since_at, row.id, str(waiting.wait), waiting.item), row, waiting)
                for row, waiting in self._waiting(city, jurisdiction, unit)
                if not waits or waiting.wait in waits
            ),
            key=lambda keyed: keyed[0],
        )
        left = [each for each in keyed if after is None or each[0] > after]
        page = left[:limit]
        return InboxPage(
            entries=tuple(entries.inbox_entry(row, waiting, city) for _, row, waiting in page),
            cursor=encoded("inbox", page[-1][0]) if len(left) > limit else None,
        )

    async def inbox_counts(self, sight: Sight, jurisdiction: str, *, unit: str | None = None) -> Mapping[Wait, int]:
        return Counter(waiting.wait for _, waiting in self._waiting(sight.within(jurisdiction), jurisdiction, unit))

    async def mine(
        self, sight: Sight, jurisdiction: str, unit: str, *, now: datetime, near: timedelta = NEAR,
        stakes: Sequence[Stake] = (), limit: int = 50, cursor: str | None = None,
    ) -> StakePage:  # fmt: skip
        city = sight.within(jurisdiction)
        after = decoded(cursor, "mine", tuple[datetime, UUID])
        mine = [
            (row, stake)
            for row in self._of(jurisdiction)
            if city.may_see_unit(row.kind, unit)
            for stake in self.stakes.get(row.id, ())
            if stake.unit == unit
            and (not stakes or stake.stake in stakes)
            and (after is None or (stake.due_key, row.id) > after)
        ]
        mine.sort(key=lambda each: (each[1].due_key, each[0].id))
        page = mine[:limit]
        return StakePage(
            entries=tuple(entries.stake_entry(row, stake, city, now, near) for row, stake in page),
            cursor=encoded("mine", (page[-1][1].due_key, page[-1][0].id)) if len(mine) > limit else None,
        )

    async def calls(
        self, sight: Sight, jurisdiction: str, unit: str, *, limit: int = 50, cursor: str | None = None
    ) -> CallPage:
        city = sight.within(jurisdiction)
        after = decoded(cursor, "calls", tuple[datetime, UUID, int])
        mine = [
            (row, call)
            for call in self.called.values()
            if call.unit == unit
            and call.jurisdiction == jurisdiction
            and city.sees((row := self.rows[call.record_id]).kind, row.parties)
            and (after is None or (call.at, call.record_id, call.version) < after)
        ]
        mine.sort(key=lambda each: (each[1].at, each[1].record_id, each[1].version), reverse=True)
        page = mine[:limit]
        last = page[-1][1] if page else None
        return CallPage(
            entries=tuple(entries.call_entry(row, call, city) for row, call in page),
            cursor=encoded("calls", (last.at, last.record_id, last.version)) if last and len(mine) > limit else None,
        )

    async def sponsored(
        self, sight: Sight, jurisdiction: str, sponsor: str, *, now: datetime, near: timedelta = NEAR, limit: int = 50,
        cursor: str | None = None,
    ) -> SponsoredPage:  # fmt: skip
        city = sight.within(jurisdiction)
        after = decoded(cursor, "sponsored", tuple[datetime, UUID])
        rows = [
            row
            for row in self._seen(city, jurisdiction, Kind.PROBLEM)
            if row.sponsor == sponsor and row.due_key < ENDED and (after is None or (row.due_key, row.id) > after)
        ]
        rows.sort(key=lambda row: (row.due_key, row.id))
        page = rows[:limit]
        return SponsoredPage(
            entries=tuple(entries.sponsored_entry(row, city, now, near) for row in page),
            cursor=encoded("sponsored", (page[-1].due_key, page[-1].id)) if len(rows) > limit else None,
        )

    async def comparison(
        self, sight: Sight, jurisdiction: str, *, from_at: datetime, before: datetime, now: datetime
    ) -> Sequence[UnitFigures]:
        city = sight.within(jurisdiction)
        units: defaultdict[str, list[UnitTurn]] = defaultdict(list)
        for turn in self.turns.values():
            if turn.jurisdiction == jurisdiction:
                units[turn.unit].append(turn)
        leads: defaultdict[str, list[datetime]] = defaultdict(list)
        for row in self._of(jurisdiction):
            for stake in self.stakes.get(row.id, ()):
                if stake.stake is Stake.LEAD:
                    leads[stake.unit].append(stake.due_key)
        figures = [
            _figures(unit, units[unit], leads[unit], from_at, before, now)
            for unit in sorted(units.keys() | leads.keys())
            if city.may_see_unit(Kind.PROBLEM, unit)
        ]
        figures = [each for each in figures if each != UnitFigures(unit=each.unit)]
        if Kind.PROBLEM not in city.whole:
            return figures
        rows = [row for row in self._of(jurisdiction) if row.kind is Kind.PROBLEM]
        return [*figures, _in_all(rows, [turn for some in units.values() for turn in some], from_at, before, now)]

    async def lamps_by_week(
        self, sight: Sight, jurisdiction: str, ends: Sequence[datetime], *, unit: str | None = None
    ) -> Sequence[WeekLamps]:
        city = sight.within(jurisdiction)
        if not (Kind.PROBLEM in city.whole or (unit is not None and unit in city.units)):
            return []
        counts: Counter[tuple[datetime, Lamp]] = Counter()
        for (where, whose, lamp, midnight), by in self.days.items():
            if (where, whose) == (jurisdiction, unit or ""):
                for at in ends:
                    counts[at, lamp] += by if midnight <= at else 0
        return [WeekLamps(ends_at=at, **{str(lamp): counts[at, lamp] for lamp in Lamp}) for at in ends]

    async def nearby(
        self, sight: Sight, jurisdiction: str, latitude: float, longitude: float, metres: float, *, now: datetime,
        near: timedelta = NEAR, category: str | None = None, limit: int = 20,
    ) -> Sequence[MapPoint]:  # fmt: skip
        city = sight.within(jurisdiction)
        points = [
            entries.map_point(row, city, now, near, metres_between(latitude, longitude, row.latitude, row.longitude))
            for row in self._placed(city, jurisdiction, box_around(latitude, longitude, metres), category)
            if row.latitude is not None and row.longitude is not None
        ]
        within = [point for point in points if point.metres is not None and point.metres <= metres]
        return sorted(within, key=lambda point: (point.metres, point.id))[:limit]

    async def on_map(
        self, sight: Sight, jurisdiction: str, box: MapBox, *, now: datetime, near: timedelta = NEAR,
        category: str | None = None, limit: int = MOST,
    ) -> Sequence[MapPoint]:  # fmt: skip
        city = sight.within(jurisdiction)
        rows = sorted(self._placed(city, jurisdiction, box, category), key=lambda row: (row.due_key, row.id))
        return [entries.map_point(row, city, now, near, None) for row in rows[:limit]]

    async def freshness(self) -> Freshness:
        return Freshness(newest_at=max(self.newest.values(), default=None), rebuilding=self.rebuilding)

    def _of(self, jurisdiction: str) -> Iterator[RecordRow]:
        return (row for row in self.rows.values() if row.jurisdiction == jurisdiction)

    def _seen(self, city: CitySight, jurisdiction: str, kind: Kind) -> Iterator[RecordRow]:
        return (row for row in self._of(jurisdiction) if row.kind is kind and city.sees(kind, row.parties))

    def _problems(self, city: CitySight, filters: LedgerFilters) -> Iterator[RecordRow]:
        """Those that pass ``filters``, whatever their lamp."""
        text = folded(filters.text) if filters.text else ""
        for row in self._seen(city, filters.jurisdiction, Kind.PROBLEM):
            number, title = gram_text(row.number), gram_text(row.title)
            if (
                (filters.statuses and row.status not in filters.statuses)
                or filters.category not in (None, row.rule)
                or filters.unit not in (None, row.unit)
                or filters.channel not in (None, row.channel)
                or filters.sponsor not in (None, row.sponsor)
                or (filters.begun_from is not None and row.begun_at < filters.begun_from)
                or (filters.begun_before is not None and row.begun_at >= filters.begun_before)
                or (filters.text and len(text) < 2)
                or (text and text not in number and (not city.always_shows(Facet.TEXT) or text not in title))
            ):
                continue
            yield row

    def _waiting(self, city: CitySight, jurisdiction: str, unit: str | None) -> Iterator[tuple[RecordRow, WaitRow]]:
        for row in self._of(jurisdiction):
            if city.sees(row.kind, row.parties):
                for waiting in self.waits.get(row.id, ()):
                    if unit is None or unit in waiting.units:
                        yield row, waiting

    def _placed(self, city: CitySight, jurisdiction: str, box: MapBox, category: str | None) -> Iterator[RecordRow]:
        for row in self._seen(city, jurisdiction, Kind.PROBLEM):
            if row.latitude is None or row.longitude is None or row.due_key >= ENDED:
                continue
            inside = box.south <= row.latitude <= box.north and box.west <= row.longitude <= box.east
            if inside and category in (None, row.rule) and not city.hides(Facet.PLACE, row.kind, row.parties):
                yield row


def _since(row: WaitRow, earlier: Mapping[tuple[Wait, str], datetime]) -> WaitRow:
    """``row`` since when it first waited, where the state of the record does not say so."""
    since_at = min(row.since_at, earlier.get((row.wait, row.item), row.since_at))
    return WaitRow(row.wait, row.item, row.units, since_at, row.due_key) if row.wait is Wait.MEASURE else row


def _passes(row: RecordRow, filters: LedgerFilters, now: datetime, near: timedelta) -> bool:
    if filters.lamp is not None and lamp_of(row.due_key, now, near) is not filters.lamp:
        return False
    return filters.closed is None or filters.closed == (row.due_key >= ENDED)


def _figures(
    unit: str, turns: list[UnitTurn], leads: list[datetime], from_at: datetime, before: datetime, now: datetime
) -> UnitFigures:
    def within(at: datetime | None) -> bool:
        return at is not None and from_at <= at < before

    closed = [turn for turn in turns if within(turn.closed_at)]
    return UnitFigures(
        unit=unit,
        received=len({turn.record_id for turn in turns if within(turn.given_at)}),
        open=len(leads),
        overdue=sum(due_key <= now for due_key in leads),
        closed=len(closed),
        closed_late=sum(turn.lapses > 0 for turn in closed),
        respond=entries.spread(turn.answer for turn in turns if within(turn.answered_at) and turn.answer is not None),
        resolve=entries.spread(turn.whole for turn in turns if within(turn.completed_at) and turn.whole is not None),
    )


def _in_all(
    rows: Iterable[RecordRow], turns: list[UnitTurn], from_at: datetime, before: datetime, now: datetime
) -> UnitFigures:
    def within(at: datetime | None) -> bool:
        return at is not None and from_at <= at < before

    problems = list(rows)
    closed = [row for row in problems if within(row.closed_at)]
    answers = (turn.answer_in_all for turn in turns if within(turn.answered_at))
    wholes = (turn.whole_in_all for turn in turns if within(turn.completed_at))
    return UnitFigures(
        unit=None,
        received=sum(within(row.begun_at) for row in problems),
        open=sum(row.due_key < ENDED for row in problems),
        overdue=sum(row.due_key <= now for row in problems),
        closed=len(closed),
        closed_late=sum(row.lapses > 0 for row in closed),
        respond=entries.spread(seconds for seconds in answers if seconds is not None),
        resolve=entries.spread(seconds for seconds in wholes if seconds is not None),
    )
