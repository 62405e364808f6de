"""One suite over the ledgers of the router: in memory and in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr

from duban.clock import SystemClock
from duban.io.availability import dependency
from duban.io.postgres import connect_pool
from duban.io.settings import Settings
from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages import struct
from duban.messages.delivery import Delivery
from duban.messages.envelope import Message, decode, derived_id
from duban.messages.events import PROBLEMS, LedgerEvent, Refused
from duban.messages.records import Problem
from duban.messages.report import Filed
from duban.policy import PublishedCalendar
from duban.policy.library import Library
from duban.texts import folded
from duban_router.domain.precedents import Count, Precedent
from duban_router.handlers import CommandHandler
from duban_router.ledger import Conflict, Ledger, Line, Writing
from duban_router.memory import MemoryLedger
from duban_router.store import SCHEMA, PostgresLedger
from tests.conftest import Migrated
from tests.given import report, rules_with, small_library, small_rules

AT = datetime(2022, 4, 6, 2, 0, 0, 123456, tzinfo=UTC)
ENGINE, OFFICE, WATER = (do.Actor(unit=unit) for unit in (do.ENGINE, "office", "water"))
NUMBERS = ("smallville", 2022)
#: The columns of records that indexes cover, and those that the router may change.
_INDEXED = """
    select distinct attname::text as column from pg_index
    join pg_attribute on attrelid = indrelid and attnum = any(indkey) where indrelid = 'router.records'::regclass
"""
_CHANGING = """
    select column_name::text as column from information_schema.column_privileges
    where table_schema = 'router' and table_name = 'records' and grantee = 'duban_router' and privilege_type = 'UPDATE'
