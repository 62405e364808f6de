"""One contract for the deadlines, in memory and in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import pytest
from pydantic import SecretStr

from duban.clock import DrivenClock
from duban.io.postgres import connect_pool
from duban.messages.envelope import derived_id
from duban.policy.model.ladder import MeasureKind
from duban_escalation.callbacks import CallbackReport
from duban_escalation.calls import Call
from duban_escalation.domain import START, Armed, Position
from duban_escalation.handlers import Deadlines, Writing
from duban_escalation.measures import MeasureTaken
from duban_escalation.memory import MemoryDeadlines
from duban_escalation.notices.deliveries import HELD, WAITING, MemoryDeliveries, PostgresDeliveries
from duban_escalation.notices.handler import Deliveries, Line, LineLength, WaitingNotice
from duban_escalation.settings import EscalationSettings
from duban_escalation.store import ALONG_THE_INDEX, DUE, NEXT, SCHEMA, SET_RIGHT, PostgresDeadlines
from tests.conftest import Migrated, walked
from tests.given import notice

pytestmark = pytest.mark.stack

AT = datetime(2022, 4, 6, 2, tzinfo=UTC)
TICK = timedelta(microseconds=1)
OURS = frozenset({0, 1})


@pytest.fixture
async def pool(migrated: Migrated) -> AsyncIterator[asyncpg.Pool[asyncpg.Record]]:
    pool = await connect_pool(EscalationSettings(database=SecretStr(migrated.url_of("escalation"))), SCHEMA)
    yield pool
    await pool.close()


@pytest.fixture
async def superuser(migrated: Migrated) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(migrated.superuser)
    yield connection
    await connection.close()


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Deadlines:
    if request.param == "memory":
        return MemoryDeadlines()
    return PostgresDeadlines(request.getfixturevalue("pool"))


def problem(name: object) -> UUID:
    return derived_id("problem", name)


def deadline(
    name: object, at: datetime = AT, obligation: str = "acknowledge", level: int = 1, partition: int = 0
) -> Armed:
    command = derived_id("escalate", name, obligation, level)
    return Armed(problem(name), obligation, None, 2, level, at, at, command, partition, "smallville")


def writing(version: int, *armed: Armed, empty: tuple[object, ...] = ()) -> Writing:
    """What a batch writes: each problem named at ``version``, those in ``empty`` with nothing to wait for."""
    names = {one.problem_id for one in armed} | {problem(name) for name in empty}
    return Writing(heads=dict.fromkeys(names, version), armed=list(armed))


async def all_of(store: Deadlines, until: datetime = AT + timedelta(days=9999), page: int = 1000) -> list[Armed]:
    found: list[Armed] = []
    after = START
    while due := await store.due(after, until, OURS, page):
        found += due
        after = due[-1].position
    return found


@pytest.mark.parametrize(("ahead", "fires"), [(-TICK, True), (0 * TICK, True), (TICK, False)])
async def test_a_deadline_is_due_at_its_instant_not_before(store: Deadlines, ahead: timedelta, fires: bool) -> None:
    await store.write(writing(1, one := deadline("a", AT + ahead)))
    assert await all_of(store, until=AT) == ([one] if fires else [])


async def test_thousands_that_share_an_instant_are_each_read_once_across_pages(store: Deadlines) -> None:
    same = [deadline(number, partition=number % 2) for number in range(2500)]
    twins = [deadline(number, obligation="rectify", partition=number % 2) for number in range(2500)]
    await store.write(writing(1, *same, *twins))
    found = await all_of(store, page=333)
    assert found == sorted(same + twins, key=lambda one: one.position)
    assert len(found) == 5000


@pytest.mark.parametrize("version", [1, 2])
async def test_an_older_or_repeated_version_changes_nothing(store: Deadlines, version: int) -> None:
    await store.write(writing(2, held := deadline("a")))
    await store.write(writing(version, deadline("a", AT + TICK), deadline("a", obligation="rectify")))
    await store.write(writing(version, empty=("a",)))
    assert await all_of(store) == [held]


async def test_reports_of_sources_that_want_to_hear_are_kept_once_by_the_event_that_filed_them(
    store: Deadlines,
) -> None:
    filed = [CallbackReport(problem("a"), 1, "12345", "WO-1"), CallbackReport(problem("a"), 3, "app", "7")]
    other = CallbackReport(problem("b"), 1, "12345", "WO-2")
    await store.write(replace(writing(1, deadline("a"), deadline("b")), reports=[filed[0], other]))
    await store.write(replace(writing(3, deadline("a")), reports=[filed[1], replace(filed[0], id="changed")]))
    assert await store.callback_reports([problem("a"), problem("c")]) == filed


async def test_a_newer_version_replaces_all_of_a_problem_and_nothing_else(store: Deadlines) -> None:
    other = deadline("b", AT + 2 * TICK)
    await store.write(writing(1, deadline("a"), deadline("a", obligation="rectify"), other))
    new, late = deadline("a", AT + TICK, "rectify", level=2), deadline("a", AT, "report")
    await store.write(writing(2, new, late))
    assert await all_of(store) == [late, new, other]
    await store.write(writing(3, empty=("a",)))
    assert await all_of(store) == [other]


async def test_what_runs_on_keeps_the_command_it_was_given(store: Deadlines) -> None:
    await store.write(writing(1, first := deadline("a")))
    again = replace(first, command=derived_id("again", first.command), fire_at=AT + timedelta(seconds=1))
    await store.rearm({first.command: again})
    await store.write(writing(2, first))
    assert await all_of(store) == [again]
    await store.write(writing(3, climbed := deadline("a", level=2)))
    assert await all_of(store) == [climbed]


async def test_a_command_that_was_replaced_already_is_left_alone(store: Deadlines) -> None:
    await store.write(writing(1, first := deadline("a")))
    await store.rearm({derived_id("some other command"): replace(first, fire_at=AT + TICK)})
    assert await all_of(store) == [first]


async def test_what_was_rearmed_too_late_is_set_right_in_our_partitions_alone(store: Deadlines) -> None:
    names = {"late": 1, "soon": 1, "theirs": 7, "as due": 0}
    first = {name: deadline(name, partition=partition) for name, partition in names.items()}
    await store.write(writing(1, *first.values()))
    again = {
        name: replace(
            first[name], command=derived_id("again", first[name].command), fire_at=AT + timedelta(hours=hours)
        )
        for name, hours in (("late", 2), ("soon", 1), ("theirs", 2))
    }
    await store.rearm({first[name].command: again[name] for name in again})
    await store.set_right(AT + timedelta(hours=1), OURS)
    held = await store.armed_versions({problem(name) for name in names})
    fire_at = {name: held[problem(name)].armed[0].fire_at - AT for name in names}
    hours = {name: span / timedelta(hours=1) for name, span in fire_at.items()}
    assert hours == {"late": 0, "soon": 1, "theirs": 2, "as due": 0}


async def test_a_member_reads_its_own_partitions_only(store: Deadlines) -> None:
    await store.write(writing(1, deadline("theirs", partition=7), ours := deadline("ours", AT + TICK, partition=1)))
    assert await all_of(store) == [ours]
    assert await store.next_at(START, OURS) == ours.fire_at
    assert await store.next_at(START, {3}) is None


async def test_the_next_instant_is_that_of_the_first_beyond_the_watermark(store: Deadlines) -> None:
    await store.write(writing(1, first := deadline("a"), second := deadline("b", AT + TICK)))
    assert await store.next_at(START, OURS) == first.fire_at
    assert await store.next_at(first.position, OURS) == second.fire_at
    assert await store.next_at(second.position, OURS) is None


async def test_standing_tells_the_version_and_what_is_armed(store: Deadlines) -> None:
    two = [deadline("a"), deadline("a", AT + TICK, "rectify")]
    await store.write(writing(4, *two, empty=("closed",)))
    found = await store.armed_versions({problem("a"), problem("closed"), problem("never seen")})
    assert {key: (one.version, list(one.armed)) for key, one in found.items()} == {
        problem("a"): (4, two),
        problem("closed"): (4, []),
    }


def taken(version: int, kind: MeasureKind, public: bool = False) -> MeasureTaken:
    place = ("SV-1", "smallville")
    return MeasureTaken(problem("a"), version, kind, kind.value, "water", 1, "rectify", None, AT, public, *place)


Published: TypeAlias = "Callable[[], Awaitable[list[tuple[int, str, str | None, datetime | None]]]]"


@pytest.fixture
def published(request: pytest.FixtureRequest, store: Deadlines) -> Published:
    """What the boards show; in the database nobody is granted that view yet."""

    async def in_memory() -> list[tuple[int, str, str | None, datetime | None]]:
        assert isinstance(store, MemoryDeadlines)
        held = await store.published_measures()
        return [(one.version, one.kind.value, one.effect.board, ended_at) for one, ended_at in held]

    async def in_database() -> list[tuple[int, str, str | None, datetime | None]]:
        sql = "select version, kind, board, ended_at from escalation.published_measures order by version"
        return [tuple(row) for row in await connection.fetch(sql)]

    if isinstance(store, MemoryDeadlines):
        return in_memory
    connection: asyncpg.Connection[asyncpg.Record] = request.getfixturevalue("superuser")
    return in_database


async def test_a_measure_is_recorded_once_and_boards_show_what_stands_on_them(
    store: Deadlines, published: Published
) -> None:
    acts = [
        taken(3, MeasureKind.REMINDER),
        taken(4, MeasureKind.EXPOSURE),
        taken(5, MeasureKind.LISTED_SUPERVISION),
        taken(6, MeasureKind.BULLETIN, public=True),
    ]
    for _ in range(2):
        await store.write(Writing(measures=acts))
    assert await published() == [
        (4, "exposure", "exposure", None),
        (5, "listed_supervision", "supervision", None),
        (6, "bulletin", None, None),
    ]


async def test_listed_supervision_ends_when_its_problem_is_closed_and_only_once(
    store: Deadlines, published: Published
) -> None:
    listed = [taken(version, MeasureKind.LISTED_SUPERVISION) for version in (5, 9)]
    await store.write(Writing(measures=listed, closed=[(problem("a"), 7, AT)]))
    assert await published() == [
        (5, "listed_supervision", "supervision", AT),
        (9, "listed_supervision", "supervision", None),
    ]
    await store.write(Writing(closed=[(problem("a"), 8, AT + TICK)]))
    assert (await published())[0][3] == AT


async def test_a_measure_ends_with_the_first_closing_that_follows_it_in_the_same_batch_and_in_a_later_one(
    store: Deadlines, published: Published
) -> None:
    def closed(version: int) -> tuple[UUID, int, datetime]:
        return (problem("a"), version, AT + version * TICK)

    listed = [taken(version, MeasureKind.LISTED_SUPERVISION) for version in (5, 9)]
    await store.write(Writing(measures=listed, closed=[closed(version) for version in (3, 7, 8, 11, 12)]))
    assert [(version, ended_at) for version, *_, ended_at in await published()] == [
        (5, closed(7)[2]),
        (9, closed(11)[2]),
    ]
    await store.write(Writing(measures=[taken(15, MeasureKind.LISTED_SUPERVISION)]))
    await store.write(Writing(closed=[closed(version) for version in (17, 16, 14)]))
    assert (await published())[2][3] == closed(16)[2]


async def test_polls_go_along_the_index_from_where_they_were(
    pool: asyncpg.Pool[asyncpg.Record], superuser: asyncpg.Connection[asyncpg.Record]
) -> None:
    store = PostgresDeadlines(pool)
    await store.write(writing(1, *(deadline(number, AT + number * TICK) for number in range(20_000))))
    position: Position = deadline(9_000, AT + 9_000 * TICK).position
    place = (position.fire_at, position.problem_id, position.obligation, position.part)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(ALONG_THE_INDEX)
        for analysed in (False, True):
            if analysed:
                await superuser.execute("analyze escalation.deadlines")
            for sql, more in ((DUE, (AT + timedelta(days=1), [0], 100)), (NEXT, ([0],))):
                rows = await connection.fetch(f"explain (costs off) {sql}", *place, *more)
                plan = "\n".join(row[0] for row in rows)
                assert "Index Scan using deadlines_by_time" in plan, plan
                assert "(ROW(fire_at, problem_id, obligation, part) > ROW(" in plan.partition("Index Cond:")[2], plan
                assert "Sort" not in plan, plan


async def test_what_was_rearmed_is_found_along_an_index_of_its_own(
    pool: asyncpg.Pool[asyncpg.Record], superuser: asyncpg.Connection[asyncpg.Record]
) -> None:
    await PostgresDeadlines(pool).write(writing(1, *(deadline(number) for number in range(20_000))))
    await superuser.execute("analyze escalation.deadlines")
    rows = await pool.fetch(f"explain (costs off) {SET_RIGHT}", AT, [0])
    plan = "\n".join(row[0] for row in rows)
    assert "deadlines_rearmed" in plan, plan


async def test_the_versions_of_records_are_forgotten_when_nothing_is_due_and_nothing_happened_for_long(
    pool: asyncpg.Pool[asyncpg.Record],
) -> None:
    store = PostgresDeadlines(pool)
    await store.write(writing(1, *(deadline(number) for number in range(5)), empty=tuple(range(5, 40))))
    await pool.execute("update escalation.heads set at = now() - interval '10 days'")
    await store.write(writing(2, empty=(6,)))
    await store.write(writing(1, empty=(7,)))  # what was known already is no event
    assert await walked(store, timedelta(days=11)) == 0
    assert await walked(store, timedelta(days=9)) == 34
    held = await store.armed_versions([problem(number) for number in range(40)])
    assert set(held) == {problem(number) for number in (*range(5), 6)}


@pytest.fixture(params=["memory", "postgres"])
def deliveries(request: pytest.FixtureRequest) -> Deliveries:
    if request.param == "memory":
        return MemoryDeliveries()
    return PostgresDeliveries(request.getfixturevalue("pool"), DrivenClock(AT))


def waiting(name: object, offset: int, recipient: str = "water", partition: int = 0) -> WaitingNotice:
    return WaitingNotice(problem(name), Line(partition, recipient), offset, b'{"ce_id": "x"}', b"{}", AT)


async def test_a_notice_is_taken_in_once_and_waits_until_it_is_settled(deliveries: Deliveries) -> None:
    first, second = waiting("a", 1), waiting("b", 2)
    assert await deliveries.take([first]) == 1
    assert await deliveries.take([replace(first, offset=9), second]) == 1
    assert await deliveries.waiting({first.line: -1}, 10) == [first, second]
    await deliveries.settle({first.id: "posted", problem("never seen"): "posted"})
    assert await deliveries.take([first]) == 0
    assert await deliveries.waiting({first.line: -1}, 10) == [second]


async def test_what_was_set_aside_waits_anew_when_it_is_replayed_and_not_when_it_is_only_repeated(
    deliveries: Deliveries,
) -> None:
    notice = waiting("a", 1)
    await deliveries.take([notice])
    await deliveries.settle({notice.id: "set_aside"})
    assert await deliveries.take([notice]) == 0
    replayed = replace(notice, offset=5, taken_at=AT + TICK)
    assert await deliveries.take([replayed]) == 1
    assert await deliveries.waiting({notice.line: 1}, 10) == [replayed]
    await deliveries.settle({notice.id: "posted"})
    assert await deliveries.take([replace(notice, offset=9)]) == 0


async def test_what_waits_is_read_per_line_in_the_order_of_the_topic_from_behind_a_place(
    deliveries: Deliveries,
) -> None:
    lines = [Line(0, "water"), Line(0, "office"), Line(1, "water")]
    notices = [waiting((line, n), n, line.recipient, line.partition) for line in lines for n in range(5)]
    await deliveries.take(notices[::-1])
    found = await deliveries.waiting({lines[2]: -1, lines[0]: 2, Line(0, "nobody"): -1}, 3)
    assert found == [*notices[10:13], *notices[3:5]]


async def test_lines_tell_how_much_waits_in_our_partitions_since_when_and_where_it_begins(
    deliveries: Deliveries,
) -> None:
    late = replace(waiting("late", 7), taken_at=AT - TICK)
    await deliveries.take([waiting("a", 5), late, waiting("b", 6, "office", 1), waiting("theirs", 8, partition=7)])
    assert sorted(await deliveries.lines(OURS), key=lambda found: found.line) == [
        LineLength(Line(0, "water"), 2, AT - TICK, 5),
        LineLength(Line(1, "office"), 1, AT, 6),
    ]
    await deliveries.settle({problem("a"): "posted", late.id: "set_aside"})
    assert await deliveries.lines({0}) == []


async def test_what_waits_is_read_along_the_index(pool: asyncpg.Pool[asyncpg.Record]) -> None:
    store = PostgresDeliveries(pool, DrivenClock(AT))
    await store.take([waiting(number, number, f"unit {number % 50}") for number in range(20_000)])
    async with pool.acquire() as connection:
        for analysed in (False, True):
            if analysed:
                await connection.execute("analyze escalation.deliveries")
            rows = await connection.fetch(f"explain (costs off) {WAITING}", [0, 0], ["unit 1", "unit 2"], [9, 99], 100)
            plan = "\n".join(row[0] for row in rows)
            assert "deliveries_waiting" in plan, plan
            condition = plan.partition("Index Cond:")[2]
            assert '"offset" > line.behind' in condition, plan


async def test_deliveries_are_forgotten_after_their_time_but_never_what_waits(
    pool: asyncpg.Pool[asyncpg.Record],
) -> None:
    clock = DrivenClock(AT)
    deliveries = PostgresDeliveries(pool, clock)
    old, new = [waiting(number, number) for number in range(25)], [waiting(number, number) for number in range(25, 40)]
    await deliveries.take([*old, *new])
    await deliveries.settle({notice.id: "posted" for notice in old})
    clock.tick(AT + timedelta(days=1))
    await deliveries.settle({notice.id: "logged" for notice in new[:5]})
    assert await walked(deliveries, timedelta(days=1)) == 0
    clock.tick(AT + timedelta(days=2))
    assert await walked(deliveries, timedelta(days=1)) == len(old)
    assert await deliveries.take([*new, *old]) == len(old)
    assert len(await deliveries.waiting({new[0].line: 24}, 100)) == 10


def held(name: object, offset: int, until: datetime, partition: int = 0) -> WaitingNotice:
    return replace(waiting(name, offset, "contact:mail.1:a/b", partition), held_until=until)


async def test_what_is_held_is_in_no_line_until_it_is_released(deliveries: Any) -> None:
    soon, late, theirs = held("soon", 2, AT), held("late", 1, AT + TICK), held("theirs", 3, AT, partition=7)
    assert await deliveries.take([soon, late, theirs]) == 3
    assert await deliveries.take([soon]) == 0
    assert await deliveries.lines(OURS) == []
    assert await deliveries.waiting({soon.line: -1}, 10) == []
    assert await deliveries.held(OURS, AT - TICK) == []
    assert await deliveries.held(OURS, AT) == [soon]
    assert await deliveries.held(OURS, AT + TICK) == [late, soon]
    await deliveries.release([soon.id])
    assert await deliveries.held(OURS, AT + TICK) == [late]
    assert await deliveries.waiting({soon.line: -1}, 10) == [replace(soon, held_until=None)]


async def test_what_is_put_together_waits_as_one_and_no_part_of_it_ever_again(deliveries: Any) -> None:
    parts, digest = [held("a", 1, AT), held("b", 2, AT)], waiting("digest", 2, "contact:mail.1:a/b")
    await deliveries.take(parts)
    assert await deliveries.put_together(parts, digest)
    assert not await deliveries.put_together(parts, digest)
    assert await deliveries.held(OURS, AT) == []
    assert await deliveries.waiting({digest.line: -1}, 10) == [digest]
    assert await deliveries.take(parts) == 0


async def test_nothing_is_put_together_where_one_part_is_gone_already(deliveries: Any) -> None:
    parts, digest = [held("a", 1, AT), held("b", 2, AT)], waiting("digest", 2, "contact:mail.1:a/b")
    await deliveries.take(parts)
    await deliveries.settle({parts[0].id: "posted"})
    assert not await deliveries.put_together(parts, digest)
    assert await deliveries.held(OURS, AT) == parts[1:]
    assert await deliveries.lines(OURS) == []


async def test_what_is_held_is_read_along_an_index_of_its_own(pool: asyncpg.Pool[asyncpg.Record]) -> None:
    store = PostgresDeliveries(pool, DrivenClock(AT))
    await store.take([waiting(number, number, f"unit {number % 50}") for number in range(20_000)])
    await store.take([held(("held", number), number, AT) for number in range(10)])
    async with pool.acquire() as connection:
        await connection.execute("analyze escalation.deliveries")
        rows = await connection.fetch(f"explain (costs off) {HELD}", [0, 1], AT, 100)
    plan = "\n".join(row[0] for row in rows)
    assert "deliveries_held" in plan, plan


def call(name: str, version: int, record_id: UUID | None = None, at: datetime = AT, partition: int = 0) -> Call:
    told = notice(name)
    return Call(record_id or told.data.problem_id, "water", version, partition, 0, at, told)


def calling(*calls: Call, head: int = 0, answered: dict[UUID, int] | None = None) -> Writing:
    heads = {each.problem_id: head or each.version for each in calls}
    return Writing(heads=heads, calls=list(calls), answered=answered or {})


async def test_a_call_begins_once_and_is_repeated_when_it_is_due_until_it_ends(store: Any) -> None:
    soon, later, theirs = call("a", 2), call("b", 2, at=AT + TICK), call("c", 2, partition=7)
    for _ in range(2):
        await store.write(calling(soon, later, theirs))
    assert await store.calls_due(OURS, AT - TICK, 10) == []
    assert await store.calls_due(OURS, AT + TICK, 1) == [soon]
    assert await store.calls_due(OURS, AT + TICK, 10) == [soon, later]
    await store.called(soon, AT + 9 * TICK)
    await store.called(soon, AT + 5 * TICK)  # by somebody who had read it before
    again = replace(soon, again=1, next_at=AT + 9 * TICK)
    assert await store.calls_due(OURS, AT + 9 * TICK, 10) == [later, again]
    await store.call_ended(later.record_id, "water")
    assert await store.calls_due(OURS, AT + 9 * TICK, 10) == [again]


async def test_a_call_ends_where_it_is_answered_and_what_is_heard_again_begins_none(store: Any) -> None:
    first, duty = call("a", 2), call("b", 2, problem("duty"))
    await store.write(calling(first, duty))
    await store.write(Writing(answered={first.record_id: 2, duty.record_id: 1}))
    assert len(await store.calls_due(OURS, AT, 10)) == 2
    await store.write(Writing(heads={first.record_id: 3}, answered={first.record_id: 3, duty.record_id: 2**31 - 1}))
    assert await store.calls_due(OURS, AT, 10) == []
    await store.write(calling(first, head=2))
    assert await store.calls_due(OURS, AT, 10) == []
    anew = call("a", 5)
    await store.write(calling(anew, answered={anew.record_id: 4}))
    assert await store.calls_due(OURS, AT, 10) == [anew]


async def test_what_is_called_and_answered_in_one_batch_is_no_call(store: Any) -> None:
    first = call("a", 2)
    await store.write(calling(first, head=3, answered={first.record_id: 3}))
    assert await store.calls_due(OURS, AT, 10) == []
