"""The benchmark sends what a client would send, and what it finds standing is what the services would have written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from duban.clock import DrivenClock
from duban.io.decode import delivery
from duban.io.publisher import partition_of
from duban.messages import commands as do
from duban.messages.commands import COMMANDS
from duban.messages.envelope import Message, derived_id, encode
from duban_cli.bench import load
from duban_cli.bench.path import fetched, library_of
from duban_cli.bench.standing import FIRST, JURISDICTION, Standing, pack
from duban_escalation.domain import armed
from duban_intake.domain import digest, submitted
from duban_router.handlers import CommandHandler, Writing
from duban_router.memory import MemoryLedger

AT = datetime(2029, 12, 30, 5, tzinfo=UTC)
PARTITIONS = 16


class KeptLedger(MemoryLedger):
    """Remembers what was written last."""

    async def write(self, writing: Writing, allocated_before: dict[tuple[str, int], int]) -> None:
        await super().write(writing, allocated_before)
        self.writing = writing


def test_a_submission_is_the_report_as_a_client_encodes_it() -> None:
    expected = encode(submitted(load.SOURCE, "1234", load.report(1234), load.BEGINS_AT))

    assert load.submission(1234) == expected


def test_every_tenth_report_comes_again_and_the_count_says_so() -> None:
    for problems in (1, 10, 11, 345):
        numbers = [number for number, _ in load.submissions(problems)]
        assert len(numbers) == load.submitted_in_all(problems)
        assert sorted(set(numbers)) == list(range(problems))


def test_what_people_send_is_the_command_as_a_client_encodes_it() -> None:
    subject = str(load.problem_id(7))
    data = do.Verify(actor=do.Actor(unit="office"), passed=True)
    id_ = str(derived_id("bench", 7, data.TYPE))
    expected = encode(Message(id_, load.SOURCE, subject, AT, load.JURISDICTION, subject, data))

    assert list(load.way_to_strike_off(7, AT))[2] == expected


async def test_what_stands_is_what_the_router_and_escalation_write() -> None:
    standing = await Standing.decided(AT, PARTITIONS)
    handler = CommandHandler(ledger := KeptLedger(), library_of(pack()), DrivenClock())
    for place in (0, 1):
        at = AT + timedelta(hours=place)
        [command] = fetched([load.registration(FIRST + place, JURISDICTION, at)])
        await handler([delivery(command, COMMANDS)])
        written, rows = ledger.writing, standing.rows(place, at)

        [(id_, held)], [outcome] = written.standings.items(), written.outcomes
        assert rows["router.events"] == [
            (
                id_,
                line.event.version,
                line.event.at,
                line.event.change.kind,
                line.body.decode(),
                line.previous,
                line.hash,
            )
            for line in written.lines
        ]
        assert rows["router.outcomes"] == [(outcome.key, outcome.command, id_, 1, 2)]
        [record] = rows["router.records"]
        expected = held.record
        assert record == (
            id_, expected.version, expected.jurisdiction, expected.number, expected.begun_at, expected.kind,
            expected.status, expected.rule, expected.holder, expected.deadlines[0].due_at, expected.lapses, held.head,
            held.state.decode(),
        )  # fmt: skip
        [deadline] = armed(expected, partition_of(str(id_).encode(), PARTITIONS))
        assert rows["escalation.heads"] == [(id_, expected.version)]
        assert rows["escalation.deadlines"] == [
            (
                id_, deadline.obligation, deadline.generation, deadline.level, deadline.due_at, deadline.fire_at,
                deadline.command, deadline.partition, deadline.jurisdiction,
            )
        ]  # fmt: skip
        [receipt] = rows["intake.receipts"]
        assert receipt[3] == digest(load.report(FIRST + place, JURISDICTION))
