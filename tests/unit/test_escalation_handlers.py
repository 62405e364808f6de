"""The laws of escalation's handlers and of its sweep, over the deadlines in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from duban.clock import DrivenClock, SystemClock
from duban.errors import NotArrived, Unavailable
from duban.messages import commands as do
from duban.messages import struct
from duban.messages.delivery import Delivery
from duban.messages.envelope import Message, Record, decode, derived_id
from duban.messages.events import GENESIS, LedgerEvent, Refused
from duban.messages.notices import NOTICES, Notice, Tick
from duban.moves import Status
from duban.policy.library import Library
from duban.refusal import Refusal
from duban_escalation.domain import Armed, Position, armed
from duban_escalation.duty_schedule import Opener
from duban_escalation.handlers import ProblemHandler, TickHandler, Writing
from duban_escalation.memory import MemoryDeadlines, MemorySchedules
from duban_escalation.sweep import Sweeper
from duban_router.domain.decision import Decided
from tests.given import Case, small_library

AT = datetime(2022, 4, 6, 2, tzinfo=UTC)
PLACES = frozenset({(LedgerEvent.TOPIC, 0), (Tick.TOPIC, 0)})
TICK = timedelta(microseconds=1)


class Sent:
    """A publisher that keeps what it is given; ``broken`` makes it unavailable so many times."""

    def __init__(self, broken: int = 0) -> None:
        self.records: list[Record] = []
        self.broken = broken
        self.arrived = asyncio.Event()

    async def publish(self, records: Sequence[Record]) -> None:
        if self.broken:
            self.broken -= 1
            raise Unavailable("the broker is away")
        self.records += records
        self.arrived.set()


class World:
    """One member of escalation with its own clock."""

    def __init__(self, deadlines: MemoryDeadlines | None = None, page: int = 1000) -> None:
        self.deadlines = deadlines or MemoryDeadlines()
        self.clock = DrivenClock(AT)
        self.sent = Sent()
        self.sweeper = Sweeper(self.deadlines, self.sent, self.clock, page)
        self.handler = ProblemHandler(self.deadlines, small_library(), self.clock, self.sweeper)

    async def begin(self) -> World:
        await self.sweeper.assigned(PLACES)
        return self

    async def sweep(self, now: datetime) -> list[str]:
        """The commands that a sweep sends at ``now``."""
        self.clock.tick(now)
        before = len(self.sent.records)
        while await self.sweeper.step():
            pass
        return commands(self.sent.records[before:])


@pytest.fixture
async def world() -> World:
    return await World().begin()


def events(case: Case) -> list[Delivery[LedgerEvent | Refused]]:
    """The latest event of ``case`` with the state as it is."""
    return [delivered(LedgerEvent(event=case.events[-1], hash=GENESIS, problem=case.problem))]


def delivered(data: LedgerEvent | Refused, subject: str = "") -> Delivery[LedgerEvent | Refused]:
    subject = subject or str(data.problem.id)  # type: ignore[union-attr]
    at = data.at if isinstance(data, Refused) else AT
    message: Message[LedgerEvent | Refused] = Message("e", "duban/router", subject, at, "smallville", subject, data)
    return Delivery(message, LedgerEvent.TOPIC, 0, 0, AT)


def commands(records: Sequence[Record]) -> list[str]:
    """The Escalates among ``records``, in words."""
    found = [decode(r.key, r.value, r.headers, do.COMMANDS) for r in records if r.topic == do.Command.TOPIC]
    return [f"{one.data.obligation} {one.data.level}" for one in found]  # type: ignore[attr-defined]


def ids(records: Sequence[Record]) -> list[bytes]:
    return [dict(record.headers)["ce_id"] for record in records]


def refusal(record: Record, outcome: Decided | Refusal, case: Case, version: int) -> Delivery[LedgerEvent | Refused]:
    """The router's refusal of the command in ``record``."""
    assert isinstance(outcome, Refusal)
    message = decode(record.key, record.value, record.headers, do.COMMANDS)
    data = Refused(
        command=message.id, command_type=message.data.TYPE, actor=message.data.actor, at=case.now,
        code=outcome.code, reason=outcome.reason, version=version,
    )  # fmt: skip
    return delivered(data, message.subject)


