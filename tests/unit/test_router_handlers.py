"""The laws of the router's handler, over the ledger in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import pytest

from duban.clock import SystemClock
from duban.messages import commands as do
from duban.messages import struct
from duban.messages.delivery import Delivery
from duban.messages.envelope import NAMESPACE, Message, Record, decode, derived_id, derived_text
from duban.messages.events import GENESIS, PROBLEMS, LedgerEvent, Refused, canonical, chained
from duban.messages.report import Filed
from duban_router.handlers import CommandHandler
from duban_router.ledger import Line, Standing, Writing
from duban_router.memory import MemoryLedger
from tests.given import report, small_library

AT = datetime(2022, 4, 6, 2, tzinfo=UTC)


def problem_id(name: object) -> str:
    return str(derived_id("problem", name))


def command(name: str, data: do.Command, number: int = 0, key: str | None = None) -> Delivery[do.Command]:
    subject = problem_id(number)
    message = Message(name, "tests", subject, AT, "smallville", key or subject, data)
    return Delivery(message, "duban.commands.v1", 0, 0, AT)


def register(number: int = 0, name: str = "register") -> Delivery[do.Command]:
    filed = Filed(source="tests", id=str(number), received_at=AT, report=report(area="north"))
    return command(f"{name} {number}", do.Register(actor=do.Actor(unit=do.ENGINE), filed=filed), number)


def acknowledge(number: int = 0) -> Delivery[do.Command]:
    return command(f"acknowledge {number}", do.Acknowledge(actor=do.Actor(unit="water")), number)


def answers(records: list[Record]) -> list[LedgerEvent | Refused]:
    return [decode(one.key, one.value, one.headers, PROBLEMS).data for one in records]


async def history_of(ledger: MemoryLedger, number: int) -> list[Line]:
    id_ = derived_id("problem", number)
    return (await ledger.histories({id_: 1_000}))[id_]


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


@pytest.fixture
def handler(ledger: MemoryLedger) -> CommandHandler:
    return CommandHandler(ledger, small_library(), SystemClock())


async def test_numbers_are_given_without_gaps(handler: CommandHandler) -> None:
    first = answers(await handler([register(0), register(0, "again"), register(1)]))
    second = answers(await handler([register(2)]))
    numbers = [one.record.number for one in (*first, *second) if isinstance(one, LedgerEvent)]
    assert list(dict.fromkeys(numbers)) == ["SV-2022-0001", "SV-2022-0002", "SV-2022-0003"]
    assert [one.code for one in first if isinstance(one, Refused)] == ["already_registered"]


async def test_a_batch_that_comes_again_writes_nothing_and_publishes_the_same(
    handler: CommandHandler, ledger: MemoryLedger
) -> None:
    batch = [register(0), acknowledge(0), acknowledge(0), register(1)]
    first = await handler(batch)
    await handler([command("later", do.Progress(actor=do.Actor(unit="water"), note="half done"))])
    held = len(await history_of(ledger, 0))
    fresh = CommandHandler(ledger, small_library(), SystemClock())
    assert await handler(batch) == first
    assert await fresh(batch) == first
    assert len(await history_of(ledger, 0)) == held


async def test_a_refusal_stands_even_if_it_would_be_granted_now(handler: CommandHandler, ledger: MemoryLedger) -> None:
    early = acknowledge(0)
    refused = answers(await handler([early]))
    assert isinstance(refused[0], Refused)
    await handler([register(0)])
    again = answers(await CommandHandler(ledger, small_library(), SystemClock())([early]))
    assert again == refused


async def test_a_member_whose_memory_is_stale_starts_over_from_the_ledger(ledger: MemoryLedger) -> None:
    zombie = CommandHandler(ledger, small_library(), SystemClock())
    owner = CommandHandler(ledger, small_library(), SystemClock())
    await zombie([register(0)])
    await owner([acknowledge(0)])
    late = answers(await zombie([command("other", do.Progress(actor=do.Actor(unit="water"), note="half done"))]))
    assert isinstance(late[0], LedgerEvent)
    assert (late[0].event.version, late[0].event.change.kind) == (4, "progressed")


async def test_two_members_share_one_register_without_gaps(ledger: MemoryLedger) -> None:
    one = CommandHandler(ledger, small_library(), SystemClock())
    other = CommandHandler(ledger, small_library(), SystemClock())
    given = []
    for number, member in enumerate([one, other, one, one, other]):
        given += [a.record.number for a in answers(await member([register(number)])) if isinstance(a, LedgerEvent)]
    assert sorted(set(given)) == [f"SV-2022-{n:04d}" for n in range(1, 6)]


async def test_every_event_carries_the_hash_over_its_predecessor(handler: CommandHandler, ledger: MemoryLedger) -> None:
    published = answers(await handler([register(0), acknowledge(0)]))
    head = GENESIS
    for one, entry in zip(published, await history_of(ledger, 0), strict=True):
        assert isinstance(one, LedgerEvent)
        assert one.hash == chained(head, canonical(one.event)) == entry.hash
        assert entry.body == canonical(one.event)
        head = one.hash


async def test_what_is_told_and_kept_of_each_report_stays_as_small_however_many_are_attached(
    handler: CommandHandler, ledger: MemoryLedger
) -> None:
    await handler([register(0)])
    told: list[int] = []
    kept: list[int] = []
    for number in range(1, 1001):
        filed = Filed(source="tests", id=f"{number:04}", received_at=AT, report=report(area="north"))
        attach = do.Attach(actor=do.Actor(unit=do.ENGINE), filed=filed)
        (record,) = await handler([command(f"attach {number:04}", attach)])
        told.append(record.size)
        kept.append(len((await ledger.standings([derived_id("problem", 0)]))[derived_id("problem", 0)].state))
    few = 16  # more digits of counts and versions
    assert max(told[10:]) <= told[10] + few
    assert max(kept[10:]) <= kept[10] + few
    reply = do.Reply(actor=do.Actor(unit="office"), source="tests", id="0777", text="it is clean again")
    assert [one.event.change.kind for one in answers(await handler([command("reply", reply)]))] == ["replied"]  # type: ignore[union-attr]


async def test_an_action_counts_from_when_the_broker_appended_it(handler: CommandHandler) -> None:
    backdated = register(0)
    message = backdated.message
    late = Delivery(message, backdated.topic, 0, 0, AT + timedelta(days=2))
    event = answers(await handler([late]))[0]
    assert isinstance(event, LedgerEvent)
    assert event.event.at == AT + timedelta(days=2)


@pytest.mark.parametrize(
    ("delivery", "code"),
    [
        (command("x", do.Acknowledge(actor=do.Actor(unit="water")), key="elsewhere"), "wrong_key"),
        (acknowledge(7), "unknown_problem"),
    ],
)
async def test_what_cannot_be_decided_is_answered_with_its_reason(
    handler: CommandHandler, delivery: Delivery[do.Command], code: str
) -> None:
    (answer,) = answers(await handler([delivery]))
    assert isinstance(answer, Refused)
    assert answer.code == code


async def test_a_jurisdiction_without_a_pack_is_refused_with_its_report(handler: CommandHandler) -> None:
    delivery = register(0)
    message = delivery.message
    abroad = Message(message.id, message.source, message.subject, message.time, "atlantis", message.key, message.data)
    (answer,) = answers(await handler([Delivery(abroad, "t", 0, 0, AT)]))
    assert isinstance(answer, Refused)
    assert answer.code == "unknown_jurisdiction"
    assert answer.filed == message.data.filed  # type: ignore[attr-defined]


def owe(number: int) -> Delivery[do.Command]:
    cause = do.Cause(problem_id=derived_id("cause"), number=f"SV-2022-{number:04}", version=4, pack="small@1")
    data = do.Reward(actor=do.Actor(unit=do.ENGINE), reward="tip", cause=cause, handle=f"reporter {number}")
    return command(f"owe {number}", data, number)


def award(number: int, amount: int) -> Delivery[do.Command]:
    return command(f"award {number}", do.Award(actor=do.Actor(unit="office"), amount=amount), number)


async def test_two_members_together_award_no_more_than_the_budget(ledger: MemoryLedger) -> None:
    one, other = (CommandHandler(ledger, small_library(), SystemClock()) for _ in range(2))
    await one([owe(number) for number in range(4)])
    await other([award(0, 1_000)])  # it knows from now on how much was awarded
    await one([award(1, 30_000)])
    told = answers(await other([award(2, 19_001), award(3, 19_000)]))
    assert [one.code if isinstance(one, Refused) else one.record.status for one in told] == ["over_budget", "awarded"]
    budget = ("smallville/budget/tip", 2022)
    assert ledger.allocated([budget]) == {budget: 50_000}


async def test_a_batch_may_take_from_many_registers_that_do_not_show_before_it_is_decided(
    handler: CommandHandler, ledger: MemoryLedger
) -> None:
    years = range(2022, 2030)
    batch = [
        struct.replace(each, appended_at=AT.replace(year=year))
        for year in years
        for each in (owe(year), award(year, 5_000))
    ]
    told = answers(await handler(batch))
    assert [one.record.status for one in told if isinstance(one, LedgerEvent)] == ["owed", "awarded"] * len(years)
    budgets = [("smallville/budget/tip", year) for year in years]
    assert ledger.allocated(budgets) == dict.fromkeys(budgets, 5_000)


async def test_what_no_topic_would_take_is_refused_and_stands_in_no_ledger(ledger: MemoryLedger) -> None:
    handler = CommandHandler(ledger, small_library(), SystemClock(), most_bytes=14_000)
    note = do.Progress(actor=do.Actor(unit="water"), note="x" * 7_000)
    large = do.Progress(actor=do.Actor(unit="water"), note="x" * 7_000, reason="y" * 7_000)
    batch = [register(0), command("large", large), command("note", note), acknowledge(0)]
    records = await handler(batch)
    told = answers(records)
    assert all(record.size <= 14_000 for record in records)
    assert [one.code for one in told if isinstance(one, Refused)] == ["illegal_move", "illegal_move"]
    first, large_again = answers(await handler([command("note 2", note), command("large 2", large)]))
    assert isinstance(first, LedgerEvent)
    assert isinstance(large_again, Refused)
    assert large_again.code == "too_large"
    assert len(await history_of(ledger, 0)) == first.event.version


async def test_a_command_that_comes_again_does_not_roll_its_batch_back() -> None:
    class Counting(MemoryLedger):
        writes = 0

        async def write(self, writing: Writing) -> None:
            self.writes += 1
            await super().write(writing)

    ledger = Counting()
    handler = CommandHandler(ledger, small_library(), SystemClock())
    await handler([register(0)])
    told = answers(await handler([register(1), register(0), acknowledge(0)]))
    assert [one.event.change.kind for one in told if isinstance(one, LedgerEvent)] == [
        "registered", "dispatched", "registered", "dispatched", "acknowledged",
    ]  # fmt: skip
    assert ledger.writes == 2


async def test_commands_that_come_again_read_and_fold_each_history_once() -> None:
    class Asked(MemoryLedger):
        asked: Sequence[Mapping[UUID, int]] = ()

        async def histories(self, until: Mapping[UUID, int]) -> dict[UUID, list[Line]]:
            self.asked = [*self.asked, until]
            return await super().histories(until)

    ledger = Asked()
    notes = [command(f"note {n}", do.Progress(actor=do.Actor(unit="water"), note="dug")) for n in range(5)]
    batch = [register(0), acknowledge(0), register(1), *notes]
    first = await CommandHandler(ledger, small_library(), SystemClock())(batch)
    again = CommandHandler(ledger, small_library(), SystemClock())
    assert await again([*batch[:-1], batch[0]]) == [*first[:-1], *first[:2]]
    assert ledger.asked == [{derived_id("problem", 0): 7, derived_id("problem", 1): 2}]


def test_an_id_is_the_uuid5_of_its_causes_as_text_and_as_one() -> None:
    for number in range(200):
        known = uuid5(NAMESPACE, f"cause\x1f{number}")
        assert (derived_id("cause", number), derived_text("cause", number)) == (known, str(known))


@pytest.mark.parametrize("written", ["{%s}", "urn:uuid:%s"])
async def test_the_id_of_a_problem_may_be_written_otherwise(handler: CommandHandler, written: str) -> None:
    given = register(0)
    subject = written % problem_id(0)
    [first, *_] = answers(
        await handler([struct.replace(given, message=struct.replace(given.message, subject=subject, key=subject))])
    )
    assert isinstance(first, LedgerEvent)
    assert first.record.id == UUID(problem_id(0))


async def test_what_was_longest_of_no_use_is_read_anew_and_the_rest_is_remembered() -> None:
    class Asked(MemoryLedger):
        def __init__(self) -> None:
            super().__init__()
            self.asked: list[set[UUID]] = []

        async def standings(self, ids: Sequence[UUID]) -> dict[UUID, Standing]:
            self.asked.append(set(ids))
            return await super().standings(ids)

    def note(number: int, name: str) -> Delivery[do.Command]:
        return command(f"{name} {number}", do.Progress(actor=do.Actor(unit="water"), note="half done"), number)

    ids = [UUID(problem_id(number)) for number in range(4)]
    ledger = Asked()
    handler = CommandHandler(ledger, small_library(), SystemClock(), remembered=21_000)  # three of these, not four
    await handler([register(0), acknowledge(0), register(1), acknowledge(1), register(2), acknowledge(2)])
    await handler([note(0, "first")])
    await handler([register(3), acknowledge(3)])
    ledger.asked.clear()
    told = answers(await handler([note(0, "second"), note(2, "second"), note(3, "second")]))
    assert ledger.asked == []
    told += answers(await handler([note(1, "second")]))
    assert ledger.asked == [{ids[1]}]
    assert all(isinstance(one, LedgerEvent) for one in told)


async def test_a_batch_that_is_larger_than_what_may_be_remembered_is_decided_all_the_same() -> None:
    handler = CommandHandler(MemoryLedger(), small_library(), SystemClock(), remembered=1)
    told = answers(await handler([register(0), register(1), acknowledge(0), acknowledge(1)]))
    told += answers(await handler([acknowledge(0)]))
    kinds = [one.event.change.kind if isinstance(one, LedgerEvent) else one.code for one in told]
    assert kinds == ["registered", "dispatched"] * 2 + ["acknowledged"] * 2 + ["acknowledged"]
