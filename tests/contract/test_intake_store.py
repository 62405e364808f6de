"""One suite over the stores of intake: in memory and in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from duban.errors import Unavailable
from duban.io.postgres import connect_pool
from duban.io.settings import Settings
from duban.messages.report import Location, Report, SealedField
from duban.messages.sealed import WrappedKey
from duban.messages.struct import from_json
from duban.refusal import Refusal
from duban_intake.domain import Arrival, Receipt, ReportOutcome, submitted
from duban_intake.handlers import RefusedArrival, Store, Writing
from duban_intake.memory import MemoryStore
from duban_intake.nearness import Place
from duban_intake.report_seal import ReportKey
from duban_intake.retention import old_rows
from duban_intake.settings import IntakeSettings
from duban_intake.store import SCHEMA, PostgresStore
from tests.conftest import Migrated, walked
from tests.given import report

AT = datetime(2022, 4, 6, 2, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
async def postgres_store(migrated: Migrated) -> AsyncIterator[PostgresStore]:
    pool = await connect_pool(Settings(database=SecretStr(migrated.url_of("intake"))), SCHEMA)
    yield PostgresStore(pool)
    await pool.close()


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.stack)])
def store(request: pytest.FixtureRequest) -> Store:
    found: Store = MemoryStore() if request.param == "memory" else request.getfixturevalue("postgres_store")
    return found


def receipt(number: int, outcome: ReportOutcome = ReportOutcome.ACCEPTED, **changed: Any) -> Receipt:
    given = Receipt("线索/hotline", str(number), UUID(int=number), b"\x01" * 32, AT, outcome, UUID(int=number))
    return replace(given, **changed)


def place(number: int, cell: int = 7, latest_at: datetime = AT) -> Place:
    location, earliest_at = Location(latitude=30.25, longitude=120.17), min(AT, latest_at)
    return Place(UUID(int=number), "smallville", "river", location, cell, latest_at, earliest_at)


async def write(store: Store, *receipts: Receipt, **rest: Any) -> None:
    writing = Writing(receipts={one.key: one for one in receipts}, **rest)
    async with store.transaction(["smallville"]) as transaction:
        await transaction.write(writing)


async def receipts(store: Store, *numbers: int) -> dict[UUID, Receipt]:
    async with store.transaction(["smallville"]) as transaction:
        return await transaction.receipts([UUID(int=number) for number in numbers])


async def places(store: Store, cells: list[int], since_at: datetime = AT) -> list[Place]:
    async with store.transaction(["smallville"]) as transaction:
        return sorted(await transaction.places(cells, since_at), key=lambda one: one.problem_id)


async def test_a_receipt_comes_back_as_it_was_written(store: Store) -> None:
    given = [
        receipt(1),
        receipt(2, ReportOutcome.ATTACHED, problem_id=UUID(int=1)),
        receipt(3, ReportOutcome.REFUSED, problem_id=None, code="unknown_area", reason="没有这个地方"),
    ]
    await write(store, *given)
    assert await receipts(store, 1, 2, 3, 4) == {one.key: one for one in given}
    assert await store.receipt(UUID(int=2)) == given[1]
    assert await store.receipt(UUID(int=4)) is None


async def test_a_final_receipt_is_not_written_over_and_the_batch_that_tries_writes_nothing(store: Store) -> None:
    await write(store, receipt(1))
    with pytest.raises(Unavailable):
        await write(store, receipt(1, received_at=AT + timedelta(1)), receipt(2), places={UUID(int=2): place(2)})
    assert await receipts(store, 1, 2) == {UUID(int=1): receipt(1)}
    assert await places(store, [7]) == []


async def test_a_refusal_by_policy_gives_way_to_a_later_decision_on_the_same_body(store: Store) -> None:
    await write(store, receipt(1, ReportOutcome.REFUSED, problem_id=None, code="unknown_area", reason="no"))
    await write(store, receipt(1))
    assert await receipts(store, 1) == {UUID(int=1): receipt(1)}


async def test_a_refusal_by_policy_does_not_give_way_to_another_body(store: Store) -> None:
    no = receipt(1, ReportOutcome.REFUSED, problem_id=None, code="unknown_area", reason="no")
    await write(store, no)
    with pytest.raises(Unavailable):
        await write(store, receipt(1, digest=b"\x02" * 32))
    assert await receipts(store, 1) == {UUID(int=1): no}


async def test_the_routers_answer_revises_a_final_receipt(store: Store) -> None:
    await write(store, receipt(1, ReportOutcome.ATTACHED, problem_id=UUID(int=9)))
    await write(store, receipt(1), revises=True)
    assert await receipts(store, 1) == {UUID(int=1): receipt(1)}
    await write(store, receipt(1, digest=b"\x02" * 32), revises=True)
    assert await receipts(store, 1) == {UUID(int=1): receipt(1)}


async def test_places_are_found_by_cell_and_age(store: Store) -> None:
    held = [place(1), place(2, cell=-(2**63)), place(3, cell=8), place(4, latest_at=AT - timedelta(hours=1))]
    await write(store, places={one.problem_id: one for one in held})
    assert await places(store, [7, -(2**63)]) == held[:2]
    assert await places(store, [7], AT - timedelta(hours=1)) == [held[0], held[3]]
    assert await places(store, []) == []


async def test_a_place_moves_on_in_time_and_never_back(store: Store) -> None:
    for hours in (0, 5, 2):
        await write(store, places={UUID(int=1): place(1, latest_at=AT + timedelta(hours=hours))})
    assert await places(store, [7]) == [place(1, latest_at=AT + timedelta(hours=5))]


async def test_a_place_is_that_of_what_its_problem_is_now(store: Store) -> None:
    await write(store, places={UUID(int=1): place(1)})
    corrected = replace(place(1, cell=8), category="noise", matter="question")
    await write(store, places={UUID(int=1): corrected})
    assert await places(store, [7]) == []
    assert await places(store, [8]) == [corrected]


async def test_what_closes_is_removed_before_what_opens_is_added(store: Store) -> None:
    await write(store, places={UUID(int=n): place(n) for n in (1, 2)})
    await write(store, places={UUID(int=2): place(2)}, closed={UUID(int=1), UUID(int=2), UUID(int=3)})
    assert await places(store, [7]) == [place(2)]


async def test_a_refusal_of_another_body_is_kept_once_and_may_come_again(store: Store) -> None:
    arrival = Arrival.of(submitted("hotline", "1", report(title="b"), AT), AT)
    again = [RefusedArrival(arrival, Refusal("other_body", "send it under a new id"))] * 2
    await write(store, refusals=again)
    await write(store, refusals=again)
    if isinstance(store, PostgresStore):
        kept = await store._pool.fetch("select key, digest, code from intake.refusals")
        assert [tuple(row) for row in kept] == [(arrival.key, arrival.digest, "other_body")]
    else:
        assert isinstance(store, MemoryStore)
        assert list(store.refusals) == [(arrival.key, arrival.digest)]


async def test_turns_on_one_jurisdiction_wait_for_each_other(store: Store) -> None:
    order: list[str] = []
    began = asyncio.Event()

    async def first() -> None:
        async with store.transaction(["smallville", "elsewhere"]) as transaction:
            began.set()
            for _ in range(5):
                await transaction.receipts([UUID(int=1)])
            order.append("first")

    async def second() -> None:
        await began.wait()
        async with store.transaction(["elsewhere"]):
            order.append("second")

    await asyncio.gather(first(), second())
    assert order == ["first", "second"]


@pytest.mark.stack
async def test_refused_reports_are_forgotten_after_their_time_and_those_in_the_ledger_never(
    postgres_store: PostgresStore,
) -> None:
    now, long_ago = datetime.now(UTC), datetime.now(UTC) - timedelta(days=366)
    refused: Any = {"outcome": ReportOutcome.REFUSED, "problem_id": None, "code": "unknown_area", "reason": "no"}
    old = [receipt(number, received_at=long_ago, **refused) for number in range(10, 20)]
    lasting = [
        receipt(1, received_at=long_ago),
        receipt(2, ReportOutcome.ATTACHED, received_at=long_ago),
        # The router refused it: the ledger answers for it, and so must the receipt.
        receipt(3, ReportOutcome.REFUSED, received_at=long_ago, code="other", reason="no"),
        receipt(4, received_at=now, **refused),
    ]
    others = [
        RefusedArrival(Arrival.of(submitted("hotline", str(n), report(), AT), at), Refusal("other_body", "no"))
        for n, at in enumerate([long_ago] * 5 + [now])
    ]
    await write(postgres_store, *old, *lasting, refusals=others)
    tables = old_rows(postgres_store._pool, IntakeSettings())
    assert [await walked(*tables[name], page=3) for name in ("receipts", "refusals")] == [10, 5]
    held = await receipts(postgres_store, *range(30))
    assert held.keys() == {one.key for one in lasting}


@pytest.mark.stack
async def test_the_versions_of_problems_are_forgotten_when_nothing_turned_for_long(
    postgres_store: PostgresStore,
) -> None:
    problems = {UUID(int=number): 4 for number in range(1, 11)}
    await write(postgres_store, versions=problems)
    await postgres_store._pool.execute("update intake.turns set at = now() - interval '181 days'")
    await write(postgres_store, versions={UUID(int=1): 5, UUID(int=2): 4, UUID(int=11): 1})
    tables = old_rows(postgres_store._pool, IntakeSettings())
    assert await walked(*tables["turns"], page=3) == 9
    async with postgres_store.transaction(["smallville"]) as transaction:
        assert await transaction.versions([*problems, UUID(int=11)]) == {UUID(int=1): 5, UUID(int=11): 1}


def test_the_digest_is_that_of_the_content_not_of_its_spelling() -> None:
    def digest(text: str) -> bytes:
        return Arrival.of(submitted("s", "1", from_json(text, Report), AT), AT).digest

    plain = '{"jurisdiction": "a", "channel": "b", "title": "c", "attributes": {"x": "1", "y": "2"}}'
    spelt = '{"title":"c","attributes":{"y":"2","x":"1"},"text":"","channel":"b","area":null,"jurisdiction":"a"}'
    assert digest(plain) == digest(spelt)
    assert digest(plain) != digest(plain.replace('"2"', '"3"'))


def key(number: int, **changed: Any) -> ReportKey:
    fields, wrapped = (SealedField.TITLE, SealedField.TEXT), WrappedKey("a", b"\x07" * 60)
    given = ReportKey(UUID(int=number), "hotline", str(number), UUID(int=number), fields, AT, wrapped)
    return replace(given, **changed)


async def keys(store: Store, *numbers: int) -> dict[UUID, ReportKey]:
    async with store.transaction(["smallville"]) as transaction:
        return await transaction.report_keys([UUID(int=number) for number in numbers])


async def test_the_key_of_a_report_comes_back_as_it_was_first_written(store: Store) -> None:
    given = [key(1), key(2, problem_id=UUID(int=1))]
    await write(store, receipt(1), keys={one.key: one for one in given})
    await write(store, receipt(2), keys={UUID(int=1): key(1, wrapped=WrappedKey("b", b"\x08" * 60))})
    assert await keys(store, 1, 2, 3) == {one.key: one for one in given}


async def test_a_report_that_is_filed_elsewhere_takes_its_key_along(store: Store) -> None:
    await write(store, receipt(1), keys={UUID(int=1): key(1, problem_id=UUID(int=9))})
    await write(store, receipt(1), moved={UUID(int=1): UUID(int=1), UUID(int=2): UUID(int=2)}, revises=True)
    assert await keys(store, 1, 2) == {UUID(int=1): key(1)}
