"""Reports, acts and closings from files: what is right becomes a message or an act, what is wrong is named."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from duban.messages import commands as do
from duban.messages.commands import Reply
from duban.messages.envelope import Message, structured
from duban.messages.report import Report
from duban.messages.struct import plain
from duban_cli.simulation.sources import Act, ClosingColumns, identities, json_reports, read_acts
from duban_intake.channels.columns import Mapping
from duban_intake.channels.table import BadRow, TableError, csv_table
from duban_intake.domain import own_problem, submitted
from tests.given import report, small_rules

AT = datetime(2024, 3, 4, 1, 0, tzinfo=UTC)
ZONE = small_rules().zone
HEADER = "report,at,action,unit,outcome,plan,passed,reason\n"


def acts(*rows: str, known: Iterable[tuple[str, str]] = (("tests", "1"),)) -> list[Act | BadRow]:
    messages = [submitted(source, id_, report(), AT) for source, id_ in known]
    cells = HEADER.count(",")
    lines = [f"{row}{',' * (cells - _cells(row))}\n" for row in rows]
    return list(read_acts(csv_table([HEADER, *lines]), identities(messages), ZONE))


def _cells(row: str) -> int:
    """How many commas stand between the cells of ``row``."""
    (cells,) = csv.reader([row])
    return len(cells) - 1


def test_an_act_is_local_time_where_it_names_no_offset() -> None:
    (here,) = acts("1,2024-03-04T10:00,acknowledge,@lead,,,")
    (there,) = acts("1,2024-03-04T02:00+00:00,acknowledge,@lead,,,")
    assert here == there
    assert isinstance(here, Act)
    assert (here.key, here.unit, here.at) == (own_problem("tests", "1"), "@lead", datetime(2024, 3, 4, 2, tzinfo=UTC))


def test_the_other_columns_are_the_fields_of_the_action() -> None:
    plan = json.dumps({"person": "Li", "target": "clean", "measures": ["dig"], "due_at": "2024-03-20T09:00:00Z"})
    quoted = plan.replace('"', '""')
    complete, planned, verified = acts(
        "1,2024-03-04T10:00,complete,water,rectified,,",
        f'1,2024-03-04T10:00,plan,@lead,,"{quoted}",',
        "1,2024-03-04T10:00,verify,@office,,,true",
    )
    assert isinstance(complete, Act)
    assert complete.command == do.Complete(actor=do.Actor(unit="water"), outcome="rectified")
    assert isinstance(planned, Act)
    assert isinstance(planned.command, do.Plan)
    assert planned.command.plan.due_at == datetime(2024, 3, 20, 9, tzinfo=UTC)
    assert isinstance(verified, Act)
    assert isinstance(verified.command, do.Verify)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("2,2024-03-04T10:00,acknowledge,@lead,,,", "no report 2"),
        ("1,yesterday,acknowledge,@lead,,,", "yesterday"),
        ("1,2024-03-04T10:00,escalate,@lead,,,", "escalate is no action"),
        ("1,2024-03-04T10:00,complete,@lead,,,", "outcome"),
        ("1,2024-03-04T10:00,acknowledge,@lead,rectified,,", "outcome"),
    ],
)
def test_an_act_that_cannot_be_is_named(row: str, says: str) -> None:
    (fault,) = acts(row)
    assert isinstance(fault, BadRow)
    assert fault.line == 2
    assert says in f"{fault.field} {fault.reason}"


@pytest.mark.parametrize("reason", ["[hotline] no such place", "{sic}", "[1]", "{}"])
def test_what_a_field_of_text_begins_with_is_text(reason: str) -> None:
    (act,) = acts(f"1,2024-03-04T10:00,acknowledge,@lead,,,,{reason}")
    assert isinstance(act, Act)
    assert act.command.reason == reason


def test_what_begins_as_json_and_is_none_is_named_by_its_column() -> None:
    (fault,) = acts('1,2024-03-04T10:00,plan,@lead,,"{no json"')
    assert isinstance(fault, BadRow)
    assert (fault.line, fault.field) == (2, "plan")
    assert "means JSON" in fault.reason


def test_an_id_of_two_sources_needs_the_source() -> None:
    (fault,) = acts("1,2024-03-04T10:00,acknowledge,@lead,,,", known=[("a", "1"), ("b", "1")])
    assert isinstance(fault, BadRow)
    assert "a, b" in fault.reason


def test_a_reply_goes_to_whoever_handed_in_the_report_or_to_another_of_its_source() -> None:
    lines = [
        "report,at,action,unit,text,id\n",
        "1,2024-03-04,reply,@lead,seen to,\n",
        "1,2024-03-04,reply,@lead,so too,7\n",
    ]
    told = [one for one in read_acts(csv_table(lines), {"1": {"tests"}}, ZONE) if isinstance(one, Act)]
    assert [one.key for one in told] == [own_problem("tests", "1")] * 2
    assert [(one.command.source, one.command.id) for one in told if isinstance(one.command, Reply)] == [
        ("tests", "1"), ("tests", "7"),
    ]  # fmt: skip


def test_acts_without_their_columns_are_no_acts() -> None:
    with pytest.raises(TableError, match="action"):
        list(read_acts(csv_table(["report,at,unit\n", "1,2,3\n"]), {}, ZONE))


def test_reports_are_read_as_events_and_as_they_are() -> None:
    event = structured(submitted("tests", "1", report(), AT)) | {"topic": "duban.reports.v1", "offset": 3}
    bare = plain(report(observed_at=AT))
    first, second = json_reports([json.dumps(event).encode(), b"\n", json.dumps(bare).encode()])
    assert isinstance(first, Message)
    assert (first.source, first.id, first.time, first.data) == ("tests", "1", AT, report())
    assert isinstance(second, Message)
    assert (second.source, second.time, second.data) == ("duban/cli", AT, report(observed_at=AT))


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"title": "x"}', json.dumps(plain(report())).encode()])
def test_a_line_that_is_no_dated_report_is_named(line: bytes) -> None:
    (fault,) = json_reports([line])
    assert isinstance(fault, BadRow)
    assert fault.line == 1


COLUMNS = Mapping.model_validate(
    {
        "source": "city",
        "id": "id",
        "columns": {"title": "title", "observed_at": "opened"},
        "constants": {"jurisdiction": "smallville", "channel": "hotline"},
        "observed_at": {"format": "%d.%m.%Y %H:%M", "timezone": "Asia/Shanghai"},
    }
)
ROWS = [
    "id,title,opened,closed,how\n",
    "1,a,04.03.2024 09:00,05.03.2024 09:00,unfounded\n",
    "2,b,04.03.2024 09:00,,\n",
    "3,c,04.03.2024 09:00,06.03.2024 09:00,\n",
    "4,d,04.03.2024 09:00,soon,\n",
]


def test_a_closing_is_everything_that_closes_a_problem_under_the_pack() -> None:
    found = list(ClosingColumns("closed", "how", "rectified").read(csv_table(ROWS), COLUMNS, small_rules()))
    played = [one for one in found if isinstance(one, Act)]
    first, third = own_problem("city", "1"), own_problem("city", "3")
    steps = ["complete", "check", "check", "verify", "strike_off"]
    assert [(one.key, one.command.TYPE.rpartition(".")[2]) for one in played] == [
        *((first, step) for step in steps), *((third, step) for step in steps)
    ]  # fmt: skip
    assert {one.at for one in played if one.key == first} == {datetime(2024, 3, 5, 1, tzinfo=UTC)}
    outcomes = [one.command.outcome for one in played if isinstance(one.command, do.Complete)]
    assert outcomes == ["unfounded", "rectified"]
    (fault,) = (one for one in found if isinstance(one, BadRow))
    assert (fault.line, fault.field) == (5, "closed")


def test_a_closing_column_that_is_not_there_is_named() -> None:
    with pytest.raises(TableError, match="done"):
        list(ClosingColumns("done", None, "rectified").read(csv_table(ROWS), COLUMNS, small_rules()))


def test_a_report_of_the_file_is_the_report_of_its_acts() -> None:
    known = identities([submitted("city", "7", Report(jurisdiction="x", channel="y", title="z"), AT)])
    assert known == {"7": {"city"}}
