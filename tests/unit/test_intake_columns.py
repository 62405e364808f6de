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
from duban_intake.channels.columns import Mapping, MappingError, load_mapping, read_reports
from duban_intake.channels.table import BadRow, TableError, csv_table
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
    return list(read_reports(csv_table(io.StringIO(HEADER + text, newline="")), given or mapping(), at))


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


@pytest.mark.parametrize("nothing", ["0", "0.0", "-0", "0.000000"])
def test_latitude_and_longitude_0_are_no_place(nothing: str) -> None:
    [message] = read(ROW.replace("30.25,120.17", f"{nothing},0"))
    assert isinstance(message, Message)
    assert message.data.location is None
    [message] = read(ROW.replace("30.25,120.17", "0,120.17"))
    assert isinstance(message, Message)
    assert message.data.location == Location(latitude=0, longitude=120.17)


def test_a_cell_of_what_nobody_sees_is_empty() -> None:
    assert bad(ROW.replace('"foul, black water"', "\u200b\ufeff")).field == "What"


@pytest.mark.parametrize("year", ["0001", "1899", "2200", "9999"])
def test_a_row_of_a_year_that_cannot_be_counted_is_named_and_the_others_are_good(year: str) -> None:
    good, row, other = read(ROW + ROW.replace("7,", "8,", 1).replace("2022", year) + ROW.replace("7,", "9,", 1))
    assert isinstance(good, Message)
    assert isinstance(other, Message)
    assert isinstance(row, BadRow)
    assert (row.line, row.field) == (3, "When")


def test_a_byte_order_mark_is_not_part_of_the_first_column() -> None:
    [message] = read_reports(csv_table(io.StringIO("\ufeff" + HEADER + ROW)), mapping())
    assert isinstance(message, Message)


