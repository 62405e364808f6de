"""Each city's story, on virtual time and on the real stack, compared with what it tells and with one another.

The names cite what a story shows; what each rule does by itself stands in the timelines of its city.
"""

from __future__ import annotations

import json
import re
import shutil
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from duban.messages import struct
from duban.messages.changes import Escalated
from duban.moves import Kind
from duban_cli import app
from duban_cli.demo.cities import City, load, named, names
from duban_cli.demo.differences import differences, otherwise
from duban_cli.demo.performance import played
from duban_cli.demo.rehearsal import Rehearsal
from duban_cli.demo.summary import Programme, Summary
from tests.given import ROOT

FOUR = ("mianzhu", "golmud", "weifang", "linyi")


# On virtual time


@cache
def rehearsed(name: str) -> tuple[City, Rehearsal]:
    """The story of ``name``, and what the pure core makes of it."""
    story = named(name)
    return story, story.rehearsed()


@pytest.mark.parametrize("name", names())
def test_a_story_goes_on_virtual_time_as_it_is_told(name: str) -> None:
    assert list(otherwise(*rehearsed(name))) == []


@pytest.mark.parametrize("name", names())
def test_what_a_story_does_not_tell_of_is_in_time(name: str) -> None:
    """No duty, list or reward lapses on the quiet: each that does is told, with what followed."""
    story, seen = rehearsed(name)
    told: set[UUID | None] = {story.story.duty_id(owed) for owed in story.story.duties}
    told |= {seen.opened_because(story.story.cause_of(one), one.record, one.of) for one in story.story.opened}
    lapsed = {id_ for id_ in seen.lapsed if seen.records[id_].kind is not Kind.PROBLEM}
    assert lapsed <= told


@pytest.mark.parametrize("guide", ["writing-a-pack.md", "writing-a-pack.zh-CN.md"])
def test_the_story_of_the_guide_goes_as_it_is_told(tmp_path: Path, guide: str) -> None:
    text = (ROOT / "docs" / guide).read_text("utf-8")
    [told] = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "expect:" in block]
    (tmp_path / "story.yaml").write_text(told, "utf-8")
    city = load(tmp_path / "story.yaml", ROOT / "docs/example-pack.yaml")
    assert list(otherwise(city, city.rehearsed())) == []


# On the real stack


async def on_the_stack(name: str) -> Summary:
    """The story of ``name`` played on a system of its own, where everything adds up."""
    summary, found = await played(Programme(city=named(name)), Console(quiet=True), quiet=True)
    assert found == []
    assert (summary.lost, summary.escalated) == (0, summary.expected_escalated)
    assert summary.duties_lapsed == summary.expected_duties_lapsed > 0
    return summary


@pytest.mark.stack
async def test_mianzhu_list_checks_look_back_and_weekly_call_mz_02_mz_05_mz_06_mz_08_mz_09_mz_11_mz_14_mz_16() -> None:
    """MZ-02, MZ-05, MZ-08: stages, 四个不放过, a sham that the look-back finds; MZ-09, MZ-11, MZ-14: 周调度、月交账."""
    summary = await on_the_stack("mianzhu")
    assert (summary.registered, summary.attached, summary.refused) == (10, 1, 1)
    assert summary.duties > 600


@pytest.mark.stack
async def test_golmud_route_map_and_what_follows_when_it_is_late_go_02_go_03_go_11_go_13_go_16_go_17_go_18() -> None:
    """GO-02, GO-16: by root, with route map; GO-03, GO-17, GO-18: what follows; GO-11, GO-13: blacklist and reward."""
    summary = await on_the_stack("golmud")
    assert (summary.registered, summary.attached, summary.refused) == (9, 1, 1)


@pytest.mark.stack
async def test_weifang_four_steps_and_reports_before_noon_wf_01_wf_02_wf_03_wf_04_wf_08_wf_09_wf_15_wf_16() -> None:
    """WF-01 to WF-04: the four steps; WF-15, WF-16: 每天中午12:00前 by 19 units on 32 days, and what is compiled."""
    summary = await on_the_stack("weifang")
    assert (summary.registered, summary.attached, summary.refused) == (8, 1, 1)
    assert summary.duties >= 19 * 32 + 32


@pytest.mark.stack
async def test_linyi_after_check_neighbours_and_a_task_missed_ly_01a_ly_10b_ly_11a_ly_11b_ly_26_ly_27() -> None:
    """LY-10b: 处置后督查 by source; LY-11a: joint handling with the neighbour cities; LY-27: a dated task missed."""
    summary = await on_the_stack("linyi")
    assert (summary.registered, summary.attached, summary.refused) == (8, 1, 1)


# A city of one's own, by the command

OURS: dict[str, Any] = {
    "jurisdiction": "linjiang",
    "timezone": "Asia/Shanghai",
    "pack": "our-pack.yaml",
    "begins": "2024-03-04 08:00",
    "ends": "2024-03-29 18:00",
    "reports": [
        {
            "at": "2024-03-04 09:00",
            "source": "hotline",
            "id": "1",
            "channel": "hotline",
            "category": "river",
            "area": "old-ferry",
            "title": "河水发臭",
            "acts": [{"at": "2024-03-04 10:00", "action": "acknowledge", "by": "water"}],
            "expect": {"outcome": "open", "lapsed": ["file-plan", "progress", "rectify"]},
        }
    ],
}


