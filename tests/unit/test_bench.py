"""The benchmark sends what a client would send, and what it finds standing is what the services would have written."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest

from duban.clock import DrivenClock
from duban.io.decode import delivery
from duban.io.publisher import partition_of
from duban.messages import commands as do
from duban.messages.commands import COMMANDS
from duban.messages.envelope import Message, derived_id, encode
from duban_cli.bench import load
from duban_cli.bench.open_problems import FIRST, JURISDICTION, KeptLedger, OpenProblem, pack
from duban_cli.bench.path import fetched, library_of
from duban_cli.bench.profile import by_kind, kind_of
from duban_cli.commands.bench import WORKLOADS, Sizes
from duban_escalation.domain import armed
from duban_intake.domain import digest, submitted
from duban_router.handlers import CommandHandler
from tests.tools import benchmark_tables

AT = datetime(2029, 12, 30, 5, tzinfo=UTC)
PARTITIONS = 16


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
    standing = await OpenProblem.decided(AT, PARTITIONS)
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
                bytes.fromhex(line.hash),
            )
            for line in written.lines
        ]
        assert rows["router.unanswered"] == list(written.unanswered)
        assert rows["router.outcomes"] == [(outcome.key, outcome.command, id_, 1, 2)]
        [record] = rows["router.records"]
        expected = held.record
        assert record == (
            id_, expected.version, expected.jurisdiction, expected.number, expected.begun_at, expected.kind,
            expected.status, expected.rule, expected.holder, expected.deadlines[0].due_at, expected.lapses,
            bytes.fromhex(held.head),
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


_RUN = [
    "<module> (duban_router/__main__.py:54)",
    "run_service (duban/io/service.py:227)",
    "run (uvloop/__init__.py:92)",
]


@pytest.mark.parametrize(
    ("frames", "kind"),
    [
        ([], "loop"),
        (["_Attempt.take (duban_router/handlers.py:228)", "due (duban/policy/rules.py:40)"], "deciding"),
        (["_Attempt.take (duban_router/handlers.py:228)", "canonical (duban/messages/struct.py:40)"], "encoding"),
        (["delivery (duban/io/decode.py:30)", "from_json (duban/messages/struct.py:40)"], "decoding"),
        (["PostgresLedger.write (duban_router/store.py:80)", "Connection.execute (asyncpg/connection.py:1)"],
         "PostgreSQL client"),
        (["_append (duban/io/publisher.py:230)", "lz4_encode (aiokafka/codec.py:100)"], "Kafka client"),
    ],
)  # fmt: skip
def test_a_sample_counts_where_its_innermost_known_function_is(frames: list[str], kind: str) -> None:
    assert kind_of([*_RUN, *frames]) == kind


def test_the_shares_of_a_profile_are_of_all_samples_but_those_of_waiting() -> None:
    stacks = [
        f"{';'.join(_RUN)} 60\n",
        f"{';'.join([*_RUN, 'isfuture (asyncio/base_futures.py:1)'])} 30\n",
        f"{';'.join([*_RUN, 'lz4_encode (aiokafka/codec.py:100)'])} 10\n",
    ]

    assert by_kind(stacks) == {"loop": 75.0, "Kafka client": 25.0}


def test_a_profiled_run_gives_its_profile_and_leaves_the_figures_to_another(tmp_path: Path) -> None:
    plain, profiled = tmp_path / "plain.json", tmp_path / "profiled.json"
    plain.write_text(json.dumps({"machine": {}, "W1": {"per_s": 900}}), "utf-8")
    profiled.write_text(json.dumps({"W1": {"per_s": 500, "profile_percent": {"router": {"loop": 9.0}}}}), "utf-8")

    figures = benchmark_tables.read([plain, profiled])

    assert figures["W1"] == {"per_s": 900}
    assert benchmark_tables.tables(figures) == {"profile": "| | loop |\n| --- | --- |\n| router | 9 % |\n"}


def test_every_table_of_the_benchmarks_has_its_place_in_the_page() -> None:
    text = benchmark_tables.PAGE.read_text("utf-8")
    for name in benchmark_tables.BLOCKS:
        assert text.count(f"<!-- {name} -->\n") == text.count(f"<!-- /{name} -->") == 1, name


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_workload_is_given_what_it_asks_for(name: str) -> None:
    sizes = Sizes(problems=100, open_problems=1000, backlog=100, minutes=1, per_second=1.0, profiles=None)
    module, _, function = WORKLOADS[name].function.partition(":")
    workload = getattr(import_module(f"duban_cli.bench.{module}"), function)

    bound = inspect.signature(workload).bind(*WORKLOADS[name].sizes(sizes), print)

    assert bound.arguments["say"] is print