@pytest.mark.parametrize(("ahead", "expected"), [(-TICK, []), (0 * TICK, ["acknowledge 1"]), (TICK, ["acknowledge 1"])])
async def test_a_deadline_fires_at_its_instant_not_a_microsecond_before(
    world: World, ahead: timedelta, expected: list[str]
) -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    assert commands(await world.handler(events(case))) == []
    assert await world.sweep(case.deadline("acknowledge").due_at + ahead) == expected


async def test_a_deadline_that_was_met_does_not_fire(world: World) -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    await world.handler(events(case))
    due_at = case.deadline("acknowledge").due_at
    case.done(do.Acknowledge, "water")
    await world.handler(events(case))
    assert await world.sweep(due_at) == []


async def test_each_lapse_leads_to_the_next_level_and_each_level_fires_once(world: World) -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    await world.handler(events(case))
    fired = []
    for _ in range(3):
        deadline = case.deadline("acknowledge")
        fired += await world.sweep(deadline.due_at)
        case.now = deadline.due_at
        case.escalate(deadline)
        assert await world.sweep(deadline.due_at) == []
        await world.handler(events(case))
    assert [one for one in fired if one.startswith("acknowledge")] == [f"acknowledge {level}" for level in (1, 2, 3)]


async def test_what_is_armed_after_it_fell_due_fires_with_its_batch(world: World) -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    world.clock.tick(case.deadline("acknowledge").due_at)
    records = await world.handler(events(case))
    assert commands(records) == ["acknowledge 1"]
    assert {dict(one.headers)["ce_time"] for one in records} == {world.clock.now().isoformat().encode()}


async def test_a_repeated_batch_sends_nothing_twice_but_the_same_in_another_life(world: World) -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    old = events(case)
    world.clock.tick(case.deadline("acknowledge").due_at)
    first = await world.handler(old)
    assert commands(first) == ["acknowledge 1"]
    assert await world.handler(old) == []
    another = await World(world.deadlines).begin()
    another.clock.tick(world.clock.now())
    assert await another.handler(old) == first
    case.done(do.Acknowledge, "water")
    await another.handler(events(case))
    assert await (await World(world.deadlines).begin()).handler(old) == []


async def test_a_deadline_that_comes_overdue_is_sent_once_by_the_batch_or_by_the_sweep(world: World) -> None:
    cases = [Case.in_status(Status.DISPATCHED, AT) for _ in range(6)]
    for number, case in enumerate(cases):
        case.id = str(derived_id("case", number))
        case.standing = struct.replace(case.problem, id=UUID(case.id))
    world.clock.tick(cases[0].deadline("acknowledge").due_at)
    by_batch: list[Record] = []
    for case in cases:
        by_batch += await world.handler(events(case))
        await world.sweeper.step()
        by_batch += await world.handler(events(case))
    sent = ids([*by_batch, *world.sent.records])
    assert len(sent) == len(set(sent)) == len(cases)


async def test_what_finds_no_answer_is_sent_again_within_a_minute_and_then_ever_more_seldom(world: World) -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    await world.handler(events(case))
    due_at = case.deadline("acknowledge").due_at
    sent_at = [
        second for second in range(1800) if "acknowledge 1" in await world.sweep(due_at + timedelta(seconds=second))
    ]
    waits = [later - sooner for sooner, later in pairwise(sent_at)]
    assert waits[0] <= 60
    assert waits == sorted(waits)
    assert waits[-1] > 400
    assert len(set(ids(world.sent.records))) == 1