def ours(folder: Path, **changed: Any) -> Path:
    """The story of the example city in ``folder``, beside its pack."""
    shutil.copy(ROOT / "docs/example-pack.yaml", folder / "our-pack.yaml")
    file = folder / "our-story.yaml"
    file.write_text(yaml.safe_dump({**OURS, **changed}, allow_unicode=True), "utf-8")
    return file


@pytest.mark.stack
def test_a_user_plays_a_city_of_their_own_and_hears_what_does_not_add_up(tmp_path: Path) -> None:
    """The demo is honest: one end that is told otherwise is exit code 1, and the only thing complained of."""
    wrong = {**OURS["reports"][0], "id": "2", "area": "shangyou", "expect": {"outcome": "struck_off"}}
    file = ours(tmp_path, reports=[*OURS["reports"], {**wrong, "at": "2024-03-04 09:30"}])
    pack = (tmp_path / "our-pack.yaml").rename(tmp_path / "another-name.yaml")
    ran = CliRunner().invoke(app, ["demo", "--story", str(file), "--pack", str(pack), "--json"])
    assert ran.exit_code == 1, ran.output
    found = json.loads(ran.stdout)
    assert (found["cities"], found["registered"], found["lost"]) == (["linjiang"], 2, 0)
    assert ran.stderr.splitlines() == ["does not add up: hotline/2 is open, expected struck_off"]


# What cannot be played


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"pack": None}, "names no pack"),
        ({"jurisdiction": "elsewhere"}, "is of elsewhere, the pack linjiang-2026@1 of linjiang"),
        ({"timezone": "Asia/Tokyo"}, "counts in Asia/Tokyo, the calendar cn in Asia/Shanghai"),
        ({"routine": [{"duties": ["daily"], "after": {"hours": 1}}]}, "has no duty daily"),
        (
            {"duties": [{"duty": "d", "unit": "water", "opens": "2024-03-05 00:00", "expect": {"outcome": "open"}}]},
            "the calendar opens no such duty for water",
        ),
    ],
)
def test_a_story_that_does_not_go_with_its_pack_is_a_usage_error(
    tmp_path: Path, changed: dict[str, Any], says: str
) -> None:
    ran = CliRunner().invoke(app, ["demo", "--story", str(ours(tmp_path, **changed))], terminal_width=400)
    assert ran.exit_code == 2
    assert says in plain(ran.stderr)


def plain(framed: str) -> str:
    """What stands in the frame of a usage error."""
    return " ".join(framed.replace("│", " ").split())


def test_an_unknown_city_is_a_usage_error_that_names_those_there_are() -> None:
    ran = CliRunner().invoke(app, ["demo", "--city", "atlantis"], terminal_width=400)
    assert ran.exit_code == 2
    assert "there is no story of atlantis; there are golmud, linyi, mianyang, mianzhu, weifang" in plain(ran.stderr)


# The comparison itself


def test_one_measure_more_than_on_virtual_time_is_found() -> None:
    """A ledger in which one duty lapsed once more is not the one that the core makes of the story."""
    city, wanted = rehearsed("golmud")
    ledger = city.rehearsed()
    id_ = next(id_ for id_ in ledger.measures if ledger.records[id_].kind is Kind.DUTY)
    ledger.measures[id_].append("interview")
    (found,) = differences(ledger, wanted, city.name)
    assert found.endswith("brought other measures than on virtual time")


def test_an_instant_too_late_is_found() -> None:
    city, wanted = rehearsed("golmud")
    ledger = city.rehearsed()
    kind = Escalated.kind
    id_ = next(iter(ledger.lapsed))
    place = next(n for n, (what, _) in enumerate(ledger.history[id_]) if what == kind)
    ledger.history[id_][place] = (kind, city.until)
    (found,) = differences(ledger, wanted, city.name)
    assert f"was escalated at {city.until}" in found


def test_what_is_missing_in_the_ledger_and_what_is_too_much_is_found() -> None:
    city, wanted = rehearsed("golmud")
    ledger = city.rehearsed()
    missing, surplus = list(wanted.records)[:2]
    stranger = struct.replace(wanted.records[surplus], id=uuid4())
    del ledger.records[missing]
    ledger.records[stranger.id] = stranger
    assert sorted(one.partition(" stands ")[2] for one in differences(ledger, wanted, city.name)) == [
        "in the ledger, but not on virtual time",
        "on virtual time, but not in the ledger",
    ]


@pytest.mark.parametrize("name", FOUR)
def test_each_of_the_four_tells_of_problems_duties_lapses_and_refusals(name: str) -> None:
    """Six to twelve reports each, with measures; duties in time and late; something that is not taken."""
    told = named(name).story
    assert 6 <= len(told.reports) <= 12
    assert any(one.expect.lapsed for one in told.reports)
    assert any(one.expect.outcome == "refused" for one in told.reports)
    assert {owed.expect.lapsed for owed in told.duties} >= {True}
    assert all(one.expect.measures is not None for one in told.reports if one.expect.outcome in ("struck_off", "open"))
