"""What stations have measured is read from CSV and JSON, and a bad line is named."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from duban_cli.devices.series import Hour, UnusableSeries, load_series
from hj212 import ZONE, Measurement
from tests.unit.test_hj212_door import SERIES

HEAD = "station,time,factor,value,unit\n"
GOOD = (
    HEAD
    + "A,2026-03-01T09:00+08:00,a34004,12,x\nA,2026-03-01T08:00+08:00,a34004,31.5,x\n"
    + "A,2026-03-01T08:00+08:00,a34002,,x\n"
)
EIGHT = Hour(datetime(2026, 3, 1, 8, tzinfo=ZONE), (Measurement("a34004", {"Avg": 31.5}, "N"),))


def test_hours_are_in_order_and_what_was_not_measured_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "series.csv"
    file.write_text(GOOD)
    series = load_series(file)
    assert [hour.at.hour for hour in series["A"]] == [8, 9]
    assert series["A"][0] == EIGHT


def test_json_says_the_same(tmp_path: Path) -> None:
    file = tmp_path / "series.json"
    row = {"station": "A", "time": "2026-03-01T08:00+08:00", "factor": "a34004", "value": 31.5}
    file.write_text(json.dumps([row]))
    assert load_series(file) == {"A": [EIGHT]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("station,time,factor\n", "has no column value"),
        (HEAD, "holds no reading"),
        (HEAD + "A,2026-03-01T08:00,a,1,x", "row 2: 2026-03-01T08:00 says no offset"),
        (HEAD + "A,yesterday,a,1,x", "row 2: Invalid isoformat"),
        (HEAD + "A,2026-03-01T08:00Z,a,nan,x", "row 2: nan is no number"),
        (HEAD + "A,2026-03-01T08:00Z,a,much,x", "row 2: could not convert"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "series.csv"
    file.write_text(text)
    with pytest.raises(UnusableSeries) as caught:
        load_series(file)
    assert says in str(caught.value)


def test_the_series_that_comes_with_the_engine_is_whole() -> None:
    assert len(SERIES) == 12
    assert {len(hours) for hours in SERIES.values()} == {12}
