"""Rows of a city as large as one likes, laid straight into the read model of the desk: for plans and for figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from duban.moves import Status
from duban_console.desk import lamp_days
from duban_console.desk.grams import gram_text, grams
from duban_console.desk.reader import NEAR
from duban_console.desk.rows import ENDED, NO_LIMIT
from duban_console.desk.store import CALL, STAKE, TURN, WAIT, WRITTEN

CITY: Final = "smallville"
NOW: Final = datetime(2026, 11, 30, 2, tzinfo=UTC)
YEARS: Final = 5
UNITS: Final = [f"unit-{number}" for number in range(40)]
CATEGORIES: Final = [f"category-{number}" for number in range(30)]
CHANNELS: Final = ["hotline", "app", "patrol", "sensor", "letter", "visit", "media", "self-check"]
SPONSORS: Final = [f"leader-{number}" for number in range(12)]
_ROADS: Final = "人民解放建设中山长江黄河和平胜利团结新华文化青年迎宾滨江工业东风朝阳光明"
_THINGS: Final = [
    "工地扬尘扰民", "夜间施工噪声", "河道污水直排", "垃圾堆放无人清运", "餐饮油烟直排居民楼", "井盖缺失", "路灯不亮",
    "占道经营影响通行", "黑臭水体反弹", "企业偷排废气", "渣土车抛洒", "焚烧秸秆冒黑烟",
]  # fmt: skip
_ZONE: Final = ZoneInfo("Asia/Shanghai")
_DAY: Final = timedelta(days=1)
_TABLES: Final = ("records", "stakes", "waits", "calls", "turns", "days", "months")
_CLOSED: Final = (Status.STRUCK_OFF, Status.STRUCK_OFF, Status.STRUCK_OFF, Status.REJECTED)
_OPEN: Final = (Status.DISPATCHED, Status.UNDERWAY, Status.UNDERWAY, Status.VERIFYING, Status.VERIFIED)
_WAITS: Final = ("unrouted", "handed_back", "extension", "measure", "verification", "check", "strike_off")


@dataclass
class SeededCity:
    """``count`` problems over five years; of the newest twentieth most are open, of the older ones one in fifty."""

    count: int
    random: Random = field(default_factory=lambda: Random(1))
    stakes: list[tuple[Any, ...]] = field(default_factory=list)
    waits: list[tuple[Any, ...]] = field(default_factory=list)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    turns: list[tuple[Any, ...]] = field(default_factory=list)
    days: Counter[tuple[str, str, str, datetime]] = field(default_factory=Counter)

    async def lay(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        """Lay every row, and tell the planner."""
        await _copied(connection, "desk_records", WRITTEN, self._records())
        await _copied(connection, "desk_stakes", STAKE, self.stakes)
        await _copied(connection, "desk_waits", WAIT, self.waits)
        await _copied(connection, "desk_calls", CALL, self.calls)
        await _copied(connection, "desk_turns", TURN, self.turns)
        days = [(*key, change) for key, change in self.days.items() if change]
        await _copied(connection, "desk_days", ("jurisdiction", "unit", "lamp", "midnight", "change"), days)
        tables = ", ".join(f"console.desk_{name}" for name in _TABLES)
        await connection.execute(f"vacuum analyze {tables}")

    def _records(self) -> Iterator[tuple[Any, ...]]:
        for number in range(self.count):
            yield self._record(number)

    def _record(self, number: int) -> tuple[Any, ...]:
        random = self.random
        begun_at = NOW - YEARS * 365 * _DAY * (1 - number / self.count)
        is_open = random.random() < (0.8 if number > 0.95 * self.count else 0.02)
        unit = UNITS[min(int(random.expovariate(0.12)), len(UNITS) - 1)]
        id_ = UUID(int=random.getrandbits(128), version=4)
        co_units = random.sample(UNITS, 1) if random.random() < 0.3 else []
        sponsor = random.choice(SPONSORS) if random.random() < 0.02 else None
        due_key, closed_at, status = self._end(is_open, begun_at)
        road = "".join(random.sample(_ROADS, 2))
        title = f"{road}路{random.randrange(1, 999)}号{random.choice(_THINGS)}"
        name = f"SV-{begun_at:%Y}-{number:07d}"
        words = gram_text(name, title)
        category = CATEGORIES[min(int(random.expovariate(0.15)), len(CATEGORIES) - 1)]
        channel = CHANNELS[min(int(random.expovariate(0.8)), len(CHANNELS) - 1)]
        parties = sorted({unit, *co_units, "office", *([sponsor] if sponsor else [])})
        place = (31.3 + random.random() * 0.4, 104.5 + random.random() * 0.5) if random.random() < 0.7 else (None, None)
        self._beside(id_, unit, co_units, status, due_key, begun_at, closed_at)
        milestones = '[["stage", "2026-12-20T00:00:00Z"]]' if sponsor else "[]"
        return (
            id_, "problem", CITY, "small@1", name, title, category, status, 5, begun_at, begun_at, due_key, unit,
            "rectify", unit, closed_at, parties, channel, None, None, sponsor, None, co_units, [], 1,
            int(random.random() < 0.2), *place, None, 0, words, list(grams(words)), milestones,
        )  # fmt: skip

    def _end(self, is_open: bool, begun_at: datetime) -> tuple[datetime, datetime | None, Status]:
        random = self.random
        if not is_open:
            closed_at = min(begun_at + random.random() * 40 * _DAY, NOW)
            return ENDED, closed_at, random.choice(_CLOSED)
        if random.random() < 0.05:
            return NO_LIMIT, None, Status.PAUSED
        return NOW + (random.random() * 40 - 8) * _DAY, None, random.choice(_OPEN)

    def _beside(
        self, id_: UUID, unit: str, co_units: list[str], status: Status, due_key: datetime, begun_at: datetime,
        closed_at: datetime | None,
    ) -> None:  # fmt: skip
        """What else is kept of a problem."""
        random = self.random
        answer, whole = random.expovariate(1 / 9000), random.expovariate(1 / 150_000)
        done_at = closed_at or (begun_at + 10 * _DAY if status in (Status.VERIFYING, Status.VERIFIED) else None)
        done = (done_at, whole, whole + 3600) if done_at else (None, None, None)
        self.turns.append(
            (id_, 2, CITY, unit, begun_at, None, whole, begun_at + timedelta(seconds=answer), answer, answer + 60.0,
             *done, closed_at, closed_at, int(random.random() < 0.2), False)
        )  # fmt: skip
        limit = begun_at + 20 * _DAY if due_key >= NO_LIMIT else due_key
        for name in ("", unit):
            for lamp, midnight, change in lamp_days.begins(limit, begun_at, _ZONE, NEAR):
                self.days[CITY, name, lamp, midnight] += change
            for lamp, midnight, change in lamp_days.ends(limit, closed_at, _ZONE, NEAR) if closed_at else ():
                self.days[CITY, name, lamp, midnight] += change
        if random.random() < 0.4:
            self.calls.append((id_, 4, unit, CITY, "bulletin", "rectify", unit, begun_at + 5 * _DAY))
        if closed_at is not None:
            return
        self.stakes.append((id_, unit, CITY, "problem", "lead", due_key, "rectify", "bulletin", due_key, False))
        for other in co_units:
            if other != unit:
                self.stakes.append((id_, other, CITY, "problem", "co", NO_LIMIT, None, "", None, False))
        if random.random() < 0.3:
            wait = random.choice(_WAITS)
            self.waits.append((id_, wait, "", CITY, "problem", ["office"], begun_at, due_key))


async def _copied(
    connection: asyncpg.Connection[asyncpg.Record], table: str, columns: tuple[str, ...], rows: Any
) -> None:
    await connection.copy_records_to_table(table, schema_name="console", columns=columns, records=rows)
