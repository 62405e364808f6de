"""The laws of targets: what is reached and by how much not, and readings from a file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from duban.errors import Undecodable
from duban.policy.laws.targets import strangers
from duban.policy.model.assessment import Bulletin
from duban.policy.model.target import Target
from duban_cli import app
from duban_console.assessment.selection import chosen
from duban_console.assessment_input import from_readings
from tests.given import ROOT, small_rules

PACK = ROOT / "deploy/packs/mianzhu-2018.yaml"
TARGET: dict[str, Any] = {
    "id": "pm25", "title": {"en": "PM2.5"}, "measured_in": "µg/m³", "at_most": 43.4, "lead": "water",
    "clause": "art. 1",
}  # fmt: skip


def target(**changed: Any) -> Target:
    return Target.model_validate({**TARGET, **changed})


@pytest.mark.parametrize(
    ("bound", "reading", "gap"),
    [
        ({"at_most": 43.4}, 43.4, 0.0),
        ({"at_most": 43.4}, 45.1, 1.7),
        ({"at_most": 43.4}, 20, 0.0),
        ({"at_most": 0}, 1, 1.0),
        ({"at_most": None, "at_least": 77.9}, 77.9, 0.0),
        ({"at_most": None, "at_least": 77.9}, 77.8, 0.1),
        ({"at_most": None, "at_least": 77.9}, 100, 0.0),
    ],
)
def test_the_gap_is_what_is_missing_and_nothing_beyond_the_bound(bound: Any, reading: float, gap: float) -> None:
    assert target(**bound).gap(reading) == gap


@pytest.mark.parametrize("changed", [{"at_most": None}, {"at_least": 1}, {"at_most": float("nan")}, {"clause": None}])
def test_a_target_has_one_bound_and_rests_on_something(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        target(**changed)


def test_a_name_that_the_pack_does_not_know_is_told_with_its_place() -> None:
    asked = Bulletin.model_validate({
        "id": "targets", "kind": "targets", "title": {"en": "Targets"}, "period": "yearly", "recipients": ["@units"],
        "basis": "practice",
    })  # fmt: skip
    told = (target(), target(lead="nobody", co=["water", "x"]))
    assert [path for path, _ in strangers(told, (asked,), units=["water"])] == [
        "targets.1.id", "targets.1.lead", "targets.1.co.1",
    ]  # fmt: skip
    assert [path for path, _ in strangers((), (asked,), units=["water"])] == ["bulletins.0.kind"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "readings.csv"


def test_readings_are_read_with_or_without_a_byte_order_mark(file: Path) -> None:
    for mark in ("", "\ufeff"):
        file.write_text(f"{mark}target,read_on,value\r\npm25,2019-12-31, 45.1\r\n\r\npm25,2018-12-31,51\r\n", "utf-8")
        assert [(one.target, one.read_on.year, one.value) for one in from_readings(file, ["pm25"])] == [
            ("pm25", 2019, 45.1), ("pm25", 2018, 51.0),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("pm10,2019-12-31,45.1", "line 3: pm10 is not among the targets: pm25"),
        ("pm25,31.12.2019,45.1", "line 3: .*31.12.2019"),
        ("pm25,2019-12-31,much", "line 3: .*much"),
        ("pm25,2019-12-31,nan", "line 3: nan is no number"),
        ("pm25,2019-12-31", "line 3: has 2 cells, not 3"),
        ("pm25,2018-12-31,50", "line 3: pm25 was read on 2018-12-31 already"),
    ],
)
def test_a_bad_line_is_named(file: Path, line: str, fault: str) -> None:
    file.write_text(f"target,read_on,value\npm25,2018-12-31,51\n{line}\n", "utf-8")
    with pytest.raises(Undecodable, match=fault):
        from_readings(file, ["pm25"])


@pytest.mark.parametrize("text", ["", "pm25,2018-12-31,51\n", "target;read_on;value\n"])
def test_a_file_without_the_three_columns_is_refused(file: Path, text: str) -> None:
    file.write_text(text, "utf-8")
    with pytest.raises(Undecodable, match="the columns must be target,read_on,value"):
        from_readings(file, ["pm25"])


class TestCommand:
    """The whole command, from files alone: no broker and no ledger."""

    def run(self, *options: object, code: int = 0) -> Any:
        result = CliRunner().invoke(app, ["bulletin", str(PACK), *map(str, options)])
        assert result.exit_code == code, f"{result.exit_code}\n{result.stdout}\n{result.stderr}\n{result.exception!r}"
        return result

    def test_how_far_the_targets_are_is_told_from_files_alone_mz_25(self, file: Path) -> None:
        file.write_text("target,read_on,value\npm25,2019-12-31,45.1\ngood-days,2020-06-30,80\n", "utf-8")
        options = ("targets", "--as-of", "2019-12-31", "--readings", file, "--lang", "zh")
        found = json.loads(self.run(*options, "--format", "json").stdout)
        rows = {row["indicator"]: row for row in found["rows"]}
        assert rows["城区PM2.5年均浓度"]["reached"] == "差1.7"
        assert rows["优良天数达标率"]["reached"] == "无数据"  # it was read later
        assert found["as_of"] == datetime(2019, 12, 31, 16, tzinfo=UTC).isoformat().replace("+00:00", "Z")
        assert "≤ 43.4,µg/m³,2020-12-31,45.1,2019-12-31,差1.7" in self.run(*options, "--format", "csv").stdout

    def test_readings_go_with_targets_and_with_nothing_else(self, file: Path) -> None:
        file.write_text("target,read_on,value\n", "utf-8")
        wrong = self.run("account", "--as-of", "2019-12-31", "--readings", file, code=2)
        assert "only targets are held against --readings" in " ".join(wrong.stderr.split())

    def test_a_bad_file_ends_the_command_with_one_line(self, file: Path) -> None:
        file.write_text("target,read_on,value\npm10,2019-12-31,45.1\n", "utf-8")
        assert "line 2" in self.run("targets", "--as-of", "2019-12-31", "--readings", file, code=1).stderr


def test_a_city_without_targets_has_no_sheet_of_them() -> None:
    with pytest.raises(LookupError, match="has no `targets`"):
        chosen(small_rules().pack, "targets")
