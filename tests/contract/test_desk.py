"""One suite over the desk, in memory and in PostgreSQL: what the pages ask, and who is answered what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
from pydantic import SecretStr

from duban.io.migrations import carried_by
from duban.io.postgres import connect_pool
from duban.io.settings import Settings
from duban.messages import commands as do
from duban.moves import Kind, Status
from duban_console.accounts.account import Role
from duban_console.accounts.store import MIGRATIONS, SCHEMA
from duban_console.assessment.diagrams import Lamp
from duban_console.desk.cursor import encoded
from duban_console.desk.memory import MemoryDesk
from duban_console.desk.projection import Projection
from duban_console.desk.queries import PostgresDesk
from duban_console.desk.reader import (
    HIDDEN,
    DeskReader,
    Freshness,
    LampCounts,
    LedgerEntry,
    LedgerFilters,
    MapBox,
    Order,
    Stake,
    UnitFigures,
    Wait,
    WeekLamps,
)
from duban_console.desk.rows import RecordRow, StakeRow, UnitTurn
from duban_console.desk.store import PLANNER, TURN, PostgresDeskStore
from duban_console.ledger import BadCursor
from tests.conftest import Migrated, eventually
from tests.desk import (
    ABROAD,
    AT,
    CITIZEN,
    CITY,
    DAY,
    NOBODY,
    NORTH,
    OFFICE,
    TICK,
    WATER,
    DeskRoom,
    appointed,
    sight_of,
)
from tests.desk_rows import NOW, SeededCity
from tests.given import SEAL, report
from tests.tools.desk_figures import questions

HOUR = timedelta(hours=1)
#: The tables that grow with every problem.
GROWING = ("desk_records", "desk_turns", "desk_calls", "desk_days")
ALL = LedgerFilters(CITY)
BACK = {"reason": "not ours", "clause": "art. 2", "evidence": [SEAL]}


@pytest.fixture
async def pool(migrated: Migrated) -> AsyncIterator[asyncpg.Pool[asyncpg.Record]]:
    pool = await connect_pool(Settings(database=SecretStr(migrated.url_of("console"))), SCHEMA, planner=PLANNER)
    yield pool
    await pool.close()


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.stack)])
def room(request: pytest.FixtureRequest) -> DeskRoom:
    if request.param == "memory":
        desk = MemoryDesk()
        return DeskRoom(desk, desk)
    pool = request.getfixturevalue("pool")
    return DeskRoom(PostgresDeskStore(pool), PostgresDesk(pool))


async def numbers(
    room: DeskRoom, filters: LedgerFilters = ALL, now: datetime = AT, order: Order = Order.DUE
) -> list[str]:
    page = await room.reader.ledger(OFFICE, filters, now=now, order=order)
    return [entry.number for entry in page.entries]


async def test_a_problem_stands_in_the_ledger_with_the_limit_that_ends_soonest(room: DeskRoom) -> None:
    case = room.case("a")
    await room.take()
    [entry] = (await room.reader.ledger(OFFICE, ALL, now=AT)).entries
    soonest = min(case.deadlines.values(), key=lambda deadline: deadline.lapse_at)
    assert (entry.number, entry.title, entry.status, entry.unit) == (
        "SV-2022-0001",
        "foul water a",
        "dispatched",
        "water",
    )
    assert (entry.due_at, entry.obligation, entry.owner) == (soonest.lapse_at, soonest.obligation, "water")
    assert (entry.category, entry.channel, entry.area, entry.begun_at) == ("river", "hotline", None, AT)


async def test_lamps_turn_yellow_when_a_limit_is_near_and_red_when_it_has_passed(room: DeskRoom) -> None:
    case = room.case("a")
    await room.take()
    [entry] = (await room.reader.ledger(OFFICE, ALL, now=AT)).entries
    assert entry.due_at is not None
    for now, lamp in (
        (entry.due_at - HOUR - TICK, Lamp.GREEN),
        (entry.due_at - HOUR, Lamp.YELLOW),
        (entry.due_at - TICK, Lamp.YELLOW),
        (entry.due_at, Lamp.RED),
    ):
        [entry] = (await room.reader.ledger(OFFICE, LedgerFilters(CITY, lamp=lamp), now=now, near=HOUR)).entries
        assert entry.lamp is lamp
        counts = await room.reader.lamps(OFFICE, ALL, now=now, near=HOUR)
        assert counts == LampCounts(**{lamp.value: 1})
        others = [other for other in Lamp if other is not lamp]
        for other in others:
            assert not (await room.reader.ledger(OFFICE, LedgerFilters(CITY, lamp=other), now=now, near=HOUR)).entries
    assert case.problem.status is Status.DISPATCHED


async def test_a_limit_whose_ladder_is_climbed_to_the_end_stands_as_long_as_it_is_owed(room: DeskRoom) -> None:
    case = room.case("a")
    limit = case.deadline("acknowledge").lapse_at
    while "acknowledge" in case.deadlines:
        case.lapse("acknowledge")
    await room.take()
    [entry] = (await room.reader.ledger(OFFICE, ALL, now=case.now)).entries
    assert (entry.obligation, entry.due_at, entry.lamp) == ("acknowledge", limit, Lamp.RED)


async def test_the_ledger_is_filtered_by_what_a_problem_is(room: DeskRoom) -> None:
    room.case("a")
    noise = room.case("b", report(category="noise", area="north", channel="patrol", title="loud music"), AT + HOUR)
    struck = room.case("c", now=AT + 2 * HOUR)
    struck.done(do.Acknowledge, "water")
    struck.done(do.Sponsor, "office", sponsor="Zhou")
    await room.take()
    one, two, three = (f"SV-2022-000{number}" for number in (1, 2, 3))
    for filters, expected in (
        (ALL, {one, two, three}),
        (LedgerFilters(CITY, statuses=(Status.UNDERWAY,)), {three}),
        (LedgerFilters(CITY, statuses=(Status.UNDERWAY, Status.DISPATCHED)), {one, two, three}),
        (LedgerFilters(CITY, category="noise"), {two}),
        (LedgerFilters(CITY, unit=noise.problem.lead_unit), {two}),
        (LedgerFilters(CITY, channel="patrol"), {two}),
        (LedgerFilters(CITY, sponsor="Zhou"), {three}),
        (LedgerFilters(CITY, begun_from=AT + HOUR, begun_before=AT + 2 * HOUR), {two}),
        (LedgerFilters(CITY, closed=True), set()),
        (LedgerFilters(CITY, closed=False), {one, two, three}),
        (LedgerFilters(CITY, text="LOUD mus"), {two}),
        (LedgerFilters(CITY, text="sv-2022-0003"), {three}),
        (LedgerFilters(CITY, text="foul"), {one, three}),
        (LedgerFilters(CITY, text="water foul"), set()),
        (LedgerFilters(CITY, text="%"), set()),
        (LedgerFilters(CITY, text="\0"), set()),
        (LedgerFilters(CITY, unit="water\0", category="a\0b"), set()),
        (LedgerFilters("elsewhere"), set()),
    ):
        assert set(await numbers(room, filters)) == expected, filters


async def test_pages_follow_each_other_in_either_order_and_a_cursor_holds_for_its_own(room: DeskRoom) -> None:
    for number in range(7):
        room.case(str(number), now=AT + number * DAY)
    await room.take()
    for order in Order:
        whole: list[LedgerEntry] = []
        cursor: str | None = None
        while True:
            page = await room.reader.ledger(OFFICE, ALL, now=AT, order=order, limit=3, cursor=cursor)
            whole += page.entries
            if (cursor := page.cursor) is None:
                break
        by_number = [f"SV-2022-000{number}" for number in range(1, 8)]
        assert [entry.number for entry in whole] == (by_number if order is Order.DUE else by_number[::-1])
    first = await room.reader.ledger(OFFICE, ALL, now=AT, limit=3)
    with pytest.raises(BadCursor):
        await room.reader.ledger(OFFICE, ALL, now=AT, order=Order.NUMBER, cursor=first.cursor)
    id_, at = str(UUID(int=1)), AT.isoformat()
    for key in (
        ("inbox", at),
        ("inbox", "2022-04-06", at, id_, "", ""),
        ("calls", at, id_, 2**31),
        ("calls", at, "a", 1),
    ):
        for cursor in ("nonsense", encoded(*key[:1], key[1:])):
            with pytest.raises(BadCursor):
                await room.reader.inbox(OFFICE, CITY, cursor=cursor)
            with pytest.raises(BadCursor):
                await room.reader.calls(OFFICE, CITY, "water", cursor=cursor)


async def test_who_sees_what_is_the_table_of_access(room: DeskRoom) -> None:
    room.case("a")
    room.case("b", report(category="noise", area="north", title="loud music", enterprise="Bar"))
    await room.take()
    seen = {
        name: [(entry.title, entry.enterprise) for entry in (await room.reader.ledger(sight, ALL, now=AT)).entries]
        for name, sight in {
            "office": OFFICE,
            "water": WATER,
            "north": NORTH,
            "abroad": ABROAD,
            "nobody": NOBODY,
        }.items()
    }
    assert sorted(seen["office"]) == sorted(seen["water"]) == [("foul water a", None), ("loud music", "Bar")]
    assert seen["north"] == [("loud music", "Bar")]
    assert seen["abroad"] == seen["nobody"] == []
    assert (await room.reader.lamps(NORTH, ALL, now=AT)).open == 1
    masked = (await room.reader.ledger(CITIZEN, ALL, now=AT)).entries
    assert {(entry.title, entry.enterprise) for entry in masked} == {(HIDDEN, None)}
    assert not (await room.reader.ledger(CITIZEN, LedgerFilters(CITY, text="loud"), now=AT)).entries
    assert (await room.reader.ledger(CITIZEN, LedgerFilters(CITY, text="2022-0002"), now=AT)).entries


async def test_repetitions_and_replays_change_nothing(room: DeskRoom) -> None:
    case = room.case("a")
    case.done(do.Acknowledge, "water")
    case.advance(hours=1)
    case.done(do.Complete, "water", outcome="rectified")
    await room.take()
    before = (await room.reader.ledger(OFFICE, ALL, now=AT), await figures(room), await weeks(room))
    await room.take_events(room.events)
    await room.take_events(room.events[:2])
    assert (await room.reader.ledger(OFFICE, ALL, now=AT), await figures(room), await weeks(room)) == before


async def test_one_batch_or_one_event_at_a_time_makes_the_same(room: DeskRoom) -> None:
    case = room.case("a")
    await room.take()
    case.done(do.HandBack, "water", **BACK)
    case.advance(hours=30)
    case.done(do.Dispatch, "office", lead_unit="north", reason="it is")
    for event in case.untold:
        await room.take_events([event])
    twin = MemoryDesk()
    other = DeskRoom(twin, twin)
    await other.take_events([*room.events, *case.untold])
    for sight in (OFFICE, NORTH, WATER):
        assert await room.reader.ledger(sight, ALL, now=AT) == await other.reader.ledger(sight, ALL, now=AT)
    assert await figures(room) == await figures(other)
    assert await weeks(room) == await weeks(other)


async def waiting(room: DeskRoom) -> list[tuple[Wait, str, str, tuple[str, ...]]]:
    page = await room.reader.inbox(OFFICE, CITY)
    return [(entry.wait, entry.item, entry.action, entry.units) for entry in page.entries]


async def test_what_waits_at_the_office_comes_and_goes_with_what_is_done(room: DeskRoom) -> None:
    case = room.case("a", report(category="other", title="what is this"))
    handed = room.case("b")
    handed.advance(hours=1)
    handed.done(do.HandBack, "water", **BACK)
    await room.take()
    entries = (await room.reader.inbox(OFFICE, CITY)).entries
    assert {(entry.number, entry.wait, entry.action, entry.since_at) for entry in entries} == {
        ("SV-2022-0001", Wait.UNROUTED, "dispatch", AT),
        ("SV-2022-0002", Wait.HANDED_BACK, "dispatch", AT + HOUR),
    }
    assert dict(await room.reader.inbox_counts(OFFICE, CITY)) == {Wait.UNROUTED: 1, Wait.HANDED_BACK: 1}
    [only] = (await room.reader.inbox(OFFICE, CITY, waits=[Wait.HANDED_BACK])).entries
    assert only.number == "SV-2022-0002"
    assert not (await room.reader.inbox(OFFICE, CITY, unit="water")).entries
    for each in (case, handed):
        each.done(do.Dispatch, "office", lead_unit="water", reason="yours")
        each.done(do.Acknowledge, "water")
    await room.take()
    assert await waiting(room) == []


async def test_extension_plan_verification_checks_and_strike_off_wait_each_in_its_turn(room: DeskRoom) -> None:
    case = room.case("a")
    case.done(do.Acknowledge, "water")
    case.done(do.AskExtension, "water", obligation="rectify", reason="rain")
    await room.take()
    assert await waiting(room) == [(Wait.EXTENSION, "rectify", "decide_extension", ("office",))]
    case.done(do.DecideExtension, "office", granted=True)
    plan = {"person": "Wang", "target": "clean", "measures": ["dredge"], "due_at": (AT + 30 * DAY).isoformat()}
    case.done(do.Plan, "water", plan=plan)
    case.done(do.Plan, "water", plan={**plan, "target": "cleaner"}, reason="more")
    await room.take()
    assert await waiting(room) == [(Wait.PLAN, "", "decide_plan", ("office",))]
    case.done(do.DecidePlan, "office", approved=True)
    case.done(do.Complete, "water", outcome="rectified")
    await room.take()
    assert await waiting(room) == [(Wait.VERIFICATION, "", "verify", ("office",))]
    case.done(do.Verify, "office", passed=True)
    await room.take()
    checks = await waiting(room)
    assert sorted(checks) == [(Wait.CHECK, check, "check", ("office",)) for check in ("clear", "satisfied")]
    case.signed()
    await room.take()
    assert await waiting(room) == [(Wait.STRIKE_OFF, "", "strike_off", ("office",))]
    case.done(do.StrikeOff, "office")
    await room.take()
    assert Wait.STRIKE_OFF not in {wait for wait, *_ in await waiting(room)}
    assert (await room.reader.lamps(OFFICE, ALL, now=AT)) == LampCounts()


async def test_a_measure_waits_for_its_word_since_it_was_taken(room: DeskRoom) -> None:
    case = room.case("a")
    for command, details in ((do.Acknowledge, {}), (do.Complete, {"outcome": "rectified"})):
        case.done(command, "water", **details)
    case.done(do.Verify, "office", passed=True)
    case.signed()
    case.done(do.StrikeOff, "office")
    case.done(do.LookBack, "office", truthful=True, timely=True, effective=False, rebound=True, reason="it is back")
    taken_at = case.now
    await room.take()
    case.advance(hours=2)
    case.done(do.Progress, "water", note="on it")
    await room.take()
    [entry] = [each for each in (await room.reader.inbox(OFFICE, CITY)).entries if each.wait is Wait.MEASURE]
    assert (entry.since_at, entry.action, entry.units) == (taken_at, "approve", ("office",))
    assert int(entry.item) in case.problem.awaiting_approval
    case.done(do.Approve, "office", version=int(entry.item))
    await room.take()
    assert await waiting(room) == []
    called = (await room.reader.calls(OFFICE, CITY, "water")).entries
    assert [(call.measure, call.ground) for call in called] == [("listing", "rebound")]


async def test_a_unit_sees_what_is_its_own_by_what_it_owes_soonest(room: DeskRoom) -> None:
    room.case("a")
    late = room.case("b", now=AT - DAY)
    noise = room.case("c", report(category="noise", area="north", title="loud music"))
    await room.take()
    page = await room.reader.mine(WATER, CITY, "water", now=AT)
    assert [(entry.number, entry.stake, entry.obligation) for entry in page.entries] == [
        ("SV-2022-0002", Stake.LEAD, "acknowledge"),
        ("SV-2022-0001", Stake.LEAD, "acknowledge"),
        ("SV-2022-0003", Stake.CO, None),
    ]
    first = page.entries[0]
    deadline = late.deadline("acknowledge")
    assert (first.due_at, first.next_at, first.measure) == (deadline.lapse_at, deadline.due_at, deadline.measure)
    [led] = (await room.reader.mine(WATER, CITY, "water", now=AT, stakes=[Stake.CO])).entries
    assert led.number == "SV-2022-0003"
    assert not (await room.reader.mine(NORTH, CITY, "water", now=AT)).entries
    pages = await room.reader.mine(WATER, CITY, "water", now=AT, limit=2)
    rest = await room.reader.mine(WATER, CITY, "water", now=AT, limit=2, cursor=pages.cursor)
    assert (*pages.entries, *rest.entries) == page.entries
    assert noise.problem.lead_unit == "north"


async def test_a_unit_is_told_of_the_measures_that_name_it_the_newest_first(room: DeskRoom) -> None:
    case = room.case("a")
    for _ in range(2):
        case.lapse("acknowledge")
    await room.take()
    calls = (await room.reader.calls(WATER, CITY, "water")).entries
    assert [(call.measure, call.ground, call.owner) for call in calls] == [
        ("bulletin", "acknowledge", "water"), ("reminder", "acknowledge", "water"),
    ]  # fmt: skip
    first = await room.reader.calls(WATER, CITY, "water", limit=1)
    then = await room.reader.calls(WATER, CITY, "water", limit=1, cursor=first.cursor)
    assert (*first.entries, *then.entries) == calls
    [told] = (await room.reader.calls(OFFICE, CITY, "office")).entries
    assert told.measure == "bulletin"
    assert not (await room.reader.calls(NORTH, CITY, "office")).entries


async def test_a_sponsor_has_a_wall_chart_with_the_milestones_of_the_plans(room: DeskRoom) -> None:
    case = room.case("a")
    room.case("b")
    case.done(do.Acknowledge, "water")
    case.done(do.Sponsor, "office", sponsor="Zhou", pair="north")
    stages = [
        {"title": title, "due_at": (AT + days * DAY).isoformat()} for title, days in (("dredge", 10), ("plant", 20))
    ]
    plan = {"person": "Wang", "target": "clean", "measures": ["dredge"], "due_at": (AT + 30 * DAY).isoformat(),
            "rectification": "phased", "milestones": stages}  # fmt: skip
    case.done(do.Plan, "water", plan=plan)
    case.done(do.ReachMilestone, "water", evidence=[SEAL])
    await room.take()
    [entry] = (await room.reader.sponsored(OFFICE, CITY, "Zhou", now=AT)).entries
    assert (entry.problem.number, entry.pair, entry.plan_due_at) == ("SV-2022-0001", "north", AT + 30 * DAY)
    assert [(stage.title, stage.due_at, stage.reached) for stage in entry.milestones] == [
        ("dredge", AT + 10 * DAY, True), ("plant", AT + 20 * DAY, False),
    ]  # fmt: skip
    leader = sight_of(appointed(Role.LEADER, "Zhou"))
    assert (await room.reader.sponsored(leader, CITY, "Zhou", now=AT)).entries
    assert not (await room.reader.sponsored(OFFICE, CITY, "Wu", now=AT)).entries
    [paired] = (await room.reader.mine(NORTH, CITY, "north", now=AT)).entries
    assert paired.stake is Stake.PAIR


async def figures(room: DeskRoom, before: datetime = AT + 30 * DAY) -> dict[str | None, UnitFigures]:
    every = await room.reader.comparison(OFFICE, CITY, from_at=AT - DAY, before=before, now=before)
    return {each.unit: each for each in every}


async def test_units_are_compared_by_what_they_received_closed_and_took(room: DeskRoom) -> None:
    quick, slow, other = (
        room.case("quick"),
        room.case("slow"),
        room.case("other", report(category="noise", area="north")),
    )
    quick.advance(hours=1)
    slow.advance(hours=2)
    for case in (quick, slow):
        case.done(do.Acknowledge, "water")
        case.advance(hours=24)
        case.done(do.Complete, "water", outcome="rectified")
    quick.done(do.Verify, "office", passed=True)
    quick.signed()
    quick.done(do.StrikeOff, "office")
    other.lapse("acknowledge")
    other.lapse("acknowledge")
    await room.take()
    compared = await figures(room)
    water, north, whole = compared["water"], compared["north"], compared[None]
    assert (water.received, water.open, water.closed, water.closed_in_time, water.closed_late) == (2, 1, 1, 1, 0)
    assert (north.received, north.open, north.overdue, north.respond.count) == (1, 1, 1, 0)
    assert (whole.received, whole.open, whole.closed) == (3, 2, 1)
    # 10:00 to 11:00 and to 12:00; the day has seven working hours.
    assert (water.respond.count, water.respond.median, water.respond.ninth_decile) == (2, 1.5, 2.0)
    assert (water.resolve.count, water.resolve.median, water.resolve.ninth_decile) == (2, 8.5, 9.0)
    own = await room.reader.comparison(WATER, CITY, from_at=AT - DAY, before=AT + DAY, now=AT)
    assert [each.unit for each in own] == ["water"]
    assert not await room.reader.comparison(ABROAD, CITY, from_at=AT - DAY, before=AT + DAY, now=AT)


async def test_what_is_given_to_a_unit_twice_in_a_period_counts_once_and_lay_in_its_hands_both_times(
    room: DeskRoom,
) -> None:
    case = room.case("a")
    case.advance(hours=1)
    case.done(do.HandBack, "water", **BACK)
    case.advance(hours=24)
    case.done(do.Dispatch, "office", lead_unit="water", reason="it is yours")
    case.advance(hours=1)
    case.done(do.Complete, "water", outcome="rectified")
    await room.take()
    water = (await figures(room))["water"]
    assert (water.received, water.respond.median, water.resolve.median) == (1, 1.0, 2.0)
    later = await room.reader.comparison(OFFICE, CITY, from_at=AT + 2 * HOUR, before=AT + 9 * DAY, now=AT + 9 * DAY)
    assert [each.received for each in later] == [1, 0]


async def test_a_unit_is_late_with_what_lapsed_in_its_hands_and_work_that_is_led_back_is_not_resolved(
    room: DeskRoom,
) -> None:
    case = room.case("a")
    case.lapse("acknowledge")
    case.lapse("acknowledge")
    case.done(do.Acknowledge, "water")
    case.done(do.Complete, "water", outcome="rectified")
    await room.take()
    assert (await figures(room))["water"].resolve.count == 1
    case.done(do.Verify, "office", passed=False, reason="still foul")
    await room.take()
    assert (await figures(room))["water"].resolve.count == 0
    case.done(do.Complete, "water", outcome="rectified")
    case.done(do.Verify, "office", passed=True)
    case.signed()
    case.done(do.StrikeOff, "office")
    await room.take()
    water = (await figures(room))["water"]
    assert (water.closed, water.closed_late, water.closed_in_time, water.open) == (1, 1, 0, 0)


async def weeks(room: DeskRoom) -> list[WeekLamps]:
    #: Midnights in China from the Wednesday on.
    ends = [datetime(2022, 4, 6, 16, tzinfo=UTC) + days * DAY for days in range(40)]
    return list(await room.reader.lamps_by_week(OFFICE, CITY, ends))


async def test_lamps_of_past_midnights_are_those_that_were_seen_then(room: DeskRoom) -> None:
    case = room.case("a")
    limit = case.deadline("acknowledge").lapse_at
    await room.take()
    assert (limit.astimezone(UTC) - AT) < 2 * DAY
    lamps = await weeks(room)
    first_red = next(at for at, week in enumerate(lamps) if week.red)
    assert [(week.yellow, week.red, week.green, week.none) for week in lamps] == [
        *[(1, 0, 0, 0)] * first_red, *[(0, 1, 0, 0)] * (40 - first_red),
    ]  # fmt: skip
    assert lamps[first_red].ends_at >= limit > lamps[first_red].ends_at - DAY
    case.now = lamps[first_red + 2].ends_at
    case.done(do.Acknowledge, "water")
    case.done(do.Complete, "water", outcome="rectified")
    case.advance(days=3)
    case.done(do.Verify, "office", passed=True)
    case.signed()
    case.done(do.StrikeOff, "office")
    await room.take()
    later = await weeks(room)
    assert later[: first_red + 2] == lamps[: first_red + 2]
    assert sum(week.red for week in later[first_red + 2 :]) == 0
    assert [week.red + week.yellow + week.green + week.none for week in later[-3:]] == [0, 0, 0]
    ends = [week.ends_at for week in later]
    assert list(await room.reader.lamps_by_week(WATER, CITY, ends, unit="water")) == later
    assert not await room.reader.lamps_by_week(WATER, CITY, ends)
    assert not await room.reader.lamps_by_week(WATER, CITY, ends, unit="north")


async def test_the_time_before_a_limit_that_is_yellow_counts_from_when_it_was_set(room: DeskRoom) -> None:
    case = room.case("a")
    case.done(do.Acknowledge, "water")
    await room.take()
    before = await weeks(room)
    first_yellow = next(week.ends_at for week in before if week.yellow)
    changed_at = first_yellow - 3 * DAY
    zone = case.rules.zone
    assert isinstance(room.store, (MemoryDesk, PostgresDeskStore))
    assert await room.store.set_near(4 * DAY, changed_at, lambda _: zone)
    assert not await room.store.set_near(4 * DAY, changed_at, lambda _: zone)
    after = await weeks(room)
    for week, earlier in zip(after, before, strict=True):
        is_soon = first_yellow - 2 * DAY <= week.ends_at < first_yellow
        assert week == (WeekLamps(ends_at=week.ends_at, yellow=1) if is_soon else earlier)
    case.now = first_yellow
    case.done(do.Complete, "water", outcome="rectified")
    case.done(do.Verify, "office", passed=True)
    case.signed()
    case.done(do.StrikeOff, "office")
    await room.take()
    assert [week for week in await weeks(room) if week.ends_at >= first_yellow] == [
        WeekLamps(ends_at=week.ends_at) for week in before if week.ends_at >= first_yellow
    ]


async def test_open_problems_lie_on_the_map_and_the_nearest_come_first(room: DeskRoom) -> None:
    for name, (latitude, longitude) in {
        "here": (31.46, 104.73),
        "near": (31.461, 104.73),
        "far": (31.6, 104.73),
    }.items():
        place = {"latitude": latitude, "longitude": longitude}
        room.case(name, report(title=name, location=place))
    room.case("nowhere")
    await room.take()
    points = await room.reader.nearby(OFFICE, CITY, 31.46, 104.73, 500, now=AT)
    assert [point.title for point in points] == ["here", "near"]
    assert [round(point.metres or 0) for point in points] == [0, 111]
    box = MapBox(31.4, 104.7, 31.5, 104.8)
    assert {point.title for point in await room.reader.on_map(OFFICE, CITY, box, now=AT)} == {"here", "near"}
    assert not await room.reader.on_map(OFFICE, CITY, box, now=AT, category="noise")
    assert not await room.reader.on_map(CITIZEN, CITY, box, now=AT)
    assert len(await room.reader.on_map(OFFICE, CITY, MapBox(31, 104, 32, 105), now=AT, limit=2)) == 2


async def test_it_says_how_fresh_it_is(room: DeskRoom) -> None:
    assert await room.reader.freshness() == Freshness()
    case = room.case("a")
    case.advance(hours=1)
    case.done(do.Acknowledge, "water")
    await room.take()
    assert await room.reader.freshness() == Freshness(newest_at=AT + HOUR)


@pytest.mark.stack
async def test_who_takes_a_partition_over_waits_for_the_batch_that_is_in_hand_and_counts_nothing_twice(
    pool: asyncpg.Pool[asyncpg.Record],
) -> None:
    room = DeskRoom(store := PostgresDeskStore(pool), PostgresDesk(pool))
    case = room.case("a")
    events = list(case.untold)
    waiting = """
        select count(*) = 1 from pg_locks join pg_database on pg_database.oid = database
        where datname = current_database() and locktype = 'advisory' and not granted
    """
    async with store.transaction({0}) as frozen:
        projection = Projection(await frozen.dossiers([UUID(case.id)]), frozen.near)
        for event in events:
            projection.take(event, case.rules, 0)
        successor = asyncio.create_task(room.take_events(events))
        await eventually(lambda: pool.fetchval(waiting))
        await frozen.write(projection.writing())
    await successor
    assert [week.yellow for week in (await weeks(room))[:1]] == [1]


async def sequential_scans(connection: asyncpg.Connection[asyncpg.Record]) -> dict[str, int]:
    """How often each table of the read model was read from end to end so far."""
    rows = await connection.fetch(
        "select relname, seq_scan from pg_stat_user_tables where schemaname = 'console' and relname like 'desk%'"
    )
    return {row["relname"]: row["seq_scan"] for row in rows}


async def remembered(connection: asyncpg.Connection[asyncpg.Record]) -> MemoryDesk:
    """A desk in memory with what of problems stands in the database: it counts them one by one."""
    desk = MemoryDesk()
    for row in await connection.fetch(f"select {', '.join(TURN)} from console.desk_turns"):
        desk.turns[row["record_id"], row["version"]] = UnitTurn(*row)
    for row in await connection.fetch(
        "select id, jurisdiction, begun_at, closed_at, due_key, lapses from desk_records"
    ):
        desk.rows[row["id"]] = RecordRow(
            **row, kind=Kind.PROBLEM, status=Status.UNDERWAY, pack="", number="", title="", rule="", version=1,
            changed_at=AT,
        )  # fmt: skip
    for row in await connection.fetch("select record_id, unit, stake, due_key from desk_stakes"):
        stake = StakeRow(row["unit"], Stake(row["stake"]), row["due_key"])
        desk.stakes[row["record_id"]] = (*desk.stakes.get(row["record_id"], ()), stake)
    return desk


async def compared(desk: DeskReader, from_at: datetime, before: datetime) -> list[object]:
    """The figures of every unit, without the last digits of what was divided."""
    lines: list[object] = []
    for each in await desk.comparison(OFFICE, CITY, from_at=from_at, before=before, now=NOW):
        lines.append((each.unit, each.received, each.open, each.overdue, each.closed, each.closed_late))
        spreads = (each.respond, each.resolve)
        lines += [(its.count, round(its.median or 0, 6), round(its.ninth_decile or 0, 6)) for its in spreads]
    return lines


#: A part of the problems, by their ids.
_PART = "get_byte(uuid_send({}), 0) between {} and {}"


@pytest.mark.stack
async def test_sums_of_months_are_what_counts_one_by_one_however_it_changes(migrated: Migrated) -> None:
    superuser = await asyncpg.connect(migrated.superuser, server_settings={"search_path": "console"})
    await SeededCity(3_000).lay(superuser)
    pool = await connect_pool(Settings(database=SecretStr(migrated.url_of("console"))), SCHEMA, planner=PLANNER)
    desk = PostgresDesk(pool)
    month, year = datetime(2026, 9, 1, tzinfo=UTC), timedelta(days=365)
    periods = [
        (NOW - year, NOW), (NOW - 5 * year, NOW), (month - 16 * HOUR, NOW + DAY), (month, month + 30 * DAY),
        (month + DAY, month + 29 * DAY), (month - 400 * DAY, month + TICK), (month + TICK, NOW - 10 * DAY), (NOW, NOW),
        (NOW + 90 * DAY, NOW + 200 * DAY),
    ]  # fmt: skip
    changes = [
        "select",
        f"update desk_turns set completed_at = null where {_PART.format('record_id', 0, 50)}",
        f"""
        update desk_turns set answered_at = answered_at + interval '40 days', answer = 3 * answer, answer_in_all = 7
        where {_PART.format("record_id", 40, 90)}
        """,
        f"update desk_turns set closed_at = null, lapses = 1 - lapses where {_PART.format('record_id', 80, 130)}",
        f"update desk_turns set whole = 59.5 where {_PART.format('record_id', 0, 200)}",
        f"update desk_records set closed_at = null, lapses = 0 where {_PART.format('id', 120, 170)}",
    ]
    for change in changes:
        await superuser.execute(change)
        memory = await remembered(superuser)
        for period in periods:
            assert await compared(desk, *period) == await compared(memory, *period), (change, period)
    await pool.execute("truncate console.desk_turns, console.desk_records")
    assert not await pool.fetchval("select count(*) from console.desk_months")
    await pool.close()
    await superuser.close()


@pytest.mark.stack
async def test_what_counts_months_is_planned_once_for_a_connection_and_not_for_every_row(migrated: Migrated) -> None:
    connection = await asyncpg.connect(migrated.url_of("console"))
    counting = await connection.fetch(
        "select tgname, proname, proconfig from pg_trigger join pg_proc on pg_proc.oid = tgfoid"
        " where tgrelid in ('console.desk_turns'::regclass, 'console.desk_records'::regclass) and tgtype & 1 = 1"
    )
    assert len(counting) == 4
    assert [row for row in counting if row["proconfig"] != ["plan_cache_mode=force_generic_plan"]] == []
    await connection.close()


@pytest.mark.stack
async def test_what_an_api_has_in_hand_while_months_are_first_counted_counts_too(database: str) -> None:
    *before, months = [each for each in carried_by(MIGRATIONS) if each.number <= 13]
    connections = [await asyncpg.connect(database) for _ in range(3)]
    owner, api, onlooker = connections
    await owner.execute("create schema console")
    for connection in connections:
        await connection.execute("set search_path to console")
    for migration in before:
        await owner.execute(migration.sql)

    async def laid() -> None:
        async with owner.transaction():
            await owner.execute(months.sql)

    async def waits() -> bool:
        waiting = "select exists (select from pg_locks where pid = $1 and not granted)"
        return bool(await onlooker.fetchval(waiting, owner.get_server_pid()))

    async with api.transaction():
        await api.execute(
            """
            insert into desk_records (id, kind, jurisdiction, pack, number, title, rule, status, version, begun_at,
                changed_at, due_key, parties, words, grams, co_units, flags, reports, lapses, milestones, reached)
            values ($1, 'problem', 'linyi', '', '', '', '', '', 1, $2,
                $2, $2, '{}', '', '{}', '{}', '{}', 1, 0, '[]', 0)
            """,
            UUID(int=1),
            AT,
        )
        laying = asyncio.create_task(laid())
        await eventually(waits)
        await api.execute(
            """
            insert into desk_turns (record_id, version, jurisdiction, unit, given_at, held, lapses)
            values ($1, 1, 'linyi', 'water', $2, 0, 0)
            """,
            UUID(int=1),
            AT,
        )
    await laying
    counted = await onlooker.fetch("select sort, unit, count from desk_months order by unit")
    assert [tuple(row) for row in counted] == [("received", "", 1), ("received", "water", 1)]
    for connection in connections:
        await connection.close()


@pytest.mark.stack
async def test_no_question_of_the_pages_reads_a_table_that_grows_from_end_to_end(migrated: Migrated) -> None:
    superuser = await asyncpg.connect(migrated.superuser)
    await SeededCity(20_000).lay(superuser)
    before = await sequential_scans(superuser)
    # Who leaves a server has told it what was read.
    pool = await connect_pool(Settings(database=SecretStr(migrated.url_of("console"))), SCHEMA, planner=PLANNER)
    for question in questions(PostgresDesk(pool)).values():
        await question()
    await pool.close()
    gone = "select count(*) = 0 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    await eventually(lambda: superuser.fetchval(gone))
    after = await sequential_scans(superuser)
    assert {table: after[table] - before[table] for table in GROWING} == dict.fromkeys(GROWING, 0)
    await superuser.close()