async def test_what_is_refused_for_good_and_still_stands_is_not_sent_again_with_every_look(world: World) -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    await world.handler(events(case))
    deadline = case.deadline("acknowledge")
    await world.sweep(deadline.due_at)
    final = Refusal("moved_on", "it has")
    for second in range(600):
        sent = len(world.sent.records)
        await world.sweep(deadline.due_at + timedelta(seconds=second))
        for record in world.sent.records[sent:]:
            await world.handler([refusal(record, final, case, case.problem.version)])
    assert len(world.sent.records) < 6


async def test_what_is_armed_behind_the_sweep_by_another_program_is_found_within_a_minute(world: World) -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    due_at = case.deadline("acknowledge").due_at
    assert await world.sweep(due_at + timedelta(hours=1)) == []
    late = Writing(heads={UUID(case.id): case.problem.version}, armed=[next(armed(case.problem, 0))])
    await world.deadlines.write(late)
    assert await world.sweep(due_at + timedelta(hours=1, seconds=60)) == ["acknowledge 1"]


async def test_a_sweep_that_finds_nothing_reads_on_from_where_it_looked(world: World) -> None:
    for seconds in (0, 1, 60, 61):
        await world.sweep(AT + timedelta(seconds=seconds))
        assert world.sweeper.watermark.fire_at == AT + timedelta(seconds=seconds)


@pytest.mark.parametrize("ahead", [timedelta(seconds=90), timedelta(hours=1)])
@pytest.mark.parametrize("restarted", [False, True])
async def test_what_was_fired_early_by_a_clock_that_was_ahead_fires_when_it_is_due_once_the_clock_is_right(
    world: World, ahead: timedelta, restarted: bool
) -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    await world.handler(events(case))
    deadline = case.deadline("acknowledge")
    case.now = deadline.due_at - ahead
    assert await world.sweep(deadline.due_at) == ["acknowledge 1"]
    answer = refusal(world.sent.records[-1], case.escalate(deadline), case, case.problem.version)
    assert await world.handler([answer]) == []
    world.sweeper._clock = world.clock = DrivenClock(case.now)
    if restarted:
        world = await World(world.deadlines).begin()
    assert await world.sweep(deadline.due_at - TICK) == []
    assert await world.sweep(deadline.due_at) == ["acknowledge 1"]


async def test_within_a_batch_only_the_newest_version_of_a_problem_counts_in_any_order(world: World) -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    old, due_at = events(case), case.deadline("acknowledge").due_at
    case.done(do.Acknowledge, "water")
    new = events(case)
    await world.handler([*new, *old])
    assert await world.sweep(due_at) == []


