"""The laws of delivery: each notice once, in order per recipient, and whatever one recipient does costs no other."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import repeat
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from duban.clock import DrivenClock
from duban.errors import Unavailable
from duban.messages.delivery import Delivery
from duban.messages.envelope import Message
from duban.messages.notices import Notice
from duban_escalation.notices.deliverer import Deliverer, Unwanted
from duban_escalation.notices.deliveries import MemoryDeliveries
from duban_escalation.notices.handler import NoticeHandler
from duban_escalation.notices.journal import NoticeOutcome
from duban_escalation.notices.webhook import NoticeRefused, PutOff
from tests.conftest import eventually
from tests.given import notice

AT = datetime(2022, 4, 6, 2, tzinfo=UTC)


class Scripted:
    """An outlet that refuses, or is away for, the notices it is told to; it hangs for those of some recipients."""

    def __init__(self) -> None:
        self.away: set[str] = set()
        self.unwanted: set[str] = set()
        self.hanging: set[str] = set()
        self.error: Exception = Unavailable("away")
        self.tried: list[str] = []
        self.under_way: Counter[str] = Counter()
        self.most = 0

    async def send(self, notice: Message[Notice]) -> NoticeOutcome:
        recipient = notice.data.recipient
        self.tried.append(notice.id)
        self.under_way[recipient] += 1
        self.most = max(self.most, self.under_way.total())
        assert self.under_way[recipient] == 1
        try:
            await asyncio.sleep(0)  # gives way to the others
            await eventually(lambda: recipient not in self.hanging)
            if notice.id in self.away:
                raise self.error
            if notice.id in self.unwanted:
                raise NoticeRefused(notice.id, 404)
        finally:
            self.under_way[recipient] -= 1
        return "posted"

    def times(self, sent: Message[Notice]) -> int:
        return self.tried.count(sent.id)


class Shelf:
    """Where dead letters go."""

    def __init__(self) -> None:
        self.away = False
        self.letters: list[tuple[str, str]] = []

    async def __call__(self, notices: Sequence[Unwanted]) -> None:
        if self.away:
            raise Unavailable("the broker is away")
        self.letters += [(str(unwanted.notice.id), unwanted.code) for unwanted in notices]


class Member:
    """One member of the group: what it takes in, and what it sends."""

    def __init__(
        self, outlet: Scripted, deliveries: MemoryDeliveries, *, rest: float = 0.0, concurrency: int = 16,
        patience: timedelta = timedelta(days=3),
    ) -> None:  # fmt: skip
        self.outlet, self.deliveries, self.shelf, self.clock = outlet, deliveries, Shelf(), DrivenClock(AT)
        self.deliverer = Deliverer(
            outlet, deliveries, self.shelf, self.clock, concurrency, patience, delays=lambda: repeat(rest)
        )
        self._handler = NoticeHandler(deliveries, self.deliverer, self.clock)
        self._offset = 0

    async def take(self, *notices: Message[Notice]) -> None:
        """A batch of ``notices`` comes."""
        batch = [Delivery(one, Notice.TOPIC, 0, self._offset + number, AT) for number, one in enumerate(notices)]
        self._offset += len(batch)
        assert await self._handler(batch) == []

    async def holds(self, *partitions: int) -> None:
        await self.deliverer.assigned({(Notice.TOPIC, partition) for partition in partitions})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        running = asyncio.create_task(self.deliverer.run())
        try:
            yield
        finally:
            self.deliverer.stop()
            self.outlet.hanging = set()
            await asyncio.wait_for(running, 30)

    async def done(self, *notices: Message[Notice]) -> None:
        """Return when these are noted as gone, or set aside."""
        await eventually(lambda: {UUID(one.id) for one in notices} <= self.deliveries.gone.keys())


@pytest.fixture
async def member() -> AsyncIterator[Member]:
    """A member that runs and holds the one partition; who is put off rests for no time."""
    member = Member(Scripted(), MemoryDeliveries())
    await member.holds(0)
    async with member.running():
        yield member


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("duban_notices_total", {"outcome": outcome}) or 0.0


async def test_a_notice_that_comes_again_is_not_sent_again_and_counted_as_repeated(member: Member) -> None:
    before = counted("repeated")
    await member.take(notice(1), notice(2), notice(1))
    await member.take(notice(2), notice(3))
    await member.done(notice(1), notice(2), notice(3))
    await member.take(notice(1))
    assert member.outlet.tried == [notice(number).id for number in (1, 2, 3)]
    assert counted("repeated") == before + 3


async def test_whoever_hangs_holds_nobody_else_neither_of_its_batch_nor_of_later_ones(member: Member) -> None:
    member.outlet.hanging = {"water"}
    await member.take(notice(1), notice(1, "office"))
    await member.done(notice(1, "office"))
    await member.take(notice(2), notice(2, "office"))
    await member.done(notice(2, "office"))
    assert member.outlet.times(notice(1)) == 1
    member.outlet.hanging = set()
    await member.done(notice(1), notice(2))
    assert max(Counter(member.outlet.tried).values()) == 1


async def test_those_who_hang_again_and_again_have_half_of_the_places_at_most() -> None:
    member = Member(outlet := Scripted(), MemoryDeliveries(), concurrency=4)
    ill = [notice(1, f"unit {number}") for number in range(20)]
    outlet.away = {one.id for one in ill}
    await member.holds(0)
    async with member.running():
        await member.take(*ill)
        # Who is tried again has been put off once, and counts as one of those who hang.
        await eventually(lambda: all(outlet.times(one) > 1 for one in ill))
        outlet.hanging, outlet.away = {one.data.recipient for one in ill}, set()
        await eventually(lambda: outlet.under_way.total() == 2)
        well = [notice(number, "office") for number in range(50)]
        await member.take(*well)
        await member.done(*well)
        assert outlet.under_way.total() == 2
        outlet.hanging = set()
        await member.done(*ill)


async def test_order_holds_per_recipient_though_one_is_put_off(member: Member) -> None:
    member.outlet.away = {notice(2).id}
    await member.take(*map(notice, range(1, 5)), notice(5, "office"))
    await member.done(notice(1), notice(5, "office"))
    await eventually(lambda: member.outlet.times(notice(2)) > 2)
    assert member.outlet.times(notice(3)) == 0
    member.outlet.away = set()
    await member.done(*map(notice, range(1, 5)))
    assert [id_ for id_ in dict.fromkeys(member.outlet.tried) if id_ != notice(5, "office").id] == [
        notice(number).id for number in range(1, 5)
    ]
    assert member.outlet.times(notice(1)) == member.outlet.times(notice(3)) == 1


@pytest.mark.parametrize(("error", "rest"), [(Unavailable("away"), 60.0), (PutOff(429, 60.0), 0.0)])
async def test_who_was_put_off_rests_and_is_given_the_time_it_asks_for_while_the_others_go_on(
    error: Exception, rest: float
) -> None:
    member = Member(outlet := Scripted(), MemoryDeliveries(), rest=rest)
    outlet.away, outlet.error = {notice(1).id}, error
    await member.holds(0)
    async with member.running():
        for number in (2, 3, 4):
            await member.take(notice(1), notice(number, "office"))
            await member.done(notice(number, "office"))
    assert outlet.times(notice(1)) == 1


def test_no_receiver_is_given_more_than_five_minutes() -> None:
    async def rests() -> float:
        member = Member(outlet := Scripted(), MemoryDeliveries())
        outlet.away, outlet.error = {notice(1).id}, PutOff(429, 1e9)
        await member.holds(0)
        async with member.running():
            await member.take(notice(1))
            (line,) = member.deliverer._lines.values()
            await eventually(lambda: line.delays is not None)
            return line.rests_until - asyncio.get_running_loop().time()

    assert 200 < asyncio.run(rests()) < 301


async def test_what_waited_before_a_kill_is_sent_by_the_next_life_and_what_was_noted_is_not() -> None:
    first = Member(Scripted(), deliveries := MemoryDeliveries())
    await first.holds(0)
    async with first.running():
        await first.take(notice(1))
        await first.done(notice(1))
    await first.take(notice(2), notice(3, "office"))
    second = Member(outlet := Scripted(), deliveries)
    await second.holds(0)
    async with second.running():
        await second.done(notice(2), notice(3, "office"))
    assert sorted(outlet.tried) == sorted([notice(2).id, notice(3, "office").id])


async def test_what_went_out_while_the_database_was_away_is_noted_when_it_is_back_and_not_sent_again() -> None:
    class Away(MemoryDeliveries):
        away = 2

        async def settle(self, outcomes: Mapping[UUID, NoticeOutcome]) -> None:
            if self.away:
                self.away -= 1
                raise ConnectionRefusedError
            await super().settle(outcomes)

    member = Member(outlet := Scripted(), Away())
    await member.holds(0)
    async with member.running():
        await member.take(notice(1), notice(2))
        await member.done(notice(1), notice(2))
    assert outlet.tried == [notice(1).id, notice(2).id]


async def test_what_nobody_will_have_is_set_aside_with_its_reason_and_costs_no_other(member: Member) -> None:
    member.outlet.unwanted = {notice(2).id}
    member.shelf.away = True
    await member.take(*map(notice, range(1, 4)))
    await member.done(notice(1), notice(3))
    member.shelf.away = False
    await member.done(notice(2))
    assert member.deliveries.gone[UUID(notice(2).id)] == "set_aside"
    assert member.shelf.letters == [(notice(2).id, "refused")]
    assert max(Counter(member.outlet.tried).values()) == 1


async def test_a_notice_that_breaks_the_code_costs_that_notice(member: Member) -> None:
    member.outlet.away, member.outlet.error = {notice(1).id}, ValueError("broken")
    await member.take(notice(1), notice(2))
    await member.done(notice(1), notice(2))
    assert member.shelf.letters == [(notice(1).id, "fault")]


async def test_what_is_put_off_for_longer_than_the_patience_is_set_aside_and_the_next_has_patience_of_its_own() -> None:
    member = Member(outlet := Scripted(), MemoryDeliveries(), patience=timedelta(hours=1))
    outlet.away = {notice(1).id, notice(2).id}
    await member.holds(0)
    async with member.running():
        await member.take(notice(1))
        await eventually(lambda: outlet.times(notice(1)) > 1)
        assert member.shelf.letters == []
        member.clock.tick(AT + timedelta(minutes=59))
        await member.take(notice(2))
        member.clock.tick(AT + timedelta(hours=1))
        await member.done(notice(1))
        await eventually(lambda: outlet.times(notice(2)) > 1)
        assert member.shelf.letters == [(notice(1).id, "put_off")]


async def test_a_partition_that_moves_takes_its_notices_with_it_and_each_is_sent_once() -> None:
    outlet, deliveries = Scripted(), MemoryDeliveries()
    first, second = Member(outlet, deliveries), Member(outlet, deliveries)
    outlet.hanging = {"water"}
    await first.holds(0)
    async with first.running(), second.running():
        await first.take(*map(notice, range(5)))
        await eventually(lambda: outlet.under_way["water"] == 1)
        moving = asyncio.create_task(first.deliverer.revoked({(Notice.TOPIC, 0)}))
        await asyncio.sleep(0)
        outlet.hanging = set()
        await moving
        await second.holds(0)
        await second.done(*map(notice, range(5)))
    assert outlet.tried == [notice(number).id for number in range(5)]


async def test_a_partition_that_moves_does_not_wait_for_who_hangs(member: Member) -> None:
    member.outlet.hanging = {"water"}
    await member.take(notice(1), notice(2))
    await eventually(lambda: member.outlet.under_way["water"] == 1)
    async with asyncio.timeout(20):
        await member.deliverer.revoked({(Notice.TOPIC, 0)})
    member.outlet.hanging = set()
    await member.done(notice(1))
    assert member.outlet.times(notice(2)) == 0


async def test_an_end_waits_for_the_answers_under_way_notes_them_and_begins_nothing() -> None:
    member = Member(outlet := Scripted(), MemoryDeliveries())
    outlet.hanging = {"water"}
    await member.holds(0)
    async with member.running():
        await member.take(notice(1), notice(2))
        await eventually(lambda: outlet.under_way["water"] == 1)
    assert set(member.deliveries.gone) == {UUID(notice(1).id)}
    assert outlet.tried == [notice(1).id]


async def test_answers_that_come_fast_are_noted_together() -> None:
    noted: list[int] = []

    class CountedDeliveries(MemoryDeliveries):
        async def settle(self, outcomes: Mapping[UUID, NoticeOutcome]) -> None:
            await super().settle(outcomes)
            noted.append(len(outcomes))

    member = Member(Scripted(), CountedDeliveries())
    await member.holds(0)
    async with member.running():
        await member.take(*map(notice, range(1000)))
        await member.done(*map(notice, range(1000)))
    assert sum(noted) == 1000
    assert len(noted) < 50


async def test_no_more_notices_are_under_way_than_allowed() -> None:
    member = Member(outlet := Scripted(), MemoryDeliveries(), concurrency=3)
    notices = [notice(number, f"unit {number}") for number in range(50)]
    await member.holds(0)
    async with member.running():
        await member.take(*notices)
        await member.done(*notices)
    assert len(outlet.tried) == 50
    assert 1 < outlet.most <= 3
