"""``duban pack lint``, ``explain`` and ``diff`` as a script meets them: what stands on stdout, and how they end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner, Result

from duban_cli import app

ROOT: Final = Path(__file__).parents[2]
EXAMPLE: Final = ROOT / "docs/example-pack.yaml"
CALENDAR: Final = ROOT / "deploy/calendars/cn.yaml"


def pack(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["pack", *map(str, arguments)])


@pytest.fixture
def careless(tmp_path: Path) -> Path:
    """The example with a unit that nothing refers to."""
    path = tmp_path / "careless.yaml"
    unit = "  - {id: parks, title: {en: Parks}, basis: practice}\n\nchannels:\n"
    path.write_text(EXAMPLE.read_text("utf-8").replace("\nchannels:\n", unit), "utf-8")
    return path


def test_the_example_of_the_guide_passes_strictly() -> None:
    result = pack("lint", EXAMPLE, "--strict")
    assert (result.exit_code, result.stderr) == (0, "")


def test_a_warning_is_told_and_only_strictly_a_failure(careless: Path) -> None:
    told = "! units.5: nothing refers to parks: it can be given no problem and told of none (unit_unused)"
    lenient, strict = pack("lint", careless), pack("lint", careless, "--strict")
    assert (lenient.exit_code, strict.exit_code) == (0, 1)
    assert told in lenient.stdout
    assert told in strict.stdout
    assert "have warnings" in strict.stderr


def test_advice_is_listed_with_its_code_for_programs(careless: Path) -> None:
    [line] = [json.loads(line) for line in pack("lint", careless, "--json").stdout.splitlines()]
    assert line["ok"] is True
    assert {
        "code": "unit_unused",
        "path": "units.5",
        "words": "nothing refers to parks: it can be given no problem and told of none",
        "severity": "warning",
    } in line["advice"]


def test_advice_is_given_in_chinese_to_who_asks_for_it(careless: Path) -> None:
    assert "! units.5: 没有任何地方用到 parks" in pack("lint", careless, "--lang", "zh").stdout


def test_a_law_is_said_in_chinese_to_who_asks_for_it(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(EXAMPLE.read_text("utf-8").replace("\noffice: ", "\noffice: no-such-", 1), "utf-8")
    assert f"{path}: office: no-such-" in pack("lint", path).stdout.replace("\n", "")
    assert f"{path}: office: units 中没有 no-such-" in pack("lint", path, "--lang", "zh").stdout.replace("\n", "")
    [line] = [json.loads(line) for line in pack("lint", path, "--json", "--lang", "zh").stdout.splitlines()]
    assert (line["path"], line["law"].startswith("units 中没有 no-such-")) == ("office", True)


def test_a_calendar_draws_no_advice() -> None:
    [line] = [json.loads(line) for line in pack("lint", CALENDAR, "--json").stdout.splitlines()]
    assert (line["ok"], line["advice"]) == (True, [])


@pytest.mark.parametrize(
    ("language", "title"), [("en", "# Linjiang, measures"), ("zh", "# 临江市生态环境问题处置办法")]
)
def test_a_pack_is_explained_in_markdown(language: str, title: str) -> None:
    result = pack("explain", EXAMPLE, "--lang", language)
    assert result.exit_code == 0
    assert result.stdout.startswith(title)


def test_a_calendar_cannot_be_explained() -> None:
    result = pack("explain", CALENDAR)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is a calendar" in result.stderr


def test_the_same_pack_ends_with_0_and_a_changed_one_with_1(tmp_path: Path) -> None:
    changed = tmp_path / "changed.yaml"
    changed.write_text(EXAMPLE.read_text("utf-8").replace("within: {working_days: 15}", "within: {working_days: 20}"))
    same, different = pack("diff", EXAMPLE, EXAMPLE), pack("diff", EXAMPLE, changed)
    assert (same.exit_code, same.stdout) == (0, "")
    assert different.exit_code == 1
    assert different.stdout.splitlines() == ["obligations", "  ~ rectify within: 15 working days → 20 working days"]
    assert json.loads(pack("diff", EXAMPLE, changed, "--json").stdout) == {
        "section": "obligations",
        "entry": "rectify",
        "field": "within",
        "change": "changed",
        "old": "15 working days",
        "new": "20 working days",
    }


def test_what_cannot_be_compared_is_not_taken_for_a_difference(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(EXAMPLE.read_text("utf-8").replace("lead: water", "lead: fire"))
    for other in (broken, tmp_path / "absent.yaml"):
        result = pack("diff", EXAMPLE, other)
        assert (result.exit_code, result.stdout) == (2, "")
        assert other.name in result.stderr