@pytest.mark.parametrize(
    ("row", "field", "says"),
    [
        (ROW.replace("7,", ",", 1), "No", "empty"),
        (ROW.replace("06.04.2022", "31.02.2022"), "When", "%d.%m.%Y"),
        (ROW.replace("30.25", "95"), "Y", "at most 90"),
        (ROW.replace("30.25", "north"), "Y", "number"),
        (ROW.replace("120.17", ""), "X", "other coordinate"),
        (ROW.replace("Phone call", ""), "How", "empty"),
        (ROW.replace("D 4", "D\x004"), "Desk", "NUL"),
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
    found = read(ROW.replace("30.25", "95") + ROW.replace("7,", "8,", 1))
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
    with pytest.raises(TableError, match="no column Bureau; it has: No, What"):
        read(ROW, mapping(attributes=["Bureau"]))


def test_the_requests_of_boston_are_read_to_the_last() -> None:
    given = load_mapping((ROOT / "deploy/demo/boston-mapping.yaml").read_text("utf-8"), "boston-mapping.yaml")
    with (ROOT / "deploy/demo/boston-2015.csv").open(encoding="utf-8", newline="") as lines:
        found = list(read_reports(csv_table(lines), given))
    assert Counter(map(type, found)) == {Message: 500}
    first = found[0]
    assert isinstance(first, Message)
    assert first.id == "101001240759"
    assert first.time == datetime(2015, 1, 1, 13, 35, tzinfo=UTC)
    assert (first.data.category, first.data.channel, first.data.area) == (
        "Watermain Break", "Constituent Call", "West Roxbury",
    )  # fmt: skip
    assert dict(first.data.attributes) == {"REASON": "Water Issues", "QUEUE": "BWSC_All Cases", "Department": "BWSC"}


@pytest.mark.parametrize(
    ("form", "zone", "says"),
    [
        ("%Y-%m-%d %H:%M:%S %Z", "Asia/Shanghai", "%z"),
        ("%m/%d/%Y %H:%M %p", "America/New_York", "%I"),
        ("%m/%d/%Y %I:%M", "America/New_York", "%p"),
        ("%Y-%m-%dT%H:%M:%SZ", "Asia/Shanghai", "UTC"),
        ("%d.%m. %H:%M", "Europe/Berlin", "whole date"),
        ("%H:%M", "Europe/Berlin", "whole date"),
        ("%Q", "Europe/Berlin", "cannot be read"),
        (["%Y-%m-%d", "%d/%m"], "Europe/Berlin", "whole date"),
        ([], "Europe/Berlin", "at least 1"),
    ],
)
def test_a_format_that_would_not_heed_all_that_it_reads_is_refused(form: Any, zone: str, says: str) -> None:
    with pytest.raises(MappingError) as caught:
        mapping(observed_at={"format": form, "timezone": zone})
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("form", "cell", "at"),
    [
        ("%Y-%m-%d %H:%M:%S.%f", "2026-01-01 00:01:05.0000000", datetime(2026, 1, 1, 5, 1, 5, tzinfo=UTC)),
        ("%Y-%m-%d %H:%M:%S.%f", "2026-01-01 00:01:05.1234567", datetime(2026, 1, 1, 5, 1, 5, 123456, tzinfo=UTC)),
        ("%Y-%m-%dT%H:%M:%S%z", "2026-01-01T00:01:05Z", datetime(2026, 1, 1, 0, 1, 5, tzinfo=UTC)),
        ("%Y-%m-%d %H:%M:%S UTC%z", "2026-01-01 00:01:05 UTC+0100", datetime(2025, 12, 31, 23, 1, 5, tzinfo=UTC)),
        ("iso8601", "2026-01-01T00:01:05.000", datetime(2026, 1, 1, 5, 1, 5, tzinfo=UTC)),
        ("iso8601", "2026-01-01", datetime(2026, 1, 1, 5, tzinfo=UTC)),
        (["%m/%d/%Y %I:%M:%S %p", "%Y/%m/%d"], "01/02/2026 02:03:04 PM", datetime(2026, 1, 2, 19, 3, 4, tzinfo=UTC)),
        (["%m/%d/%Y %I:%M:%S %p", "%Y/%m/%d"], "2026/01/02", datetime(2026, 1, 2, 5, tzinfo=UTC)),
        ("%Y年%m月%d日 %H时%M分", "2026年01月02日 03时04分", datetime(2026, 1, 2, 8, 4, tzinfo=UTC)),
    ],
)
def test_an_instant_is_read_in_any_of_the_formats_and_with_fractions_of_any_length(
    form: Any, cell: str, at: datetime
) -> None:
    given = mapping(observed_at={"format": form, "timezone": "America/Toronto"})
    [message] = read(ROW.replace("06.04.2022 02:00", cell), given)
    assert isinstance(message, Message), message
    assert message.time == at


def test_digits_alone_are_no_instant() -> None:
    given = mapping(observed_at={"format": "iso8601", "timezone": "America/Toronto"})
    assert "not of the form" in bad(ROW.replace("06.04.2022 02:00", "20260302"), given).reason


def test_a_star_among_the_words_stands_for_every_other() -> None:
    given = mapping(values={"channel": {"Phone call": "hotline", "*": "other"}})
    found = read(
        ROW
        + ROW.replace("7,", "8,", 1).replace("Phone call", "Fax")
        + ROW.replace("7,", "9,", 1).replace("Phone call", ""),
        given,
    )
    assert [message.data.channel for message in found if isinstance(message, Message)] == ["hotline", "other", "other"]


def test_words_for_a_field_without_a_column_are_refused() -> None:
    with pytest.raises(MappingError, match="words for category"):
        mapping(values={"category": {"a": "b"}})


def test_without_an_id_a_row_is_known_by_its_content_and_equal_rows_are_as_many_reports() -> None:
    given = mapping(id=None)
    first, second, third = (
        message.id for message in read(ROW + ROW + ROW.replace("D 4", "D 5"), given) if isinstance(message, Message)
    )
    assert second == f"{first}-2"
    assert third not in (first, second)
    assert [message.id for message in read(ROW, given) if isinstance(message, Message)] == [first]


def test_an_id_that_comes_twice_is_named_with_the_line_of_the_first() -> None:
    _, second = read(ROW + ROW.replace("D 4", "D 5"))
    assert second == BadRow(3, "No", "7 is the id of line 2 too; one id, one row")


def test_long_content_is_text_and_makes_a_title_of_how_it_begins() -> None:
    columns = {name: column for name, column in GIVEN["columns"].items() if name != "title"}
    given = mapping(columns={**columns, "text": "What"})
    [message] = read(ROW.replace("foul, black water", "河里有黑水。味道很大，已经三天了。"), given)
    assert isinstance(message, Message)
    assert (message.data.title, message.data.text) == ("河里有黑水", "河里有黑水。味道很大，已经三天了。")
    [message] = read(ROW.replace("foul, black water", "x" * 301))
    assert isinstance(message, Message)
    assert (message.data.title, message.data.text) == ("x" * 60 + "…", "x" * 301)


def test_a_column_that_comes_twice_is_refused_and_an_unnamed_one_is_not() -> None:
    with pytest.raises(TableError, match="column What twice"):
        list(read_reports(csv_table(["What,No,What\n", "1,2,3\n"]), mapping()))
    assert csv_table(["a,,\n"]).columns == ("a", "", "")


def test_a_broken_quotation_mark_is_named_by_its_line_and_what_follows_is_read() -> None:
    rows = (
        ROW + '8,"the "Blue" factory",Phone call,,,,06.04.2022 02:00,\n' + ROW.replace("7,", "9,", 1) + "10,too few\n"
    )
    first, second, third, fourth = read(rows)
    assert isinstance(first, Message)
    assert isinstance(second, BadRow)
    assert (second.line, second.field) == (3, "(row)")
    assert "quotation mark" in second.reason
    assert isinstance(third, Message)
    assert isinstance(fourth, BadRow)
    assert fourth.line == 5


def test_a_row_that_goes_over_lines_is_named_by_the_one_it_begins_on() -> None:
    _, second = read(ROW + '8,"over\nlines",Phone call,north,95,120,06.04.2022 02:00,\n')
    assert isinstance(second, BadRow)
    assert second.line == 3


def test_a_name_with_a_line_break_is_told_in_words() -> None:
    reason = bad(ROW.replace(",north,", ',"nor\nth",')).reason
    assert reason.startswith("has a line break")
    assert "^" not in reason
