"""The laws of uploaded tables: what each row becomes is told by line and column, and nothing huge is unpacked."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from typing import Any

import openpyxl
import pytest

from duban.errors import Fault
from duban.messages.report import Identity
from duban.messages.sources import RegisteredSource
from duban_intake.channels.items import ItemMapping, Parsed
from duban_intake.channels.kinds import spoken
from duban_intake.channels.table_file import MOST_ROWS
from duban_intake.domain import Receipt, ReportOutcome, digest, own_problem
from duban_intake.gateway.tables import JudgedRows, judged, preview
from tests.given import small_library

AT = datetime(2026, 3, 1, 20, tzinfo=UTC)
MAPPING = {
    "id": "no", "columns": {"title": "what", "category": "kind", "area": "where", "observed_at": "seen"},
    "observed_at": {"format": "%Y-%m-%d", "timezone": "Asia/Shanghai"}, "contact": {"name": "who", "phone": "phone"},
    "attributes": ["note"],
}  # fmt: skip
DESK = RegisteredSource(name="desk", kind="table", jurisdiction="smallville", channel="hotline", mapping=MAPPING)
HEADER = "no,what,kind,where,seen,who,phone,note"
GOOD = "1,Black water,river,north,2026-03-01,Li,13800000000,urgent"


def read(payload: str | bytes, source: RegisteredSource = DESK) -> tuple[Parsed, ItemMapping]:
    language = spoken(source)
    assert language is not None
    channel, mapping = language
    return channel.parse(payload.encode() if isinstance(payload, str) else payload, mapping, AT), mapping


def rows(*lines: str, receipts: dict[Any, Receipt] | None = None, source: RegisteredSource = DESK) -> JudgedRows:
    parsed, mapping = read("\n".join((HEADER, *lines)), source)
    return judged(parsed, source, mapping, receipts or {}, small_library(), AT)


def receipt_of(parsed: Parsed, **changed: Any) -> dict[Any, Receipt]:
    [entry] = parsed.entries
    key = own_problem(entry.message.source, entry.message.id)
    fields = {"digest": digest(entry.message.data), "outcome": ReportOutcome.ACCEPTED, "problem_id": key, **changed}
    return {key: Receipt(entry.message.source, entry.message.id, key, received_at=AT, **fields)}


def test_a_row_is_a_report_on_its_line_and_who_reported_goes_to_the_vault() -> None:
    [entry] = rows(GOOD).new
    report = entry.message.data
    assert (entry.item, entry.message.source, entry.message.id) == (2, "desk", "1")
    assert (report.title, report.category, report.area, report.channel) == ("Black water", "river", "north", "hotline")
    assert report.reporter.identity is Identity.NAMED
    assert report.attributes == {"note": "urgent"}
    assert entry.contact is not None
    assert (entry.contact.name, entry.contact.phone) == ("Li", "13800000000")
    assert "13800000000" not in repr(entry.message)


def test_a_workbook_gives_the_same_reports_as_the_same_table_in_csv() -> None:
    book = openpyxl.Workbook()
    for line in (HEADER, GOOD):
        book.worksheets[0].append(line.split(","))
    book.worksheets[0]["E2"] = datetime.fromisoformat("2026-03-01")
    file = io.BytesIO()
    book.save(file)
    assert read(file.getvalue())[0] == read(f"{HEADER}\n{GOOD}")[0]


@pytest.mark.parametrize(
    ("line", "column", "says"),
    [
        ("2,,river,,2026-03-01,,,", "what", "is empty; fill it"),
        ("2,a,lake,,2026-03-01,,,", "kind", "small@1 has no category lake; use one of: noise, other, river"),
        ("2,a,river,east,2026-03-01,,,", "where", "small@1 has no area east; use one of: north, north-town, south"),
        ("2,a,river,,soon,,,", "seen", "soon is not of the form %Y-%m-%d; correct it"),
        ("2,a,river,,2026-03-01,Li,1\t2,", "phone", "has a line break or another control character"),
        ("1,a,river,,2026-03-01,,,", "no", "1 is the id of line 2 too; one id, one row"),
        ("2,a", "(row)", "has 2 cells, the header 8"),
    ],
)
def test_a_row_that_gives_nothing_is_named_by_line_and_column_with_what_is_allowed(
    line: str, column: str, says: str
) -> None:
    judgement = rows(GOOD, line)
    assert [entry.message.id for entry in judgement.new] == ["1"]
    [bad] = judgement.bad
    assert (bad.line, bad.field) == (3, column)
    assert says in bad.reason


def test_a_row_for_another_jurisdiction_is_not_taken() -> None:
    mapping = {**MAPPING, "columns": {**MAPPING["columns"], "jurisdiction": "where"}}  # type: ignore[dict-item]
    mapping["columns"] = {name: column for name, column in mapping["columns"].items() if name != "area"}  # type: ignore[attr-defined]
    source = RegisteredSource(name="desk", kind="table", jurisdiction="smallville", channel="hotline", mapping=mapping)
    [bad] = rows(GOOD, source=source).bad
    assert (bad.field, bad.reason[:33]) == ("where", "desk reports for smallville, not ")


def test_what_was_taken_before_is_known_and_another_report_under_its_id_is_refused() -> None:
    parsed, _ = read(f"{HEADER}\n{GOOD}")
    held = receipt_of(parsed)
    assert [entry.message.id for entry in rows(GOOD, receipts=held).known] == ["1"]
    [bad] = rows(GOOD.replace("Black", "Red"), receipts=held).bad
    assert (bad.field, bad.reason[:40]) == ("no", "1 is the id of another report, which sta")
    # What was refused then may pass by now.
    refused = receipt_of(parsed, outcome=ReportOutcome.REFUSED, problem_id=None)
    assert len(rows(GOOD, receipts=refused).new) == 1


def test_the_preview_tells_every_row_in_the_order_of_the_file_and_nothing_of_who_reported() -> None:
    told = preview(rows(GOOD, "2,,river,,2026-03-01,,,", "3,a,noise,,2026-03-01,,,"), "key")
    assert (told.new, told.known, told.refused, told.confirm) == (2, 0, 1, "key")
    assert [(row.line, row.becomes, row.id) for row in told.rows] == [
        (2, "new", "1"), (3, "refused", None), (4, "new", "3"),
    ]  # fmt: skip
    assert told.rows[0].confided == ["name", "phone"]
    assert told.rows[0].report is not None
    assert told.rows[0].report["category"] == "river"
    assert "13800000000" not in told.model_dump_json()


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ("what,kind\na,river", "the file has no column no; it has: what, kind"),
        ("no,what,kind,where,seen,note\n", "the file has no column who"),
        ("", "the file has no line 1 that names its columns"),
        (b"PK\x03\x04 and nothing more", "is no workbook that can be read"),
        ("\ufeff".encode("utf-16"), "the file is UTF-16; say `encoding: utf-16` in the mapping"),
    ],
)
def test_what_is_no_such_table_is_refused_as_a_whole(payload: str | bytes, says: str) -> None:
    with pytest.raises(Fault, match=says) as refused:
        read(payload)
    assert (refused.value.status, refused.value.code) == (400, "not_a_table")


def test_a_table_has_so_many_rows_and_no_more() -> None:
    lines = [f"{number},a,river,,2026-03-01,,," for number in range(MOST_ROWS + 1)]
    assert len(read("\n".join((HEADER, *lines[:-1])))[0].entries) == MOST_ROWS
    with pytest.raises(Fault, match=f"more than {MOST_ROWS} rows; send it in parts") as refused:
        read("\n".join((HEADER, *lines)))
    assert refused.value.status == 413


def test_a_workbook_that_unpacks_to_much_is_not_unpacked() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", bytes(65 * 1024 * 1024))
    assert len(file.getvalue()) < 100_000
    with pytest.raises(Fault, match="unpacks to 68157440 bytes") as refused:
        read(file.getvalue())
    assert refused.value.status == 413
