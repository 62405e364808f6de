"""Steps of a policy's own: a borough that enforces food law in its own steps, with not a line of code of its own.

The pack is tests/data/packs/thornbury.yaml; its calendar is that of England, as ``duban calendar make`` writes it.
"""

from __future__ import annotations

import csv
import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from duban.policy import Rules, load_calendar, load_pack
from duban.policy.advice import advice
from duban_cli import app
from duban_cli.calendar_file import calendar_file
from tests.acceptance.timeline import Case, City, expect, local, measured
from tests.given import ROOT, SEAL

PACK: Final = ROOT / "tests/data/packs/thornbury.yaml"
ZONE: Final = "Europe/London"
SAMPLE: Final = {"step": "sample", "fields": {"food": "mince", "part": "whole", "celsius": 6.5}, "evidence": [SEAL]}
UNFIT: Final = {"step": "result", "fields": {"satisfactory": False, "certified-on": "2025-05-09"}}


@cache
def english_calendar() -> str:
    return calendar_file("GB", "ENG", [2025, 2026], id_="gb-eng", origin="made for a test")


@cache
def borough_rules() -> Rules:
    calendar = load_calendar(english_calendar(), "gb-eng.yaml")
    return Rules.compile(load_pack(PACK.read_text("utf-8"), PACK.name), calendar)


def city(at: str) -> City:
    return City(borough_rules(), local(at, ZONE))


def limits(case: Case) -> dict[str, str]:
    """Until when each obligation runs, in local time."""
    zone = borough_rules().zone
    return {one.obligation: f"{one.lapse_at.astimezone(zone):%d %b %H:%M}" for one in case.standing.deadlines}


def mince(borough: City) -> Case:
    """Somebody complains of grey mince, and the officers take it up."""
    case = borough.report("unfit-food", "Grey mince", channel="public")
    borough.advance(hours=1)
    return borough.act(case, "acknowledge", "officers")


def test_steps_run_at_once_each_from_its_own_instant() -> None:
    borough = city("2025-05-01 10:00")  # a Thursday; Monday, 5 May is a bank holiday
    case = mince(borough)
    assert limits(case) == {"sample": "02 May 11:00", "put-right": "29 May 17:00"}
    borough.advance(to="2025-05-01 15:00")
    borough.act(case, "take_step", "officers", **SAMPLE)
    borough.act(case, "flag", "food-safety", flag="serious")
    borough.advance(to="2025-05-01 16:30")
    borough.act(case, "take_step", "food-safety", step="objection", fields={"ground": "kept cold"})
    assert limits(case) == {
        "report": "02 May 15:00", "result": "09 May 17:00", "hearing": "12 May 17:00", "put-right": "29 May 17:00",
    }  # fmt: skip
    sent = {"to": "agency", "sent-at": "2025-05-02T09:12:00+01:00"}
    borough.advance(to="2025-05-02 09:15")
    borough.act(case, "take_step", "officers", step="report", fields=sent)
    borough.advance(to="2025-05-09 16:59")
    borough.act(case, "take_step", "analyst", **UNFIT)
    assert limits(case) == {"hearing": "12 May 17:00", "put-right": "29 May 17:00"}
    expect(case, lapsed=set(), reminded=("result",))
    assert [taken.measure for taken in measured(case)] == ["incident", "to-panel"]


def test_what_nobody_does_in_time_climbs_its_ladder_and_is_late_when_it_is_done() -> None:
    borough = city("2025-05-01 10:00")
    case = mince(borough)
    borough.advance(to="2025-05-08 09:00")
    expect(case, lapsed={"sample"}, escalated=("late", "manager"))
    borough.act(case, "take_step", "port-health", **SAMPLE)  # another inspector may
    assert limits(case) == {"result": "15 May 17:00", "put-right": "29 May 17:00"}
    borough.refuses(case, "take_step", "officers", "step_taken", **SAMPLE)


def test_a_hearing_that_is_not_needed_is_waived_and_another_objection_has_one_of_its_own() -> None:
    borough = city("2025-05-01 10:00")
    case = mince(borough)
    for day, waived in (("2025-05-02", True), ("2025-05-13", False)):
        borough.advance(to=f"{day} 12:00")
        borough.act(case, "take_step", "food-safety", step="objection", fields={"ground": "kept cold"})
        assert "hearing" in limits(case)
        if waived:
            borough.refuses(case, "waive_step", "food-safety", "not_permitted", step="hearing", reason="withdrawn")
            borough.refuses(case, "waive_step", "panel", "missing_reason", step="hearing")
            borough.act(case, "waive_step", "panel", step="hearing", reason="the objection was withdrawn")
            assert "hearing" not in limits(case)
    borough.advance(to="2025-05-23 16:59")
    borough.act(case, "take_step", "panel", step="hearing")
    expect(case, steps_waived={}, lapsed={"sample"})
    assert case.problem is not None
    assert case.problem.steps_taken["objection"].times == 2