class Held(MemoryDeadlines):
    """Deadlines whose poll answers only when it is let go: what it saw is what was there when it began."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()
        self.let_go = asyncio.Event()

    async def due(self, after: Position, until: datetime, partitions: Collection[int], limit: int) -> list[Armed]:
        seen = await super().due(after, until, partitions, limit)
        self.begun.set()
        await self.let_go.wait()
        return seen


async def test_what_is_armed_while_a_poll_is_under_way_is_not_passed_over() -> None:
    deadlines = Held()
    world = await World(deadlines).begin()
    case = Case.in_status(Status.DISPATCHED, AT)
    world.clock.tick(case.deadline("acknowledge").due_at)
    poll = asyncio.create_task(world.sweeper.step())
    await deadlines.begun.wait()
    records = await world.handler(events(case))
    deadlines.let_go.set()
    await poll
    assert world.sent.records == []
    assert commands(records) == ["acknowledge 1"]


async def test_a_clock_that_is_set_back_leaves_nothing_behind_the_watermark(world: World) -> None:
    first = Case.in_status(Status.DISPATCHED, AT)
    await world.handler(events(first))
    due_at = first.deadline("acknowledge").due_at
    assert await world.sweep(due_at + timedelta(hours=1)) == ["acknowledge 1"]
    world.sweeper._clock = world.clock = DrivenClock(due_at - timedelta(hours=1))
    assert await world.sweep(due_at - timedelta(minutes=1)) == []
    assert await world.sweep(due_at) == ["acknowledge 1"]


async def test_a_publish_that_fails_moves_nothing_on(world: World) -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    await world.handler(events(case))
    world.sent.broken = 1
    with pytest.raises(Unavailable):
        await world.sweep(case.deadline("acknowledge").due_at)
    assert await world.sweep(case.deadline("acknowledge").due_at) == ["acknowledge 1"]


async def test_new_partitions_fire_what_is_unanswered_again_under_the_same_ids(world: World) -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    await world.handler(events(case))
    due_at = case.deadline("acknowledge").due_at
    await world.sweep(due_at)
    await world.sweeper.revoked(PLACES)
    assert await world.sweep(due_at) == []
    await world.sweeper.assigned(PLACES)
    assert await world.sweep(due_at) == ["acknowledge 1"]
    assert len(set(ids(world.sent.records))) == 1


async def test_the_sweep_drains_page_by_page() -> None:
    world = await World(page=1).begin()
    case = Case.in_status(Status.UNDERWAY, AT)
    await world.handler(events(case))
    everything = await world.sweep(AT + timedelta(days=365))
    assert everything == [f"{one.obligation} {one.level}" for one in case.problem.deadlines]
    assert len(everything) > 1


async def test_what_came_too_early_by_the_brokers_clock_is_fired_again_later(world: World) -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    await world.handler(events(case))
    deadline = case.deadline("acknowledge")
    await world.sweep(deadline.due_at)
    case.now = deadline.due_at - timedelta(milliseconds=40)
    answer = refusal(world.sent.records[-1], case.escalate(deadline), case, case.problem.version)
    for _ in range(2):  # the same answer twice is one answer
        assert await world.handler([answer]) == []
    assert await world.sweep(deadline.due_at + timedelta(milliseconds=39)) == []
    assert await world.sweep(deadline.due_at + timedelta(milliseconds=40)) == ["acknowledge 1"]
    assert len(set(ids(world.sent.records))) == 2


async def test_a_deadline_that_comes_back_after_it_had_moved_on_still_escalates(world: World) -> None:
    case = Case.in_status(Status.UNDERWAY, AT)
    await world.handler(events(case))
    deadline = case.deadline("rectify")
    await world.sweep(deadline.due_at)
    case.now = deadline.due_at
    fired = next(one for one in world.sent.records if b'"rectify"' in one.value)
    case.done(do.Complete, "water", outcome="rectified")
    answer = refusal(fired, case.escalate(deadline), case, case.problem.version)
    await world.handler([*events(case), answer])
    case.done(do.Verify, "office", passed=False, reason="not yet")
    first = [one for one in await world.handler(events(case)) if b'"rectify"' in one.value]
    assert ids(first) == ids([fired])  # the router has answered this id for good, and says so once more
    again = [one for one in await world.handler([answer]) if b'"rectify"' in one.value]
    assert commands(again) == ["rectify 1"]
    assert ids(again) != ids([fired])
    assert isinstance(case.escalate(case.deadline("rectify")), Decided)


async def test_the_router_refusing_somebody_else_changes_nothing(world: World) -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    await world.handler(events(case))
    other = Refused(
        command="x", command_type=do.Acknowledge.TYPE, actor=do.Actor(unit="north"), at=AT, code="moved_on", reason=""
    )
    assert await world.handler([delivered(other, "no problem id")]) == []


async def test_a_measure_is_told_once_per_recipient_and_the_same_when_it_comes_again(world: World) -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    await world.handler(events(case))
    case.now = case.deadline("acknowledge").due_at
    case.escalate(case.deadline("acknowledge"))
    records = await world.handler(events(case))
    notices = [decode(one.key, one.value, one.headers, NOTICES).data for one in records]
    assert [(one.recipient, one.measure) for one in notices if isinstance(one, Notice)] == [("water", "reminder")]
    assert await world.handler(events(case)) == records


async def test_a_pack_that_has_not_arrived_is_waited_for_before_anything_is_written() -> None:
    world = await World().begin()
    handler = ProblemHandler(world.deadlines, Library(), world.clock, world.sweeper)
    case = Case.in_status(Status.DISPATCHED, AT)
    case.now = case.deadline("acknowledge").due_at
    case.escalate(case.deadline("acknowledge"))
    with pytest.raises(NotArrived, match="small@1"):
        await handler(events(case))
    assert await world.deadlines.armed_versions([UUID(case.id)]) == {}


async def test_a_tick_moves_the_clock_and_brings_all_that_is_due_by_then() -> None:
    world = await World().begin()
    opener = Opener(MemorySchedules(), Library())
    ticks = TickHandler(world.deadlines, opener, world.clock, lambda: world.sweeper.partitions)
    case = Case.in_status(Status.DISPATCHED, AT)
    await world.handler(events(case))
    due_at = case.deadline("acknowledge").due_at
    assert await ticks([tick(due_at - TICK)]) == []
    records = await ticks([tick(due_at)])
    assert commands(records) == ["acknowledge 1"]
    assert world.clock.now() == due_at
    assert {dict(one.headers)["ce_time"] for one in records} == {due_at.isoformat().encode()}
    assert await ticks([tick(due_at)]) == records


def tick(at: datetime) -> Delivery[Tick]:
    message = Message("t", "tests", "clock", at, "", "clock", Tick(at=at))
    return Delivery(message, Tick.TOPIC, 0, 0, at)


class Asked(MemoryDeadlines):
    """Deadlines that tell when the sweep has asked how long it may sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def next_at(self, after: Position, partitions: Collection[int]) -> datetime | None:
        self.asked.set()
        return await super().next_at(after, partitions)