"""
CAUSE = do.Cause(problem_id=derived_id("cause"), number="SV-2022-0001", version=4, pack="small@1")


@pytest.fixture
async def postgres_ledger(migrated: Migrated) -> AsyncIterator[Ledger]:
    pool = await connect_pool(Settings(database=SecretStr(migrated.url_of("router"))), SCHEMA)
    yield PostgresLedger(pool)
    await pool.close()


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.stack)])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    found: Ledger = MemoryLedger() if request.param == "memory" else request.getfixturevalue("postgres_ledger")
    return found


@dataclass
class Member:
    """A router of its own on the ledger."""

    ledger: Ledger
    library: Library = field(default_factory=small_library)

    def __post_init__(self) -> None:
        self.handler = CommandHandler(self.ledger, self.library, SystemClock())

    async def __call__(self, *wanted: tuple[str, str, do.Command]) -> list[LedgerEvent | Refused]:
        batch: list[Delivery[Any]] = []
        for offset, (id_, name, data) in enumerate(wanted):
            subject = str(derived_id(name))
            message = Message(id_, "tests", subject, AT, "smallville", subject, data)
            batch.append(Delivery(message, "duban.commands.v1", 0, offset, AT))
        return [decode(one.key, one.value, one.headers, PROBLEMS).data for one in await self.handler(batch)]


def registers(name: str) -> tuple[str, str, do.Command]:
    filed = Filed(source="tests", id=name, received_at=AT, report=report(area="north"))
    return f"register {name}", name, do.Register(actor=ENGINE, filed=filed)


async def history_of(ledger: Ledger, name: str) -> list[Line]:
    """All that has happened to a record."""
    return (await ledger.histories({derived_id(name): 1_000}))[derived_id(name)]


async def given_out(ledger: Ledger, name: str) -> int:
    async with ledger.transaction([(name, 2022)]) as transaction:
        return transaction.allocated[name, 2022]


async def write(ledger: Ledger, writing: Writing) -> None:
    async with ledger.transaction(writing.allocated) as transaction:
        await transaction.write(writing)


def decided_anew() -> float | None:
    """How many batches any member here has decided again."""
    return REGISTRY.get_sample_value("duban_batches_decided_anew_total")


def codes(told: list[LedgerEvent | Refused]) -> list[str]:
    return [one.code if isinstance(one, Refused) else one.event.change.kind for one in told]


async def test_a_history_comes_back_as_it_was_written(ledger: Ledger) -> None:
    told = await Member(ledger)(registers("one"), ("ack", "one", do.Acknowledge(actor=WATER)))
    history = await history_of(ledger, "one")
    assert [(one.event, one.hash) for one in history] == [
        (one.event, one.hash) for one in told if isinstance(one, LedgerEvent)
    ]
    standing = (await ledger.standings([derived_id("one"), UUID(int=9)]))[derived_id("one")]
    assert (standing.record.version, standing.head) == (3, history[-1].hash)


async def test_histories_of_many_come_together_each_up_to_its_version(ledger: Ledger) -> None:
    await Member(ledger)(registers("one"), registers("two"), ("ack", "one", do.Acknowledge(actor=WATER)))
    histories = await ledger.histories({derived_id("one"): 2, derived_id("two"): 7, derived_id("unknown"): 1})
    assert {id_: [line.event.version for line in lines] for id_, lines in histories.items()} == {
        derived_id("one"): [1, 2],
        derived_id("two"): [1, 2],
    }


async def test_a_batch_that_another_member_has_decided_is_answered_the_same(ledger: Ledger) -> None:
    batch = [registers("one"), registers("two"), ("ack", "one", do.Acknowledge(actor=WATER)), registers("one")]
    refused = ("early", "three", do.Acknowledge(actor=WATER))
    told = await Member(ledger)(*batch, refused)
    assert await Member(ledger)(*batch, registers("three"), refused) == [
        *told[:-1], *await Member(ledger)(registers("three")), told[-1],
    ]  # fmt: skip


async def test_another_member_decides_on_what_the_first_has_written(ledger: Ledger) -> None:
    one, other = Member(ledger), Member(ledger)
    await one(registers("one"))
    assert codes(await other(registers("two"), ("ack", "one", do.Acknowledge(actor=WATER)))) == [
        "registered",
        "dispatched",
        "acknowledged",
    ]
    assert codes(await one(("again", "one", do.Acknowledge(actor=WATER)))) == ["illegal_move"]
    assert await given_out(ledger, "smallville") == 2


def attaches(name: str, id_: str) -> tuple[str, str, do.Command]:
    filed = Filed(source="tests", id=id_, received_at=AT, report=report(area="north"))
    return f"attach {id_}", name, do.Attach(actor=ENGINE, filed=filed)


def replies(name: str, id_: str, command: str = "reply") -> tuple[str, str, do.Command]:
    return f"{command} {id_}", name, do.Reply(actor=OFFICE, source="tests", id=id_, text="it is clean again")


async def test_a_reply_is_owed_once_to_each_report_whoever_decides_and_within_one_batch(ledger: Ledger) -> None:
    one, other = Member(ledger), Member(ledger)
    await one(registers("one"), registers("two"), *(attaches("one", id_) for id_ in "abc"))
    told = await other(
        replies("one", "a"), replies("one", "a", "again"), replies("one", "z"), replies("two", "b", "other"),
        attaches("one", "d"), replies("one", "d"), replies("one", "d", "again"),
    )  # fmt: skip
    owed = "no_reply_owed"
    assert codes(told) == ["replied", owed, owed, owed, "attached", "replied", owed]
    assert codes(await one(replies("one", "a", "later"), replies("one", "b"))) == [owed, "replied"]
    asked = [(derived_id(name), "tests", id_) for name in ("one", "two") for id_ in ("one", "two", *"abcdz")]
    one_id, two_id = derived_id("one"), derived_id("two")
    waiting = [(one_id, "tests", "one", 1), (one_id, "tests", "c", 5), (two_id, "tests", "two", 1)]
    async with ledger.transaction([]) as transaction:
        assert sorted(await transaction.unanswered(asked)) == sorted(waiting)
    standing = (await ledger.standings([one_id]))[one_id]
    assert isinstance(standing.record, Problem)
    assert (standing.record.reports, standing.record.unanswered) == (5, 2)


async def test_a_reply_finds_a_report_whose_names_are_as_long_as_they_may_be(ledger: Ledger) -> None:
    name = "".join(map(chr, range(0x20000, 0x20000 + 300)))  # four bytes each in UTF-8
    filed = Filed(source=name, id=name[::-1], received_at=AT, report=report(area="north"))
    reply = do.Reply(actor=OFFICE, source=name, id=name[::-1], text="it is clean again")
    register = do.Register(actor=ENGINE, filed=filed)
    assert codes(await Member(ledger)(("register", "one", register))) == ["registered", "dispatched"]
    assert codes(await Member(ledger)(("reply", "one", reply), ("again", "one", reply))) == ["replied", "no_reply_owed"]


async def test_a_reply_of_the_pack_knows_whom_else_it_was_given_whoever_decides(ledger: Ledger) -> None:
    library = Library()
    library.add(PublishedCalendar(notice=small_rules().calendar.notice))
    library.add(rules_with(replies=[{"id": "answer", "title": {"en": "Answer"}, "answers": True, "clause": "x"}]).pack)

    def tells(id_: str, command: str) -> tuple[str, str, do.Command]:
        return command, "one", do.Reply(actor=OFFICE, source="tests", id=id_, text="it is clean", reply="answer")

    one, other = Member(ledger, library), Member(ledger, library)
    first = await one(registers("one"), attaches("one", "a"), tells("one", "1"), tells("z", "2"))
    assert codes(first) == ["registered", "dispatched", "attached", "replied", "unknown_report"]
    second = await other(tells("a", "3"), attaches("one", "b"), tells("a", "4"))
    third = await one(tells("b", "5"), tells("one", "6"))
    since = [
        (one.event.change.told_since, one.event.change.answers)
        for one in (*first, *second, *third)
        if isinstance(one, LedgerEvent) and isinstance(one.event.change, c.Replied)
    ]
    assert since == [(0, True), (4, True), (0, False), (4, True), (7, False)]
    assert await other(tells("b", "5")) == third[:1]


def counting() -> Library:
    """The small pack with a trigger that counts by enterprise, and notes that may be copied."""
    of: dict[str, Any] = {"measure": "interview", "to": ["@owner"], "basis": "practice"}
    twice = {"id": "twice", "on": "acknowledged", "times": 2, "once": True, "per": "enterprise", **of}
    sign = {"id": "copied", "kind": "copied_note", "title": {"en": "Copied"}, "basis": "practice"}
    library = Library()
    library.add(PublishedCalendar(notice=small_rules().calendar.notice))
    library.add(rules_with(triggers=[twice], signs=[sign]).pack)
    return library


def of_acme(name: str, enterprise: str = "Acme 化工") -> tuple[str, str, do.Command]:
    filed = Filed(source="tests", id=name, received_at=AT, report=report(area="north", enterprise=enterprise))
    return f"register {name}", name, do.Register(actor=ENGINE, filed=filed)


def acknowledges(name: str) -> tuple[str, str, do.Command]:
    return f"ack {name}", name, do.Acknowledge(actor=WATER)


def notes(name: str, note: str = "half done") -> tuple[str, str, do.Command]:
    return f"note {name}", name, do.Progress(actor=WATER, note=note)


async def test_what_is_counted_over_problems_is_counted_whoever_decides_and_within_one_batch(ledger: Ledger) -> None:
    one, other = Member(ledger, counting()), Member(ledger, counting())
    await one(of_acme("one"), of_acme("two", "ACME化工"), of_acme("three"), of_acme("elsewhere", "Acme 化纤"))
    first = await one(acknowledges("one"), notes("one"), acknowledges("elsewhere"))
    assert codes(first) == ["acknowledged", "progressed", "acknowledged"]
    batch = [acknowledges("two"), notes("two"), acknowledges("three"), notes("three", "all done")]
    second = await other(*batch)
    assert codes(second) == ["acknowledged", "measured", "progressed", "sign_seen", "acknowledged", "progressed"]
    measured, seen = (one.event.change for one in (second[1], second[3]) if isinstance(one, LedgerEvent))
    assert isinstance(measured, c.Measured)
    assert measured.counted == (derived_id("one"),)
    assert isinstance(seen, c.SignSeen)
    assert seen.beside == derived_id("one")
    assert await one(*batch) == second, "what comes again counts no more, and is told the same"


async def test_of_two_members_who_count_at_once_one_is_first_and_the_other_second(ledger: Ledger) -> None:
    one, other = Member(ledger, counting()), Member(ledger, counting())
    await one(of_acme("one"), of_acme("two"), registers("nobody's"))
    under = Count("smallville", "trigger/twice", folded("Acme 化工"))
    async with ledger.transaction([], [under]) as transaction:
        waiting = asyncio.create_task(other(acknowledges("two")))
        assert codes(await one(acknowledges("nobody's"))) == ["acknowledged"]  # who counts nothing has not waited
        await asyncio.wait({waiting}, timeout=0.2)
        assert not waiting.done()
        await transaction.write(Writing(precedents=[Precedent(under, derived_id("one"), 3, AT)]))
    assert codes(await waiting) == ["acknowledged", "measured"]


async def test_what_stands_under_a_count_is_told_with_the_latest(ledger: Ledger) -> None:
    under, other = Count("smallville", "trigger/twice", "acme"), Count("smallville", "note", "water/1")
    many = [Precedent(under, derived_id("one"), version, AT + timedelta(seconds=version)) for version in range(1, 1004)]
    async with ledger.transaction([], [under]) as transaction:
        assert await transaction.precedents() == []
        await transaction.write(Writing(precedents=many))
    async with ledger.transaction([], [under, other]) as transaction:
        assert sorted(await transaction.precedents()) == many[3:]
    async with ledger.transaction([], [other]) as transaction:
        assert await transaction.precedents() == []


async def test_what_rests_on_a_stale_state_is_not_written(ledger: Ledger) -> None:
    await Member(ledger)(registers("one"))
    with pytest.raises(Conflict):
        await write(ledger, Writing(rests_on={derived_id("one"): 7}, allocated={NUMBERS: 5}))
    assert await given_out(ledger, "smallville") == 1


async def test_who_takes_numbers_waits_until_whoever_takes_some_is_through(ledger: Ledger) -> None:
    seen: list[int] = []

    async def next_in_line() -> None:
        async with ledger.transaction([NUMBERS]) as transaction:
            seen.append(transaction.allocated[NUMBERS])

    assert await given_out(ledger, "smallville") == 0
    async with ledger.transaction([NUMBERS]) as transaction:
        waiting = asyncio.create_task(next_in_line())
        assert codes(await Member(ledger)(("ack", "one", do.Acknowledge(actor=WATER)))) == ["unknown_problem"]
        await asyncio.wait({waiting}, timeout=0.2)
        assert seen == []  # who takes none has not waited, and who does still waits
        await transaction.write(Writing(allocated={NUMBERS: 7}))
    await waiting
    assert seen == [7]


async def test_what_was_taken_by_whoever_fails_is_there_for_the_next(ledger: Ledger) -> None:
    async def fail() -> None:
        async with ledger.transaction([NUMBERS]) as transaction:
            await transaction.write(Writing(rests_on={derived_id("nobody"): 7}, allocated={NUMBERS: 7}))

    with pytest.raises(Conflict):
        await fail()
    async with ledger.transaction([NUMBERS, ("smallville/budget/tip", 2022)]) as transaction:
        assert set(transaction.allocated.values()) == {0}


async def test_members_that_register_at_once_decide_each_command_once_and_leave_no_gap(ledger: Ledger) -> None:
    members = [Member(ledger) for _ in range(3)]
    batches = [[registers(f"{m} {n}") for n in range(5)] for m in range(3)]
    before = decided_anew()
    told = await asyncio.gather(*(member(*batch) for member, batch in zip(members, batches, strict=True)))
    numbers = {one.record.number for part in told for one in part if isinstance(one, LedgerEvent)}
    assert sorted(numbers) == [f"SV-2022-{n:04}" for n in range(1, 16)]
    assert decided_anew() == before


async def test_the_same_commands_at_two_members_at_once_are_decided_once(ledger: Ledger) -> None:
    batch = [registers("one"), ("ack", "one", do.Acknowledge(actor=WATER)), registers("two"), registers("one")]
    before = decided_anew()
    told, again = await asyncio.gather(Member(ledger)(*batch), Member(ledger)(*batch))
    assert told == again
    assert decided_anew() == before


async def test_no_two_members_award_more_than_a_budget_together(ledger: Ledger) -> None:
    one, other = Member(ledger), Member(ledger)
    owed = {
        name: do.Reward(actor=ENGINE, reward="tip", cause=struct.replace(CAUSE, number=name), handle=name)
        for name in ("a", "b", "c")
    }
    await one(*((f"owe {name}", name, data) for name, data in owed.items()))
    assert codes(await other(("award a", "a", do.Award(actor=OFFICE, amount=20_000)))) == ["awarded"]
    assert codes(await one(("award b", "b", do.Award(actor=OFFICE, amount=30_000)))) == ["awarded"]
    assert codes(await other(("award c", "c", do.Award(actor=OFFICE, amount=1_000)))) == ["over_budget"]
    assert await given_out(ledger, "smallville/budget/tip") == 50_000


async def test_a_reward_is_owed_and_awarded_in_one_batch(ledger: Ledger) -> None:
    owes = do.Reward(actor=ENGINE, reward="tip", cause=CAUSE, handle="a")
    awards = do.Award(actor=OFFICE, amount=20_000)
    assert codes(await Member(ledger)(("owe", "a", owes), ("award", "a", awards))) == ["reward_owed", "awarded"]
    assert await given_out(ledger, "smallville/budget/tip") == 20_000


@pytest.mark.stack
async def test_a_member_that_stands_still_loses_its_turn_and_its_numbers(migrated: Migrated) -> None:
    pool = await connect_pool(Settings(database=SecretStr(migrated.url_of("router"))), SCHEMA)
    hasty, other = PostgresLedger(pool, turn=timedelta(milliseconds=50)), PostgresLedger(pool)

    async def stand_still() -> None:
        async with hasty.transaction([NUMBERS]) as transaction:
            assert transaction.allocated == {NUMBERS: 0}
            async with asyncio.timeout(60):
                assert await given_out(other, "smallville") == 0  # the next one does not wait for ever
            await transaction.write(Writing(allocated={NUMBERS: 7}))

    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)) as lost:
        await stand_still()
    assert dependency(lost.value) == "database"  # so that the batch is decided again
    assert await given_out(other, "smallville") == 0
    await pool.close()


@pytest.mark.stack
async def test_a_record_that_changes_touches_no_index(migrated: Migrated) -> None:
    connection = await asyncpg.connect(migrated.superuser)
    try:
        indexed = {row["column"] for row in await connection.fetch(_INDEXED)}
        changing = {row["column"] for row in await connection.fetch(_CHANGING)}
    finally:
        await connection.close()
    assert {"id", "number"} <= indexed
    assert {"version", "status", "due_at", "state"} <= changing
    # A folded name is filled in once, where an earlier release has written none.
    assert indexed & changing == {"folded"}


@pytest.mark.stack
async def test_an_entry_on_a_list_is_found_by_its_subject(postgres_ledger: Ledger, migrated: Migrated) -> None:
    puts = do.PutOnList(actor=ENGINE, list="blacklist", of="绵阳示例电镀有限公司", ground="repeated", cause=CAUSE)
    await Member(postgres_ledger)(("put", "entry", puts), registers("one"))
    connection = await asyncpg.connect(migrated.url_of("reader"))
    try:
        rows = await connection.fetch("select number, subject from router.published_records order by number")
    finally:
        await connection.close()
    assert [tuple(row) for row in rows] == [
        ("SV-2022-0001", None),
        ("blacklist/SV-2022-0001/4", "绵阳示例电镀有限公司"),
    ]


@pytest.mark.stack
@pytest.mark.parametrize(
    "sql",
    [
        "update router.events set body = ''",
        "delete from router.events where version = 2",
        "truncate router.events",
        "update router.outcomes set refused = ''",
        "delete from router.outcomes",
        "truncate router.outcomes",
    ],
)
async def test_the_database_refuses_whoever_changes_what_has_happened(
    postgres_ledger: Ledger, migrated: Migrated, sql: str
) -> None:
    await Member(postgres_ledger)(registers("one"))
    connection = await asyncpg.connect(migrated.superuser)
    try:
        with pytest.raises(
            asyncpg.RaiseError, match=r"of (events|outcomes) is refused: what stands there stands for ever"
        ):
            await connection.execute(sql)
    finally:
        await connection.close()
    assert len(await history_of(postgres_ledger, "one")) == 2
