"""The questions of the pages, asked of the read model in PostgreSQL; the contract test looks at the plans."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg

from duban.messages.struct import from_json
from duban.moves import Kind, Status
from duban_console.assessment.diagrams import Lamp
from duban_console.desk import entries
from duban_console.desk.cursor import decoded, encoded
from duban_console.desk.month_questions import OF_CITY, OF_UNITS
from duban_console.desk.month_sums import MonthSums
from duban_console.desk.nearness import box_around, metres_between
from duban_console.desk.questions import (
    BEYOND,
    FRESHNESS,
    IN_ALL,
    OPEN_BY_UNIT,
    OPEN_IN_ALL,
    REPEATED,
    WAIT_KEY,
    WEEKS,
    Question,
    call_question,
    comparison,
    count_by_lamp,
    count_question,
    in_order,
    inbox_question,
    ledger_question,
    mine_question,
    place_question,
    walk_question,
)
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
    Spread,
    Stake,
    StakePage,
    UnitFigures,
    Wait,
    WeekLamps,
)
from duban_console.desk.rows import CallRow, RecordRow, StakeRow, WaitRow
from duban_console.desk.sight import Sight
from duban_console.desk.store import RECORD
from duban_console.ledger import asking

_HOUR: Final = 3600


class PostgresDesk:
    """The answers, by connections of ``pool``, whose plans are made for the values that are given."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def ledger(
        self, sight: Sight, filters: LedgerFilters, *, now: datetime, near: timedelta = NEAR, order: Order = Order.DUE,
        limit: int = 50, cursor: str | None = None,
    ) -> LedgerPage:  # fmt: skip
        city = sight.within(filters.jurisdiction)
        after = decoded(cursor, f"ledger {order}", tuple[datetime, UUID])
        key = "due_key" if order is Order.DUE else "begun_at"
        rows: list[RecordRow] = []
        if filters.text:
            rows = await self._rows(walk_question(city, filters, now, near, key, after), in_order(key), limit)
        if len(rows) <= limit:
            question = ledger_question(city, filters, now, near)
            if after is not None:
                question.where(f"(record.{key}, record.id) {BEYOND[key]} ({{}}, {{}})", *after)
            rows = await self._rows(question, in_order(key), limit)
        page = rows[:limit]
        return LedgerPage(
            entries=tuple(entries.ledger_entry(row, city, now, near) for row in page),
            cursor=encoded(f"ledger {order}", (getattr(page[-1], key), page[-1].id)) if len(rows) > limit else None,
        )

    async def lamps(self, sight: Sight, filters: LedgerFilters, *, now: datetime, near: timedelta = NEAR) -> LampCounts:
        city = sight.within(filters.jurisdiction)
        question = count_by_lamp(city, filters, now, near)
        [row] = await self._fetch(question.text(), question.values)
        return LampCounts(**row)

    async def inbox(
        self, sight: Sight, jurisdiction: str, *, waits: Sequence[Wait] = (), unit: str | None = None, limit: int = 50,
        cursor: str | None = None,
    ) -> InboxPage:  # fmt: skip
        city = sight.within(jurisdiction)
        after = decoded(cursor, "inbox", tuple[datetime, datetime, UUID, str, str])
        question = inbox_question(city, jurisdiction, waits, unit)
        if after is not None:
            question.where(f"{WAIT_KEY} > ({{}}, {{}}, {{}}, {{}}, {{}})", *after)
        text = question.text(f"order by {WAIT_KEY[1:-1]} limit {limit + 1}")
        rows = await self._fetch(text, question.values)
        page = [(_record(row), _wait(row)) for row in rows[:limit]]
        key = _wait_key(*page[-1]) if page else ()
        return InboxPage(
            entries=tuple(entries.inbox_entry(record, waiting, city) for record, waiting in page),
            cursor=encoded("inbox", key) if len(rows) > limit else None,
        )

    async def inbox_counts(self, sight: Sight, jurisdiction: str, *, unit: str | None = None) -> Mapping[Wait, int]:
        city = sight.within(jurisdiction)
        question = count_question(city, jurisdiction, unit)
        rows = await self._fetch(question.text("group by waiting.wait"), question.values)
        return {Wait(wait): count for wait, count in rows}

    async def mine(
        self, sight: Sight, jurisdiction: str, unit: str, *, now: datetime, near: timedelta = NEAR,
        stakes: Sequence[Stake] = (), limit: int = 50, cursor: str | None = None,
    ) -> StakePage:  # fmt: skip
        city = sight.within(jurisdiction)
        after = decoded(cursor, "mine", tuple[datetime, UUID])
        question = mine_question(city, jurisdiction, unit, stakes)
        if after is not None:
            question.where("(stake.due_key, stake.record_id) > ({}, {})", *after)
        text = question.text(f"order by stake.due_key, stake.record_id limit {limit + 1}")
        rows = await self._fetch(text, question.values)
        page = [(_record(row), _stake(row)) for row in rows[:limit]]
        return StakePage(
            entries=tuple(entries.stake_entry(record, stake, city, now, near) for record, stake in page),
            cursor=encoded("mine", (page[-1][1].due_key, page[-1][0].id)) if len(rows) > limit else None,
        )

    async def calls(
        self, sight: Sight, jurisdiction: str, unit: str, *, limit: int = 50, cursor: str | None = None
    ) -> CallPage:
        city = sight.within(jurisdiction)
        after = decoded(cursor, "calls", tuple[datetime, UUID, int])
        question = call_question(city, jurisdiction, unit)
        if after is not None:
            question.where("(call.at, call.record_id, call.version) < ({}, {}, {})", *after)
        then = f"order by call.at desc, call.record_id desc, call.version desc limit {limit + 1}"
        rows = await self._fetch(question.text(then), question.values)
        page = [(_record(row), _call(row)) for row in rows[:limit]]
        key = (page[-1][1].at, page[-1][0].id, page[-1][1].version) if page else ()
        return CallPage(
            entries=tuple(entries.call_entry(record, call, city) for record, call in page),
            cursor=encoded("calls", key) if len(rows) > limit else None,
        )

    async def sponsored(
        self, sight: Sight, jurisdiction: str, sponsor: str, *, now: datetime, near: timedelta = NEAR, limit: int = 50,
        cursor: str | None = None,
    ) -> SponsoredPage:  # fmt: skip
        city = sight.within(jurisdiction)
        after = decoded(cursor, "sponsored", tuple[datetime, UUID])
        question = ledger_question(city, LedgerFilters(jurisdiction, sponsor=sponsor, closed=False), now, near)
        if after is not None:
            question.where("(record.due_key, record.id) > ({}, {})", *after)
        rows = await self._rows(question, "order by record.due_key, record.id", limit)
        page = rows[:limit]
        return SponsoredPage(
            entries=tuple(entries.sponsored_entry(row, city, now, near) for row in page),
            cursor=encoded("sponsored", (page[-1].due_key, page[-1].id)) if len(rows) > limit else None,
        )

    async def comparison(
        self, sight: Sight, jurisdiction: str, *, from_at: datetime, before: datetime, now: datetime
    ) -> Sequence[UnitFigures]:
        city = sight.within(jurisdiction)
        whole = Kind.PROBLEM in city.whole
        if not whole and Kind.PROBLEM not in city.partly:
            return []
        # Beside each other, for each sorts what everybody took.
        compared = self._of_units(jurisdiction, None if whole else sorted(city.units), from_at, before, now)
        if not whole:
            return await compared
        in_all = self._in_all(jurisdiction, from_at, before, now)
        units, together = await asyncio.gather(compared, in_all)
        return [*units, together]

    async def _of_units(
        self, jurisdiction: str, units: list[str] | None, from_at: datetime, before: datetime, now: datetime
    ) -> list[UnitFigures]:
        figures: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        async with self._reading() as connection:
            queries = comparison(whole=units is None)
            if units is None and (sums := await MonthSums.of(connection, jurisdiction, from_at, before)) is not None:
                queries = [REPEATED]
                for question in OF_UNITS:
                    for unit, fields in await sums.figures(question):
                        figures[unit] |= fields
            for query in queries:
                own = () if units is None else (units,)
                for row in await connection.fetch(query, jurisdiction, from_at, before, *own):
                    if row["unit"] is not None:
                        figures[row["unit"]] |= _figures(row)
            for row in await connection.fetch(OPEN_BY_UNIT, jurisdiction, units, now):
                figures[row["unit"]] |= _figures(row)
        for of_unit in figures.values():
            of_unit["received"] = of_unit.get("received", 0) - of_unit.pop("repeated", 0)
        compared = [UnitFigures(unit=unit, **figures[unit]) for unit in sorted(figures)]
        return [each for each in compared if each != UnitFigures(unit=each.unit)]

    async def _in_all(self, jurisdiction: str, from_at: datetime, before: datetime, now: datetime) -> UnitFigures:
        figures: dict[str, Any] = {}
        async with self._reading() as connection:
            sums = await MonthSums.of(connection, jurisdiction, from_at, before)
            if sums is not None:
                for question in OF_CITY:
                    for _, fields in await sums.figures(question):
                        figures |= fields
            else:
                for query in IN_ALL:
                    [row] = await connection.fetch(query, jurisdiction, from_at, before)
                    figures |= _figures(row)
            [row] = await connection.fetch(OPEN_IN_ALL, jurisdiction, now)
        return UnitFigures(unit=None, **figures | _figures(row))

    async def lamps_by_week(
        self, sight: Sight, jurisdiction: str, ends: Sequence[datetime], *, unit: str | None = None
    ) -> Sequence[WeekLamps]:
        city = sight.within(jurisdiction)
        if not ends or not (Kind.PROBLEM in city.whole or (unit is not None and unit in city.units)):
            return []
        changes: Counter[tuple[int, str]] = Counter()
        for number, lamp, change in await self._fetch(WEEKS, (jurisdiction, unit or "", list(ends))):
            changes[number, lamp] += change
        counts: Counter[str] = Counter()
        weeks: dict[datetime, WeekLamps] = {}
        for number, at in enumerate(sorted(ends)):
            for lamp in Lamp:
                counts[lamp] += changes[number, lamp]
            weeks[at] = WeekLamps(ends_at=at, **{lamp.value: counts[lamp] for lamp in Lamp})
        return [weeks[at] for at in ends]

    async def nearby(
        self, sight: Sight, jurisdiction: str, latitude: float, longitude: float, metres: float, *, now: datetime,
        near: timedelta = NEAR, category: str | None = None, limit: int = 20,
    ) -> Sequence[MapPoint]:  # fmt: skip
        city = sight.within(jurisdiction)
        question = place_question(city, jurisdiction, box_around(latitude, longitude, metres), category)
        points = [
            entries.map_point(row, city, now, near, metres_between(latitude, longitude, row.latitude, row.longitude))
            for row in map(_record, await self._fetch(question.text(), question.values))
            if row.latitude is not None and row.longitude is not None
        ]
        within = [point for point in points if point.metres is not None and point.metres <= metres]
        return sorted(within, key=lambda point: (point.metres, point.id))[:limit]

    async def on_map(
        self, sight: Sight, jurisdiction: str, box: MapBox, *, now: datetime, near: timedelta = NEAR,
        category: str | None = None, limit: int = MOST,
    ) -> Sequence[MapPoint]:  # fmt: skip
        city = sight.within(jurisdiction)
        question = place_question(city, jurisdiction, box, category)
        rows = await self._rows(question, "order by record.due_key, record.id", limit - 1)
        return [entries.map_point(row, city, now, near, None) for row in rows]

    async def freshness(self) -> Freshness:
        [row] = await self._fetch(FRESHNESS, ())
        return Freshness(newest_at=row["newest_at"], rebuilding=row["rebuilding"])

    async def _rows(self, question: Question, then: str, limit: int) -> list[RecordRow]:
        """The records that ``question`` finds, one more than ``limit`` where there are."""
        text = question.text(f"{then} limit {limit + 1}")
        return [_record(row) for row in await self._fetch(text, question.values)]

    async def _fetch(self, query: str, values: Sequence[Any]) -> list[asyncpg.Record]:
        async with asking():
            return await self._pool.fetch(query, *values)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy[asyncpg.Record]]:
        """One snapshot for several queries."""
        async with (
            asking(),
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection


def _figures(row: asyncpg.Record) -> dict[str, Any]:
    """What a query of the comparison says: the fields as they are called, or the spread of what took how long."""
    fields = {name: value for name, value in row.items() if name != "unit"}
    for count, name in (("responses", "respond"), ("resolutions", "resolve")):
        if count in fields:
            return {name: _spread(fields[count], fields["middle"], fields["ninth_decile"])}
    return fields


def _spread(count: int, median: float | None, ninth_decile: float | None) -> Spread:
    if median is None or ninth_decile is None:
        return Spread()
    return Spread(count=count, median=median / _HOUR, ninth_decile=ninth_decile / _HOUR)


def _record(row: asyncpg.Record) -> RecordRow:
    fields = {column: row[column] for column in RECORD}
    for column in ("parties", "co_units", "flags"):
        fields[column] = tuple(fields[column])
    milestones = from_json(row["milestones"], tuple[tuple[str, datetime], ...])
    return RecordRow(**fields | {"kind": Kind(row["kind"]), "status": Status(row["status"]), "milestones": milestones})


def _wait(row: asyncpg.Record) -> WaitRow:
    return WaitRow(Wait(row["wait"]), row["item"], tuple(row["answering"]), row["since_at"], row["owed_key"])


def _wait_key(record: RecordRow, waiting: WaitRow) -> tuple[object, ...]:
    return (waiting.due_key, waiting.since_at, record.id, waiting.wait, waiting.item)


def _stake(row: asyncpg.Record) -> StakeRow:
    return StakeRow(
        row["of_unit"],
        Stake(row["stake"]),
        row["owed_key"],
        row["owed"],
        row["measure"],
        row["next_at"],
        row["finished"],
    )


def _call(row: asyncpg.Record) -> CallRow:
    return CallRow(
        row["id"],
        row["told"],
        row["of_unit"],
        row["jurisdiction"],
        row["measure"],
        row["ground"],
        row["owner"],
        row["at"],
    )
