"""The laws of importing reports from CSV."""

from __future__ import annotations

import io
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from duban.messages.envelope import Message
from duban.messages.report import Location, Report
from duban_intake.channels.csv_file import BadRow, Mapping, MappingError, load_mapping, read_reports
from tests.given import ROOT

GIVEN: dict[str, Any] = {
    "source": "city-311",
    "id": "No",
    "columns": {
        "title": "What", "channel": "How", "area": "Where", "latitude": "Y", "longitude": "X", "observed_at": "When",
    },
    "constants": {"jurisdiction": "smallville"},
    "values": {"channel": {"Phone call": "hotline"}},
    "observed_at": {"format": "%d.%m.%Y %H:%M", "timezone": "Europe/Berlin"},
    "attributes": ["Desk"],
}  # fmt: skip
HEADER = "No,What,How,Where,Y,X,When,Desk\n"
ROW = '7,"foul, black water",Phone call,north,30.25,120.17,06.04.2022 02:00,D 4\n'


def mapping(**changed: Any) -> Mapping:
    return load_mapping(yaml.safe_dump({**GIVEN, **changed}), "m.yaml")


def read(text: str, given: Mapping | None = None, at: datetime | None = None) -> list[Message[Report] | BadRow]:
    return list(read_reports(io.StringIO(HEADER + text, newline=""), given or mapping(), at))


def bad(text: str, given: Mapping | None = None) -> BadRow:
    [row] = read(text, given)
    assert isinstance(row, BadRow), row
    return row


def test_a_row_becomes_a_report_stated_when_it_was_observed() -> None:
    at = datetime(2022, 4, 6, 0, tzinfo=UTC)
    [message] = read(ROW)
    assert isinstance(message, Message)
    assert (message.source, message.id, message.time) == ("city-311", "7", at)
    assert message.data == Report(
        jurisdiction="smallville", channel="hotline", title="foul, black water", area="north",
        location=Location(latitude=30.25, longitude=120.17), observed_at=at, attributes={"Desk": "D 4"},
    )  # fmt: skip


def test_an_empty_cell_is_an_absent_field() -> None:
    [message] = read("7,water,Phone call, ,,,06.04.2022 02:00,\n")
    assert isinstance(message, Message)
    assert (message.data.area, message.data.location, message.data.attributes) == (None, None, {})


def test_a_byte_order_mark_is_not_part_of_the_first_column() -> None:
    [message] = read_reports(io.StringIO("\ufeff" + HEADER + ROW), mapping())
    assert isinstance(message, Message)


@pytest.mark.parametrize(
    ("row", "field", "says"),
    [
        (ROW.replace("7,", ",", 1), "No", "printable"),
        (ROW.replace("06.04.2022", "31.02.2022"), "When", "%d.%m.%Y"),
        (ROW.replace("30.25", "95"), "Y", "at most 90"),
        (ROW.replace("30.25", "north"), "Y", "number"),
        (ROW.replace("120.17", ""), "X", "other coordinate"),
        (ROW.replace("Phone call", ""), "How", "empty"),
        (ROW.replace("D 4", "D\x004"), "Desk", "pattern"),
        (ROW.replace(",D 4", ""), "(row)", "cells"),
        (ROW.replace("D 4", "D,4"), "(row)", "cells"),
        (ROW.replace("06.04.2022 02:00", ""), "When", "no instant"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_by_line_and_column(row: str, field: str, says: str) -> None:
    found = bad(row)
    assert (found.line, found.field) == (2, field)
    assert says in found.reason


def test_a_quotation_mark_that_is_never_closed_ends_the_reading() -> None:
    first, second = read(ROW + '8,"unclosed,Phone call\n')
    assert isinstance(first, Message)
    assert isinstance(second, BadRow)
    assert second.field == "(row)"
    assert "import the rest" in second.reason


def test_a_bad_row_does_not_stop_the_others() -> None:
    found = read(ROW.replace("30.25", "95") + ROW)
    assert [type(one) for one in found] == [BadRow, Message]


def test_a_row_without_an_instant_is_stated_at_the_one_given() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    [message] = read(ROW.replace("06.04.2022 02:00", ""), at=at)
    assert isinstance(message, Message)
    assert (message.time, message.data.observed_at) == (at, None)


def test_of_an_hour_that_comes_twice_the_first_is_taken() -> None:
    [message] = read(ROW.replace("06.04.2022 02:00", "30.10.2022 02:30"))
    assert isinstance(message, Message)
    assert message.time == datetime(2022, 10, 30, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"constants": {}}, "nothing fills jurisdiction"),
        ({"constants": {"jurisdiction": "a", "title": "b"}}, "title stands under columns and under constants"),
        ({"observed_at": None}, "format and timezone"),
        ({"observed_at": {"format": "%d", "timezone": "Mars/Base"}}, "Mars/Base is no time zone"),
        ({"columns": {"colour": "C"}}, "columns.colour"),
        ({"colours": 1}, "colours"),
        ({"id": 7}, "id: "),
        ({"columns": {**GIVEN["columns"], "latitude": None}}, "columns.latitude"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_with_the_file_and_the_entry(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(MappingError, match=r"^m\.yaml: ") as caught:
        mapping(**changed)
    assert says in str(caught.value)


def test_a_mapping_that_does_not_fit_the_file_names_the_column_and_those_there_are() -> None:
    with pytest.raises(MappingError, match="no column Bureau; it has: No, What"):
        read(ROW, mapping(attributes=["Bureau"]))


def test_the_requests_of_boston_are_read_to_the_last() -> None:
    given = load_mapping((ROOT / "deploy/demo/boston-mapping.yaml").read_text("utf-8"), "boston-mapping.yaml")
    with (ROOT / "deploy/demo/boston-2015.csv").open(encoding="utf-8", newline="") as lines:
        found = list(read_reports(lines, given))
    assert Counter(map(type, found)) == {Message: 500}
    first = found[0]
    assert isinstance(first, Message)
    assert first.id == "101001240759"
    assert first.time == datetime(2015, 1, 1, 13, 35, tzinfo=UTC)
    assert (first.data.category, first.data.channel, first.data.area) == (
        "Watermain Break", "Constituent Call", "West Roxbury",
    )  # fmt: skip
    assert dict(first.data.attributes) == {"REASON": "Water Issues", "QUEUE": "BWSC_All Cases", "Department": "BWSC"}