def test_the_gate_waits_for_the_steps_and_goes_with_the_last_of_them() -> None:
    borough = city("2025-05-01 10:00")
    case = mince(borough)
    borough.act(case, "take_step", "officers", **SAMPLE)
    borough.act(case, "take_step", "food-safety", step="objection", fields={"ground": "kept cold"})
    borough.act(case, "complete", "officers", outcome="put right")
    borough.act(case, "verify", "food-safety", passed=True)
    borough.act(case, "take_step", "analyst", **UNFIT)
    expect(case, status="verified")
    borough.act(case, "waive_step", "panel", step="hearing", reason="the objection was withdrawn")
    expect(case, status="struck_off")
    assert limits(case) == {"revisit": "01 Aug 17:00"}
    borough.act(case, "take_step", "officers", step="revisit")
    assert limits(case) == {}


def test_what_knows_no_sample_waits_for_none() -> None:
    borough = city("2025-05-01 10:00")
    case = borough.report("hygiene", "Mice in the kitchen", channel="public")
    borough.act(case, "acknowledge", "officers")
    assert limits(case) == {"put-right": "29 May 17:00"}
    borough.refuses(case, "take_step", "officers", "unknown_step", **SAMPLE)
    borough.act(case, "complete", "officers", outcome="put right")
    borough.act(case, "verify", "food-safety", passed=True)
    expect(case, status="struck_off")


def test_the_pack_breaks_no_law_and_gives_no_cause_for_a_warning() -> None:
    rules = borough_rules()
    assert [one for one in advice(rules.pack, rules.calendar) if one.severity == "warning"] == []


ACTS: Final[list[dict[str, Any]]] = [
    {"at": "12:00", "action": "acknowledge", "unit": "@lead"},
    {"at": "13:00", "action": "take_step", "unit": "@lead", "step": "smaple"},
    {"at": "14:00", "action": "take_step", "unit": "@lead", **SAMPLE, "fields": {"food": "mince", "part": "half"}},
    {"at": "15:00", "action": "take_step", "unit": "@lead", **SAMPLE},
    {"at": "16:00", "action": "waive_step", "unit": "@office", "step": "result", "reason": "the sample was spilt"},
]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with the calendar, a report and the acts on it, as an analyst has them."""
    (tmp_path / "gb-eng.yaml").write_text(english_calendar(), "utf-8")
    (tmp_path / "reports.csv").write_text("id,seen,what,sort\n1,2025-05-01 10:00,Grey mince,unfit-food\n", "utf-8")
    (tmp_path / "mapping.yaml").write_text(
        "source: list\nid: id\ncolumns: {title: what, category: sort, observed_at: seen}\n"
        "constants: {jurisdiction: thornbury, channel: public}\n"
        f'observed_at: {{format: "%Y-%m-%d %H:%M", timezone: {ZONE}}}\n',
        "utf-8",
    )
    with (tmp_path / "acts.csv").open("w", encoding="utf-8", newline="") as file:
        names = ["report", "at", "action", "unit", "step", "fields", "evidence", "reason"]
        table = csv.DictWriter(file, names)
        table.writeheader()
        for act in ACTS:
            cells = {name: json.dumps(cell) if isinstance(cell, dict | list) else cell for name, cell in act.items()}
            table.writerow({**cells, "report": "1", "at": f"2025-05-01T{act['at']}"})
    return tmp_path


def test_a_table_of_acts_takes_and_waives_steps_and_what_is_refused_is_told(files: Path) -> None:
    words = ["simulate", PACK, "--reports", files / "reports.csv", "--mapping", files / "mapping.yaml", "--acts",
             files / "acts.csv", "--calendar", files / "gb-eng.yaml", "--until", "2025-05-02"]  # fmt: skip
    result = CliRunner().invoke(app, [str(one) for one in words])
    assert result.exit_code == 0, result.output
    assert "2 acts were refused (1 unknown_step, 1 invalid_fields)" in result.stdout
    assert "did you mean sample?" in result.stdout
    assert "fields.part should be one of whole, one third" in " ".join(result.stdout.split())
    assert "1 problem has" not in result.stdout