async def test_the_sweep_wakes_for_what_is_armed_earlier_and_ends_when_it_is_stopped() -> None:
    deadlines, sent, clock = Asked(), Sent(broken=1), SystemClock()
    sweeper = Sweeper(deadlines, sent, clock, longest_sleep=timedelta(hours=1))
    await sweeper.assigned(PLACES)
    running = asyncio.create_task(sweeper.run())
    await deadlines.asked.wait()
    handler = ProblemHandler(deadlines, small_library(), clock, sweeper)
    case = Case.in_status(Status.DISPATCHED, clock.now())
    soon = clock.now() + timedelta(milliseconds=50)
    deadline = struct.replace(case.deadline("acknowledge"), due_at=soon)
    case.standing = struct.replace(case.problem, deadlines=(deadline,))
    assert await handler(events(case)) == []
    async with asyncio.timeout(30):
        await sent.arrived.wait()
    assert commands(sent.records) == ["acknowledge 1"]
    assert clock.now() >= soon
    sweeper.stop()
    async with asyncio.timeout(30):
        await running


async def test_what_is_armed_behind_the_sweep_by_a_clock_that_lags_fires_with_its_batch(world: World) -> None:
    case = Case.in_status(Status.DISPATCHED, AT)
    await world.sweep(case.deadline("acknowledge").due_at)
    lagging = ProblemHandler(world.deadlines, small_library(), DrivenClock(AT), world.sweeper)
    assert commands(await lagging(events(case))) == ["acknowledge 1"]


async def test_partitions_that_come_anew_while_a_page_is_sent_are_read_from_the_beginning(world: World) -> None:
    class Rebalancing(Sent):
        async def publish(self, records: Sequence[Record]) -> None:
            await super().publish(records)
            await sweeper.assigned(PLACES)

    sweeper = Sweeper(world.deadlines, sent := Rebalancing(), world.clock)
    await sweeper.assigned(PLACES)
    case = Case.in_status(Status.DISPATCHED, AT)
    await world.handler(events(case))
    world.clock.tick(case.deadline("acknowledge").due_at)
    for _ in range(2):
        await sweeper.step()
    assert commands(sent.records) == ["acknowledge 1", "acknowledge 1"]
