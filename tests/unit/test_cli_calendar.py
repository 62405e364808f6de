"""``duban calendar make``: what it writes is checked like any calendar, and a pack counts by it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner, Result

from duban.calendar import CalendarNotice
from duban.policy import load_calendar
from duban_cli import app

ROOT: Final = Path(__file__).parents[2]
EXAMPLE: Final = ROOT / "docs/example-pack.yaml"
MAPPING: Final = ROOT / "docs/example-mapping.yaml"


def duban(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def made(folder: Path, *options: object) -> CalendarNotice:
    file = folder / "made.yaml"
    result = duban("calendar", "make", *options, "--output", file)
    assert result.exit_code == 0, result.stderr
    assert duban("pack", "lint", file, "--strict").exit_code == 0
    return load_calendar(file.read_text("utf-8"), file.name)


def simulated(
    folder: Path,
    calendar: Path,
    zone: str,
    seen: str,
    weekdays: str = "",
    changes: Sequence[tuple[str, str]] = (),
) -> list[dict[str, Any]]:
    """What happens to one report under the example of the guide on another calendar."""
    pack, mapping, reports = folder / "pack.yaml", folder / "mapping.yaml", folder / "reports.csv"
    text = EXAMPLE.read_text("utf-8").replace("calendar: cn", f"calendar: {calendar.stem}")
    for passage, by in changes:
        assert passage in text
        text = text.replace(passage, by)
    pack.write_text(text.replace('end: "17:30"}]', f'end: "17:30"}}]{weekdays}'), "utf-8")
    mapping.write_text(MAPPING.read_text("utf-8").replace("Asia/Shanghai", zone), "utf-8")
    reports.write_text(f"id,seen,what,where,by,title\n1,{seen},river,xiayou,hotline,x\n", "utf-8")
    timeline = folder / "timeline.jsonl"
    assert duban("pack", "lint", pack, calendar, "--strict").exit_code == 0
    words = ["simulate", pack, "--calendar", calendar, "--mapping", mapping, "--reports", reports]
    result = duban(*words, "--timeline", timeline, "--json")
    assert result.exit_code == 0, result.stderr
    (folder / "figures.json").write_text(result.stdout, "utf-8")
    return [json.loads(line) for line in timeline.read_text("utf-8").splitlines()]


def lapse(happened: list[dict[str, Any]]) -> tuple[str, bool]:
    """When the first limit lapsed, and whether that was provisional."""
    first = next(line for line in happened if line["what"] == "escalated")
    return first["at"], first.get("provisional", False)


def test_a_calendar_is_made_linted_and_counted_by(tmp_path: Path) -> None:
    """Over Easter in England: from Maundy Thursday one working day leads to Tuesday."""
    file = tmp_path / "gb-eng.yaml"
    result = duban(
        "calendar", "make", "--country", "GB", "--subdivision", "ENG", "--years", "2025-2028", "--output", file
    )
    assert (result.exit_code, result.stdout) == (0, "")
    assert "# Check each year against the law" in file.read_text("utf-8")
    assert "duban calendar make --country GB --subdivision ENG --years 2025-2028" in file.read_text("utf-8")
    assert "      2025-04-18: Good Friday  # Fri" in file.read_text("utf-8")
    happened = simulated(tmp_path, file, "Europe/London", "2025-04-17 10:00")
    assert lapse(happened) == ("2025-04-22T17:30:00+01:00", False)


def test_the_file_says_what_a_pack_needs(tmp_path: Path) -> None:
    notice = made(tmp_path, "--country", "GB", "--subdivision", "ENG", "--years", "2027")
    assert (notice.id, notice.version, notice.timezone, list(notice.years)) == ("gb-eng", 1, "Europe/London", [2027])
    assert notice.weekend == ("sat", "sun")
    assert notice.years[2027].holidays[date(2027, 12, 27)] == "Christmas Day (observed)"


def test_another_week_is_told_and_asked_of_the_pack(tmp_path: Path) -> None:
    notice = made(tmp_path, "--country", "SA", "--years", "2025", "--language", "en_US", "--id", "riyadh")
    assert (notice.id, notice.weekend) == ("riyadh", ("fri", "sat"))
    pack = tmp_path / "pack.yaml"
    pack.write_text(EXAMPLE.read_text("utf-8").replace("calendar: cn", "calendar: riyadh"), "utf-8")
    told = duban("pack", "lint", pack, tmp_path / "made.yaml").stdout
    assert "time.hours: works on fri, the weekend of the calendar riyadh, and not on sun" in told
    calendar = tmp_path / "riyadh.yaml"
    (tmp_path / "made.yaml").rename(calendar)
    week = ", weekdays: [sun, mon, tue, wed, thu]"
    happened = simulated(tmp_path, calendar, "Asia/Riyadh", "2025-04-03 10:00", week)  # a Thursday
    assert lapse(happened) == ("2025-04-06T17:30:00+03:00", False)


def test_make_up_workdays_are_written(tmp_path: Path) -> None:
    notice = made(tmp_path, "--country", "CN", "--years", "2025-2026", "--timezone", "Asia/Shanghai")
    assert date(2026, 1, 4) in notice.workdays
    assert notice.years[2026].holidays[date(2026, 1, 2)]


def test_new_years_day_is_off_before_its_notice_is_out_and_all_is_marked_provisional(tmp_path: Path) -> None:
    happened = simulated(tmp_path, ROOT / "deploy/calendars/cn.yaml", "Asia/Shanghai", "2026-12-31 10:00")
    assert lapse(happened) == ("2027-01-04T17:30:00+08:00", True)
    figures = json.loads((tmp_path / "figures.json").read_text("utf-8"))
    assert figures["provisional"]["lapses"] >= 1
    told = duban(
        "simulate",
        tmp_path / "pack.yaml",
        "--mapping",
        tmp_path / "mapping.yaml",
        "--reports",
        tmp_path / "reports.csv",
    )
    assert "provisional, until the holiday notice of their year is out" in told.stdout


def test_a_limit_of_a_month_ends_on_the_last_day_of_a_shorter_one(tmp_path: Path) -> None:
    """From 31 January to 28 February, which is a Saturday that is worked; a week later the interview."""
    file = ROOT / "deploy/calendars/cn.yaml"
    changes = (
        ("within: {working_days: 1}", "within: {months: 1}"),
        ("within: {working_days: 15}", "within: {months: 3}"),
        ("after: {working_days: 3}", "after: {weeks: 1}"),
    )
    happened = simulated(tmp_path, file, "Asia/Shanghai", "2026-01-31 10:00", changes=changes)
    lapsed = [line for line in happened if line["what"] == "escalated" and line["obligation"] == "acknowledge"]
    assert [line["at"] for line in lapsed] == ["2026-02-28T17:30:00+08:00", "2026-03-09T17:30:00+08:00"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--country", "XX", "--years", "2025"), "XX is no country that the package holidays knows: AD, AE"),
        (("--country", "GB", "--subdivision", "XX", "--years", "2025"), "no subdivision of GB: ENG, NIR, SCT, WLS"),
        (("--country", "CA", "--years", "2025"), "more than one time zone; name its own with --timezone: America/"),
        (("--country", "GBR", "--years", "2025"), "the time zone of GBR is not known; name it with --timezone"),
        (("--country", "GB", "--years", "2025-2060"), "covers the years 2004 to 2050"),
        (("--country", "GB", "--years", "2028-2025"), "2028-2025 names no years; write 2025-2028"),
        (("--country", "DE", "--years", "2025", "--language", "xx"), "xx is no language of the days of DE: de, en_US"),
        (("--country", "AE", "--years", "2020-2023"), "the weekend of AE is fri, sat before 2022-01-02, and another"),
    ],
)
def test_what_cannot_be_made_is_told_with_what_can(tmp_path: Path, options: tuple[str, ...], told: str) -> None:
    file = tmp_path / "none.yaml"
    result = duban("calendar", "make", *options, "--output", file)
    assert (result.exit_code, file.exists()) == (2, False)
    assert told in " ".join(result.stderr.split())


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("mine", "utf-8")
    result = duban("calendar", "make", "--country", "JP", "--years", "2026", "--output", file)
    assert (result.exit_code, file.read_text("utf-8")) == (4, "mine")
    nowhere = duban("calendar", "make", "--country", "JP", "--years", "2026", "--output", tmp_path / "no/such.yaml")
    assert (nowhere.exit_code, "cannot be written" in nowhere.stderr) == (2, True)
