"""``duban simulate`` on 500 Boston requests of 2015: with their real closings, those are late that the city found late.

Six requests were late against a date that somebody had set by hand. As in the demo those are plans, and plans are acts.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from duban.policy import Rules
from duban.policy.model.pack import PolicyPack
from duban_cli import app
from duban_cli.demo import boston
from duban_cli.simulation.play import play
from duban_cli.simulation.sources import Act, ClosingColumns
from duban_intake.channels.columns import load_mapping, read_reports
from duban_intake.channels.table import BadRow, csv_table
from duban_simulation.engine import Engine
from duban_simulation.figures import Figures
from tests.acceptance.timeline import rules_of

ROOT: Final = Path(__file__).parents[2]
DEMO: Final = ROOT / "deploy/demo"
ROWS: Final = DEMO / "boston-2015.csv"
MAPPING: Final = DEMO / "boston-mapping.yaml"
PACK: Final = ROOT / "deploy/packs/boston-311.yaml"
USUAL: Final = "No reason given"
REAL: Final = ("--closed-column", "CLOSED_DT", "--outcome-column", "CLOSURE_REASON", "--outcome", USUAL)
UNTIL: Final = ("--until", "2016-01-12")


def simulate(*arguments: object, code: int = 0, pack: Path = PACK) -> Result:
    words = ["simulate", pack, "--reports", ROWS, "--mapping", MAPPING, *arguments]
    result = CliRunner().invoke(app, [str(one) for one in words])
    assert result.exit_code == code, f"{result.stdout}\n{result.stderr}\n{result.exception!r}"
    return result


def figures(*arguments: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(simulate("--json", *arguments).stdout)
    return found


def rows() -> list[dict[str, str]]:
    with ROWS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def happened(timeline: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in timeline.read_text("utf-8").splitlines()]


def late(timeline: Path) -> set[str]:
    """The requests that lapsed."""
    lines = happened(timeline)
    request = {line["problem"]: line["report"] for line in lines if line["what"] == "registered"}
    return {request[line["problem"]] for line in lines if line["what"] == "escalated"}


def overdue() -> set[str]:
    return {row["CASE_ENQUIRY_ID"] for row in rows() if row["OnTime_Status"] == "OVERDUE"}


@pytest.fixture
def acts(tmp_path: Path) -> Path:
    """What the demo plays beside openings and closings: cases that were given on, and dates that were set by hand."""
    simulate(*UNTIL, "--timeline", tmp_path / "untouched.jsonl")
    untouched = happened(tmp_path / "untouched.jsonl")
    request = {line["problem"]: line["report"] for line in untouched if line["what"] == "registered"}
    lead = {request[line["problem"]]: line["lead_unit"] for line in untouched if line["what"] == "dispatched"}
    due = {request[line["problem"]] for line in untouched if line["what"] in ("reminded", "escalated")}
    file = tmp_path / "acts.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, ["report", "at", "action", "unit", "reason", "lead_unit", "plan"])
        writer.writeheader()
        for row in rows():
            writer.writerows(_acts(row, lead[row["CASE_ENQUIRY_ID"]], row["CASE_ENQUIRY_ID"] in due))
    return file


def _acts(row: dict[str, str], lead: str, has_target: bool) -> Iterator[dict[str, str]]:
    common = {"report": row["CASE_ENQUIRY_ID"], "at": instant(row["OPEN_DT"])}
    if row["QUEUE"] != lead:
        if row["QUEUE"] == boston.SENT_BACK:
            yield {**common, "action": "hand_back", "unit": "@lead", "reason": "the department sent the case back"}
        yield {**common, "action": "dispatch", "unit": "@office", "lead_unit": row["QUEUE"]}
    if row["TARGET_DT"] and not has_target and row["TYPE"] in BY_HAND:
        plan = {"person": "x", "target": "as set", "measures": ["as usual"], "due_at": instant(row["TARGET_DT"])}
        yield {**common, "action": "acknowledge", "unit": "@lead"}
        yield {**common, "action": "plan", "unit": "@lead", "plan": json.dumps(plan)}


BY_HAND: Final = frozenset({"Catchbasin", "Watermain Break", "BWSC General Request"})


def instant(local: str) -> str:
    return datetime.strptime(local, boston.FORMAT).replace(tzinfo=boston.ZONE).isoformat()


def test_with_their_real_closings_exactly_those_lapse_that_the_city_calls_overdue(acts: Path, tmp_path: Path) -> None:
    simulate(*REAL, *UNTIL, "--acts", acts, "--timeline", tmp_path / "t.jsonl")
    assert late(tmp_path / "t.jsonl") == overdue()
    assert len(overdue()) == 173


def test_the_acts_are_all_granted_and_units_are_told_apart(acts: Path) -> None:
    found = figures(*REAL, *UNTIL, "--acts", acts)
    assert found["acts_refused"] == []
    assert (found["reports"], found["lapsed_problems"], found["unreadable"]) == (500, 173, 0)
    assert sum(unit["lapsed"] for unit in found["units"].values()) == 173
    assert sum(unit["handed_back"] for unit in found["units"].values()) > 0
    queues = {row["QUEUE"] for row in rows()}
    assert {name for name, unit in found["units"].items() if unit["lapsed"]} <= queues


def test_without_the_plans_only_the_dates_set_by_hand_are_missing(tmp_path: Path) -> None:
    simulate(*REAL, *UNTIL, "--timeline", tmp_path / "t.jsonl")
    missing = overdue() - late(tmp_path / "t.jsonl")
    assert late(tmp_path / "t.jsonl") < overdue()
    assert {row["TYPE"] for row in rows() if row["CASE_ENQUIRY_ID"] in missing} <= BY_HAND


def test_where_nobody_acts_everything_with_a_target_lapses() -> None:
    found = figures()
    assert all(one["in_time"] == 0 < one["lapsed"] for one in found["obligations"].values())
    assert found["problems"]["by_stage"] == {"transfer": 500}


def test_the_same_files_give_the_same_output_byte_for_byte(acts: Path, tmp_path: Path) -> None:
    first, second = (
        (simulate(*REAL, *UNTIL, "--acts", acts, "--timeline", tmp_path / name, *json_).stdout,
         (tmp_path / name).read_bytes())
        for name, json_ in (("one", ("--json",)), ("two", ("--json",)))
    )  # fmt: skip
    assert first == second
    assert simulate(*REAL, *UNTIL).stdout == simulate(*REAL, *UNTIL).stdout


def played(rules: Rules) -> set[UUID]:
    """The requests that lapse under ``rules`` with their real closings."""
    found = Figures()
    mapping = load_mapping(MAPPING.read_text("utf-8"), MAPPING.name)
    with ROWS.open(encoding="utf-8", newline="") as file:
        reports = [one for one in read_reports(csv_table(file), mapping) if not isinstance(one, BadRow)]
    with ROWS.open(encoding="utf-8", newline="") as file:
        closing = ClosingColumns("CLOSED_DT", "CLOSURE_REASON", USUAL)
        closings = [one for one in closing.read(csv_table(file), mapping, rules) if isinstance(one, Act)]
    until = datetime(2016, 1, 12, tzinfo=ZoneInfo("America/New_York"))
    for _ in play(Engine(rules, [found]), reports, closings, until):
        pass
    return set(found.lapses)


def limited(rules: Rules, stretch: float) -> Rules:
    """The rules with every limit in days ``stretch`` times as long, one day at least."""
    said = rules.pack.model_dump(mode="json", exclude_none=True)
    for obligation in said["obligations"]:
        for unit in ("days", "working_days"):
            if unit in obligation.get("within", {}):
                obligation["within"][unit] = max(1, round(obligation["within"][unit] * stretch))
    return Rules(PolicyPack.model_validate(said), rules.calendar)


@settings(max_examples=8, deadline=None)
@given(st.floats(0.2, 4.0), st.floats(0.2, 4.0))
def test_whatever_lapses_under_the_looser_pack_lapses_under_the_stricter_one(one: float, other: float) -> None:
    rules = rules_of("boston-311")
    stricter, looser = (played(limited(rules, stretch)) for stretch in sorted((one, other)))
    assert looser <= stricter


def test_a_looser_pack_lapses_less_and_a_stricter_one_more() -> None:
    rules = rules_of("boston-311")
    as_it_is = played(rules)
    assert played(limited(rules, 3)) < as_it_is < played(limited(rules, 0.3))


def test_reports_that_the_pack_does_not_know_are_refused_and_rows_that_are_none_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    lines = ROWS.read_text("utf-8").splitlines()
    strange = lines[1].replace("West Roxbury", "Cambridge")
    undated = lines[2].replace("01/02/2015 09:17:37 AM", "in January")
    broken.write_text("\n".join([lines[0], strange, undated, lines[3]]) + "\n", "utf-8")
    words = ["simulate", PACK, "--reports", broken, "--mapping", MAPPING, "--json"]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "--keep-going" in result.stderr
    result = CliRunner().invoke(app, [str(word) for word in (*words, "--keep-going")])
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["refused"]["by_code"], found["unreadable"]) == ({"unknown_area": 1}, 1)
    assert found["problems"]["total"] == 1
    assert f"{broken}:3: OPEN_DT" in result.stderr


def test_a_case_that_was_closed_before_it_was_opened_is_named_and_left_out_or_closed_at_once(tmp_path: Path) -> None:
    early = tmp_path / "early.csv"
    header, first, second = ROWS.read_text("utf-8").splitlines()[:3]
    column = header.split(",").index("CLOSED_DT")
    cells = first.split(",")
    cells[column] = "12/31/2014 08:00:00 AM"
    early.write_text("\n".join([header, ",".join(cells), second]) + "\n", "utf-8")
    words = ["simulate", PACK, "--reports", early, "--mapping", MAPPING, *REAL, "--json"]
    result = CliRunner().invoke(app, [str(word) for word in (*words, "--keep-going")])
    assert result.exit_code == 1
    assert f"{early}:2: CLOSED_DT: closed before it was opened" in result.stderr
    assert json.loads(result.stdout)["problems"]["total"] == 1
    result = CliRunner().invoke(app, [str(word) for word in (*words, "--early-at-once")])
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert (found["problems"]["total"], found["lapsed_problems"], found["acts_refused"]) == (2, 0, [])


def test_csv_without_a_mapping_and_a_pack_without_its_calendar_are_usage(tmp_path: Path) -> None:
    alone = tmp_path / "packs/alone.yaml"
    alone.parent.mkdir()
    alone.write_text(PACK.read_text("utf-8"), "utf-8")
    unknown = tmp_path / "packs/unknown.yaml"
    unknown.write_text(PACK.read_text("utf-8").replace("calendar: boston", "calendar: atlantis"), "utf-8")
    for words in (
        ["simulate", PACK, "--reports", ROWS],
        ["simulate", unknown, "--reports", ROWS, "--mapping", MAPPING],
        ["simulate", PACK, "--reports", ROWS, "--mapping", MAPPING, "--until", "tomorrow"],
    ):
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert (result.exit_code, result.stdout) == (2, ""), words
    calendar = ROOT / "deploy/calendars/boston.yaml"
    assert simulate("--calendar", calendar, pack=alone).stdout == simulate(pack=alone).stdout == simulate().stdout


def test_duties_are_opened_where_they_are_asked_for(tmp_path: Path) -> None:
    reports = tmp_path / "reports.jsonl"
    said = {"jurisdiction": "mianyang", "channel": "letter", "title": "尘", "category": "road-dust"}
    days = ("2022-04-06T10:00:00+08:00", "2022-07-06T10:00:00+08:00")
    reports.write_text("".join(json.dumps({**said, "observed_at": day}) + "\n" for day in days), "utf-8")
    pack = ROOT / "deploy/packs/mianyang-2022.yaml"
    counted = []
    for option in ((), ("--duties",)):
        result = CliRunner().invoke(app, ["simulate", str(pack), "--reports", str(reports), "--json", *option])
        assert result.exit_code == 0, result.stderr
        found = json.loads(result.stdout)
        assert found["problems"]["total"] == 2
        counted.append(found["beside"])
    assert counted[0] == {"total": 0, "by_kind": {}}
    assert counted[1]["by_kind"] == {"duty": counted[1]["total"]}
    assert counted[1]["total"] > 50
