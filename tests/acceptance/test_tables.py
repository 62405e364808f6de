"""Tables that cities publish, in their real layouts, read by the mappings of the guide alone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest
import yaml

from duban.messages.envelope import Message
from duban.messages.report import Report
from duban_cli.table_file import opened
from duban_intake.channels.columns import Mapping, load_mapping, read_reports
from duban_intake.channels.table import BadRow, TableError
from tests.given import ROOT

EXPORTS = ROOT / "tests/data/exports"
MAPPINGS = {
    yaml.safe_load(block)["source"]: block
    for block in re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/tables.md").read_text("utf-8"), re.DOTALL)
}


def mapping(name: str, **changed: object) -> Mapping:
    return load_mapping(yaml.safe_dump({**yaml.safe_load(MAPPINGS[name]), **changed}), "docs/tables.md")


def read(file: Path, given: Mapping) -> list[Message[Report] | BadRow]:
    with opened(file) as file_:
        return list(read_reports(file_.table(given), given))


def reports(file: Path, given: Mapping) -> list[Message[Report]]:
    messages = read(file, given)
    assert not [row for row in messages if isinstance(row, BadRow)]
    return [row for row in messages if isinstance(row, Message)]


def test_every_mapping_of_the_guide_has_its_export() -> None:
    assert {path.stem for path in EXPORTS.iterdir()} == set(MAPPINGS)


@pytest.mark.parametrize(
    ("name", "ids", "at", "channels"),
    [
        ("nyc-311", ["70000001", "70000002"], datetime(2026, 1, 3, 4, 58, 31, tzinfo=UTC), ["online", "hotline"]),
        (
            "chicago-311",
            ["SR26-00000001", "SR26-00000002"],
            datetime(2026, 3, 8, 7, 59, 59, tzinfo=UTC),
            ["app", "hotline"],
        ),
        (
            "sf-311",
            ["101000000001", "101000000002"],
            datetime(2026, 1, 5, 14, 7, 8, tzinfo=UTC),
            ["Mobile/Open311", "Web"],
        ),
        ("toronto-311", None, datetime(2026, 1, 1, 5, 1, 5, tzinfo=UTC), ["hotline"] * 3),
        (
            "hotline-12345",
            ["LJ2601050001", "LJ2601050002"],
            datetime(2026, 1, 5, 0, 9, 10, tzinfo=UTC),
            ["hotline", "other"],
        ),
    ],
)
def test_an_export_is_read_to_the_last_row(name: str, ids: list[str] | None, at: datetime, channels: list[str]) -> None:
    messages = reports(EXPORTS / f"{name}.csv", mapping(name))
    assert messages[0].time == at
    assert [message.data.channel for message in messages] == channels
    known = [message.id for message in messages]
    assert known == ids if ids else len(set(known)) == len(known)


def test_the_hour_that_no_clock_showed_lies_an_hour_before_the_one_it_jumped_to() -> None:
    first, second = reports(EXPORTS / "chicago-311.csv", mapping("chicago-311"))
    assert (second.time - first.time).total_seconds() == 2


def test_the_matter_of_a_hotline_is_text_and_its_first_sentence_the_title() -> None:
    first, second = reports(EXPORTS / "hotline-12345.csv", mapping("hotline-12345"))
    assert first.data.title == "市民反映：老渡口下游河面有大量白色泡沫，气味刺鼻，已持续三天"
    assert first.data.text.endswith("要求相关部门尽快处理并回复。")
    assert second.data.title == second.data.text == "市民来访，反映镕基路与朱镕街交叉口路灯不亮"
    assert (first.data.category, second.data.category, second.data.area) == ("water", "other", None)


def test_bytes_of_another_encoding_are_named_by_line_column_and_byte() -> None:
    with pytest.raises(TableError, match="line 2, which names the columns: the byte 0x"):
        read(EXPORTS / "hotline-12345.csv", mapping("hotline-12345", encoding="utf-8"))


def test_one_byte_that_is_no_text_spoils_its_row_alone(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    raw = (EXPORTS / "toronto-311.csv").read_bytes()
    file.write_bytes(raw.replace(b"Toronto Water", b"Toronto \xb3 Water", 1))
    first, *others = read(file, mapping("toronto-311"))
    assert isinstance(first, BadRow)
    assert (first.line, first.field) == (2, "Division")
    assert "0xB3" in first.reason
    assert "gb18030" in first.reason
    assert len([row for row in others if isinstance(row, Message)]) == 2


def test_a_file_in_utf_16_is_told_and_read(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text((EXPORTS / "sf-311.csv").read_text("utf-8").replace(",", "\t"), "utf-16")
    with pytest.raises(TableError, match="encoding: utf-16"):
        read(file, mapping("sf-311"))
    assert len(reports(file, mapping("sf-311", encoding="utf-16", delimiter="\t"))) == 2


def test_a_workbook_is_read_as_the_same_table_with_instants_and_numbers_of_its_own(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].title = "说明"
    sheet = book.create_sheet("工单")
    sheet.append(["2026年1月工单明细"])
    sheet.append(["工单编号", "来电时间", "来源渠道", "诉求类型", "所属区域", "诉求内容"])
    sheet.append(
        [2601050001, datetime.fromisoformat("2026-01-05T08:09:10"), "电话", "环境污染", "下游村", "河面有泡沫"]
    )
    sheet.append([])
    sheet.append(["LJ-2", "2026/1/5 9:05", "电话", "环境污染", None, "路灯不亮"])
    sheet.append(["LJ-3", "never", "电话", "环境污染", None, "路灯不亮"])
    file = tmp_path / "rows.xlsx"
    book.save(file)
    with pytest.raises(TableError, match="no sheet 明细; it has: 说明, 工单"):
        read(file, mapping("hotline-12345", sheet="明细"))
    first, second, third = read(file, mapping("hotline-12345", sheet="工单"))
    assert isinstance(first, Message)
    assert isinstance(second, Message)
    assert (first.id, first.time) == ("2601050001", datetime(2026, 1, 5, 0, 9, 10, tzinfo=UTC))
    assert second.time == datetime(2026, 1, 5, 1, 5, tzinfo=UTC)
    assert third == BadRow(6, "来电时间", "never is not of the form %Y-%m-%d %H:%M:%S or %Y/%m/%d %H:%M; correct it")


def test_what_only_looks_like_a_workbook_is_told(tmp_path: Path) -> None:
    file = tmp_path / "rows.xlsx"
    file.write_bytes(b"PK\x03\x04 and nothing more")
    with pytest.raises(TableError, match="no workbook"):
        read(file, mapping("sf-311"))
