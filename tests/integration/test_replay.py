"""``duban replay`` on a history that the real services made: from the ledger, the topic and a file, it is the same."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from duban.policy import load_pack
from duban_cli.demo.feed import Feed
from duban_cli.demo.player import Player, Scene
from duban_cli.demo.story import Acted, Entry, load_story
from duban_cli.system import System, running
from tests.commanding import Run, command_on
from tests.given import ROOT, SMALL

#: One report too late, one handed back and dispatched again, one that repeats another, one refused act.
STORY = """
jurisdiction: smallville
timezone: Asia/Shanghai
begins: 2024-03-04 08:00
ends: 2024-04-30 18:00
reports:
  - {at: 2024-03-04 09:00, source: tests, id: late, channel: hotline, category: river, title: foul, location: [31.0, 104.0],
     acts: [{at: 2024-03-06 15:00, action: acknowledge, by: water},
            {at: 2024-03-07 09:00, action: complete, by: water, outcome: rectified}], expect: {outcome: open}}
  - {at: 2024-03-04 10:00, source: tests, id: again, channel: hotline, category: river, title: foul, location: [31.0, 104.0],
     expect: {outcome: attached, to: late}}
  - at: 2024-03-05 09:00
    source: tests
    id: returned
    channel: patrol
    category: noise
    area: north-town
    title: loud
    acts:
      - {at: 2024-03-05 11:00, action: hand_back, by: north, reason: not ours, clause: art. 2, evidence: [a map]}
      - {at: 2024-03-05 14:00, action: dispatch, by: office, lead_unit: south, clause: art. 2, reason: ruled}
      - {at: 2024-03-05 16:00, action: acknowledge, by: south}
      - {at: 2024-03-08 16:00, action: progress, by: south, note: measured}
      - {at: 2024-03-09 16:00, action: complete, by: north, outcome: rectified, refused: not_permitted}
    expect: {outcome: open}
"""  # noqa: E501


def _scene(entry: Entry, place: int) -> Scene:
    return Scene(entry.at, lambda _: [entry.message], place if isinstance(entry, Acted) else 0)


@pytest.fixture(scope="module")
async def played() -> AsyncIterator[System]:
    """The engine after the story, its clock standing where the story ends."""
    story = load_story(STORY, "story")
    scenes = [_scene(entry, place) for place, entry in enumerate(story.entries)]
    packs = [SMALL, ROOT / "deploy/calendars/cn.yaml"]
    async with running(clock="driven", publish=packs) as system, Feed(system.settings) as feed:
        async with Player(system.settings, feed, lambda *_: None) as player:
            await player.play(scenes, story.ends_at)
        yield system


@pytest.fixture
def duban(played: System, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, on the engine of this module."""
    return command_on(played, monkeypatch, DUBAN_CLOCK="driven")


async def replayed(duban: Run, *arguments: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((await duban("replay", "--json", *arguments)).stdout)
    return found


def other_pack(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The small pack after ``change``, with the calendar beside it."""
    pack = load_pack(SMALL.read_text("utf-8"), SMALL.name).model_dump(mode="json", exclude_none=True)
    change(pack)
    file = folder / "other.yaml"
    file.write_text(json.dumps(pack), "utf-8")  # JSON is YAML
    return file


CALENDAR = ("--calendar", ROOT / "deploy/calendars/cn.yaml")


async def test_under_its_own_pack_the_history_lapses_exactly_as_it_did(duban: Run) -> None:
    found = await replayed(duban, "--pack", SMALL, "--from-ledger", *CALENDAR)
    assert found["changes"] == found["after"]["acts_refused"] == []
    assert found["before"]["lapsed_problems"] >= 2
    for figure in ("obligations", "measures", "units", "problems", "attached"):
        assert found["after"][figure] == found["before"][figure], figure
    assert found["before"]["units"]["north"]["handed_back"] == 1


async def test_ledger_topic_and_file_tell_the_same_history(duban: Run, tmp_path: Path) -> None:
    def stricter(pack: dict[str, Any]) -> None:
        (acknowledge,) = (one for one in pack["obligations"] if one["id"] == "acknowledge")
        acknowledge["within"] = {"hours": 1}

    pack = other_pack(tmp_path, stricter)
    told = await duban("tail", "problems", "--from-beginning", "--no-follow", "--json")
    file = tmp_path / "events.jsonl"
    file.write_text(told.stdout, "utf-8")
    ledger = await replayed(duban, "--pack", pack, "--from-ledger", *CALENDAR)
    topic = await replayed(duban, "--pack", pack, "--from-topic", *CALENDAR)
    from_file = await replayed(duban, "--pack", pack, "--from-file", file, "--until", ledger["until"], *CALENDAR)
    assert ledger == topic == from_file
    lapsed = {(one["number"], lapse["obligation"]) for one in ledger["changes"] for lapse in one["after"]}
    assert ("SV-2024-0002", "acknowledge") in lapsed


async def test_acts_follow_the_lead_and_what_is_refused_is_told(duban: Run, tmp_path: Path) -> None:
    def elsewhere(pack: dict[str, Any]) -> None:
        pack["responsibility_list"][0]["lead"] = "south"
        pack["closing"] |= {"outcomes": ["unfounded"], "item_for": []}

    pack = other_pack(tmp_path, elsewhere)
    found = await replayed(duban, "--pack", pack, "--from-ledger", *CALENDAR)
    assert found["acts_moved_to_another_lead"] == [{"from": "water", "to": "south", "acts": 2}]
    assert [(one["action"], one["unit"], one["code"]) for one in found["after"]["acts_refused"]] == [
        ("complete", "south", "unknown_outcome")
    ]
    shown = (await duban("replay", "--pack", pack, "--from-ledger", *CALENDAR)).stdout
    assert "2 acts of water, the lead then, are taken as acts of south, the lead now" in shown
    assert "unknown_outcome" in shown


async def test_a_history_that_is_not_there_is_not_found_and_its_place_must_be_said(duban: Run) -> None:
    await duban("replay", "--pack", SMALL, "--from-ledger", "--jurisdiction", "nowhere", *CALENDAR, code=3)
    await duban("replay", "--pack", SMALL, *CALENDAR, code=2)
    await duban("replay", "--pack", SMALL, "--from-ledger", "--from-topic", *CALENDAR, code=2)
