"""The laws of what the calendar opens, over the schedules in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from duban.clock import DrivenClock, SystemClock
from duban.errors import Unavailable
from duban.messages.commands import COMMANDS, Open
from duban.messages.delivery import Delivery
from duban.messages.envelope import Message, Record, decode
from duban.messages.notices import Tick
from duban.policy import PublishedCalendar
from duban.policy.library import Library
from duban_escalation.duty_schedule import Opener, OpeningLoop
from duban_escalation.handlers import TickHandler
from duban_escalation.memory import MemoryDeadlines, MemorySchedules
from tests.given import small_library, small_rules

BEFORE = datetime(2022, 4, 10, 8, tzinfo=UTC)  # the day before the inspection of the small city, 16:00 there
DAILY_AT = datetime(2022, 4, 10, 16, tzinfo=UTC)  # the first of its daily reports opens


def opened(records: list[Record]) -> list[tuple[str, str]]:
    found = [decode(one.key, one.value, one.headers, COMMANDS).data for one in records]
    return [(one.duty, one.unit) for one in found if isinstance(one, Open)]


async def test_a_pack_is_first_looked_at_without_its_lapsed_duties() -> None:
    first = await Opener(MemorySchedules(), small_library()).due(BEFORE)
    assert opened(first.records) == [("plan-of-wells", "water")]  # the monthly accounts have lapsed, the plan has not


async def test_each_opening_is_sent_once_when_it_is_confirmed() -> None:
    opener = Opener(MemorySchedules(), small_library())
    await opener.opened(await opener.due(BEFORE))
    day = BEFORE + timedelta(hours=9)
    first = await opener.due(day)
    assert opened(first.records) == [("daily-report", "north"), ("daily-report", "south")]
    await opener.opened(first)
    assert (await opener.due(day)).records == []


async def test_what_was_not_confirmed_is_opened_again_under_the_same_ids() -> None:
    opener = Opener(MemorySchedules(), small_library())
    await opener.opened(await opener.due(BEFORE))
    first = await opener.due(BEFORE + timedelta(hours=9))
    assert await opener.due(BEFORE + timedelta(hours=9)) == first


async def test_a_pack_that_arrives_while_others_are_opened_is_opened_at_the_next_look() -> None:
    library = Library()
    opener = Opener(schedules := MemorySchedules(), library)
    look = await opener.due(BEFORE)
    library.add(small_rules().pack)
    library.add(PublishedCalendar(notice=small_rules().calendar.notice))
    await opener.opened(look)
    assert await schedules.opened_until() == {}
    assert opened((await opener.due(BEFORE)).records) == [("plan-of-wells", "water")]


class Away(MemorySchedules):
    """Schedules whose database is away."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def opened_until(self) -> dict[str, datetime]:
        self.asked.set()
        raise Unavailable("the database is away")


class Shown:
    """A clock that shows an instant."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    async def now(self) -> datetime:
        return self.at


class Sent:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    async def publish(self, records: Sequence[Record]) -> None:
        self.records += records


class Noted(MemorySchedules):
    """Schedules that tell when something is written down."""

    def __init__(self) -> None:
        super().__init__()
        self.noted = asyncio.Event()

    async def set_opened_until(self, reached: Mapping[str, datetime]) -> None:
        await super().set_opened_until(reached)
        self.noted.set()


async def test_the_loop_ends_when_it_is_stopped_while_the_database_is_away() -> None:
    opener = Opener(schedules := Away(), small_library())
    loop = OpeningLoop(opener, Sent(), SystemClock(), Shown(BEFORE))
    running = asyncio.create_task(loop.run())
    await schedules.asked.wait()
    loop.stop()
    async with asyncio.timeout(30):
        await running


@pytest.mark.parametrize(("machine", "database"), [(0, 0), (1, 0), (0, 1)])
@pytest.mark.parametrize(("late", "reports"), [(-30, 0), (0, 0), (61, 2)])
async def test_a_clock_that_is_ahead_opens_nothing_early_and_a_little_difference_neither(
    machine: int, database: int, late: int, reports: int
) -> None:
    at = DAILY_AT + timedelta(seconds=late)
    opener = Opener(schedules := Noted(), small_library())
    await schedules.set_opened_until({"smallville": BEFORE})
    schedules.noted.clear()
    clock = DrivenClock(at + timedelta(hours=machine))
    loop = OpeningLoop(opener, sent := Sent(), clock, Shown(at + timedelta(hours=database)))
    running = asyncio.create_task(loop.run())
    async with asyncio.timeout(30):
        await schedules.noted.wait()
        loop.stop()
        await running
    assert len(opened(sent.records)) == reports


async def test_a_tick_that_comes_again_confirms_nothing() -> None:
    schedules, clock = MemorySchedules(), DrivenClock()
    ticks = TickHandler(MemoryDeadlines(), Opener(schedules, small_library()), clock, lambda: (0,))
    first = await ticks([tick(BEFORE, 0)])
    assert await ticks([tick(BEFORE, 0)]) == first
    assert await schedules.opened_until() == {}
    await ticks([tick(BEFORE + timedelta(hours=1), 1)])
    assert await schedules.opened_until() == {"smallville": BEFORE}


def tick(at: datetime, offset: int) -> Delivery[Tick]:
    return Delivery(Message("t", "tests", "clock", at, "", "clock", Tick(at=at)), Tick.TOPIC, 0, offset, at)
