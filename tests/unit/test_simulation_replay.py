"""A history under another pack: people's acts stay, the engine's are decided anew; under its own, nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from duban.messages import commands as do
from duban.messages import struct
from duban.messages.commands import Command
from duban.messages.envelope import Message
from duban.messages.records import AnyRecord, Event
from duban.messages.report import Evidence, Report
from duban.messages.struct import to_json
from duban.policy import PublishedCalendar, Rules
from duban.policy.library import Library
from duban.policy.model.pack import PolicyPack
from duban_cli.demo.story import load_story
from duban_cli.simulation.history_source import read_steps
from duban_escalation.domain import opened_by
from duban_intake.domain import submitted
from duban_simulation.engine import Engine
from duban_simulation.figures import Figures
from duban_simulation.history import HistoryError, Step, facts_of, folded, ordered
from duban_simulation.replay import Comparison, replay
from tests.acceptance.timeline import rules_of
from tests.given import ROOT, ledger_event, report, small_rules

MONDAY = datetime(2024, 3, 4, 1, 0, tzinfo=UTC)  # nine in the morning in Smallville
END = MONDAY + timedelta(days=60)
SEAL = Evidence(uri="file:///photo.jpg", sha256="0" * 64)
WATER, OFFICE = do.Actor(unit="water"), do.Actor(unit="office")


class Recorder(Figures):
    """A witness that keeps the steps, as a ledger does."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []

    def happened(self, before: AnyRecord | None, event: Event, record: AnyRecord) -> None:
        super().happened(before, event, record)
        self.steps.append(Step(event, record))


def mianyang() -> tuple[Rules, list[Step], datetime]:
    """The story of Mianyang as its ledger holds it, with the duties of the calendar."""
    file = ROOT / "deploy/demo/mianyang.yaml"
    story, rules, recorder = load_story(file.read_text("utf-8"), file.name), rules_of("mianyang-2022"), Recorder()
    engine = Engine(rules, [recorder])
    messages: list[Message[Any]] = [entry.message for entry in story.entries]
    messages += [
        struct.replace(one, time=one.data.opens_at) for one in opened_by(rules, story.begins_at, story.ends_at)
    ]
    for message in sorted(messages, key=lambda one: one.time):
        engine.submit(message) if isinstance(message.data, Report) else engine.send(message)
    engine.finish(story.ends_at)
    return rules, ordered(recorder.steps, "mianyang"), story.ends_at


def small(*acts: tuple[float, Command]) -> list[Step]:
    """The history of one report about foul water, with ``acts`` so many hours later."""
    recorder = Recorder()
    engine = Engine(small_rules(), [recorder])
    message = submitted("tests", "1", report(area="north-town"), MONDAY)
    engine.submit(message)
    (problem_id,) = engine.records
    for number, (hours, data) in enumerate(acts):
        at, subject = MONDAY + timedelta(hours=hours), str(problem_id)
        engine.send(Message(f"act {number}", "tests", subject, at, "smallville", subject, data))
    assert not recorder.refused_acts
    engine.finish(END)
    return ordered(recorder.steps, "smallville")


def changed(change: Callable[[dict[str, Any]], None]) -> Rules:
    """The rules of the small pack after ``change``."""
    rules = small_rules()
    said = rules.pack.model_dump(mode="json", exclude_none=True)
    change(said)
    return Rules(PolicyPack.model_validate(said), rules.calendar)


def played(steps: list[Step], rules: Rules, until: datetime = END) -> Comparison:
    return replay(steps, rules, until, lambda: None)


def within(obligation: str, **limit: float) -> Callable[[dict[str, Any]], None]:
    def change(pack: dict[str, Any]) -> None:
        (found,) = (one for one in pack["obligations"] if one["id"] == obligation)
        found["within"] = limit

    return change


def test_under_its_own_pack_a_history_lapses_exactly_as_it_did() -> None:
    rules, steps, until = mianyang()
    found = played(steps, rules, until)
    assert len(found.before.lapses) > 10
    assert found.changes == []
    assert found.after.lapses == found.before.lapses
    assert {name: one.json() for name, one in found.after.units.items()} == {
        name: one.json() for name, one in found.before.units.items()
    }
    assert not found.after.refused_acts
    assert not found.moved
    assert found.after.records.keys() == found.before.records.keys()
    assert found.after.levels == found.before.levels


def test_a_looser_limit_is_met_and_a_stricter_one_missed() -> None:
    steps = small((30, do.Acknowledge(actor=WATER)))
    looser = played(steps, changed(within("acknowledge", working_days=3)))
    (change,) = looser.changes
    was, is_ = ({one.obligation for one in lapses} for lapses in (change.before, change.after))
    assert was - is_ == {"acknowledge"}
    assert is_ <= was
    stricter = played(steps, changed(within("progress", days=1)))
    assert [change.what for change in stricter.changes] == ["otherwise"]
    same = played(steps, small_rules())
    assert same.changes == []


def test_a_problem_that_lapses_anew_and_one_that_no_longer_does_are_told_apart() -> None:
    closing: list[tuple[float, Command]] = [
        (20, do.Acknowledge(actor=WATER)), (22, do.Complete(actor=WATER, outcome="rectified")),
        (23, do.Verify(actor=OFFICE, passed=True)),
        (24, do.Check(actor=OFFICE, check="clear", evidence=(SEAL,))),
        (24, do.Check(actor=OFFICE, check="satisfied", evidence=(SEAL,))),
        (25, do.StrikeOff(actor=OFFICE)),
    ]  # fmt: skip
    in_time = small(*closing)
    (anew,) = played(in_time, changed(within("acknowledge", hours=1))).changes
    assert (anew.what, anew.before) == ("lapses", ())
    assert anew.after[0].at == MONDAY + timedelta(hours=1)
    strict = changed(within("acknowledge", hours=1))
    recorder = Recorder()
    engine = Engine(strict, [recorder])
    for fact in facts_of(in_time).facts:
        engine.send(fact.message)
    engine.finish(END)
    (no_longer,) = played(ordered(recorder.steps, "smallville"), small_rules()).changes
    assert (no_longer.what, no_longer.after) == ("no_longer", ())


def test_the_acts_of_the_lead_then_are_those_of_the_lead_now() -> None:
    def elsewhere(pack: dict[str, Any]) -> None:
        pack["responsibility_list"][0]["lead"] = "south"

    found = played(small((2, do.Acknowledge(actor=WATER)), (3, do.Progress(actor=WATER, note="digging"))),
                   changed(elsewhere))  # fmt: skip
    assert found.moved == {("water", "south"): 2}
    assert not found.after.refused_acts
    assert found.after.units["south"].in_time == found.before.units["water"].in_time


def test_acts_that_the_new_pack_refuses_are_listed_with_their_reason() -> None:
    def fewer(pack: dict[str, Any]) -> None:
        pack["closing"] |= {"outcomes": ["unfounded"], "item_for": []}

    found = played(small((2, do.Complete(actor=WATER, outcome="rectified"))), changed(fewer))
    (refused,) = found.after.refused_acts
    assert (refused.action, refused.code) == ("complete", "unknown_outcome")
    assert found.json()["after"]["acts_refused"][0]["reason"] == refused.reason
    assert any(one.obligation == "rectify" for lapses in found.after.lapses.values() for one in lapses)


def test_a_report_that_the_new_pack_does_not_take_is_counted_as_refused() -> None:
    def elsewhere(pack: dict[str, Any]) -> None:
        pack["areas"] = [one for one in pack["areas"] if one["id"] != "north-town"]

    found = played(small((2, do.Acknowledge(actor=WATER))), changed(elsewhere))
    assert found.after.refused_reports == {"unknown_area": 1}
    assert [one.code for one in found.after.refused_acts] == ["unknown_problem"]
    assert found.after.records == {}


def test_what_the_engine_did_is_left_out_of_the_facts() -> None:
    steps = small((30, do.Acknowledge(actor=WATER)))
    found = facts_of(steps)
    assert [type(fact.message.data) for fact in found.facts] == [do.Register, do.Acknowledge]
    assert [fact.by_lead for fact in found.facts] == [False, True]
    assert {"dispatched", "reminded", "escalated"} <= found.left_out.keys()


def test_every_act_becomes_the_command_that_it_was() -> None:
    rules = small_rules()
    done: list[tuple[float, Command]] = [
        (1, do.Acknowledge(actor=WATER)),
        (2, do.Plan(actor=WATER, plan=do.RectificationPlan(person="Li", target="clean", measures=("dig",),
                                                           due_at=MONDAY + timedelta(days=9)))),
        (3, do.Plan(actor=WATER, reason="rain", plan=do.RectificationPlan(
            person="Li", target="clean", measures=("dig",), due_at=MONDAY + timedelta(days=11)))),
        (4, do.DecidePlan(actor=OFFICE, approved=True)),
        (5, do.AskExtension(actor=WATER, obligation="rectify", reason="rain")),
        (6, do.DecideExtension(actor=OFFICE, granted=True)),
        (7, do.Pause(actor=OFFICE, ground="weather", reason="flood")),
        (8, do.Resume(actor=OFFICE)),
        (9, do.HandBack(actor=WATER, reason="not ours", clause="art. 2", evidence=(SEAL,))),
        (10, do.Dispatch(actor=OFFICE, lead_unit="north", clause="art. 2", reason="ruled")),
        (11, do.Complete(actor=do.Actor(unit="north"), outcome="rectified")),
        (12, do.Verify(actor=OFFICE, passed=False, reason="still foul")),
        (13, do.Complete(actor=do.Actor(unit="north"), outcome="rectified")),
        (14, do.Verify(actor=OFFICE, passed=True)),
        (15, do.Check(actor=OFFICE, check="clear", evidence=(SEAL,))),
        (16, do.Check(actor=OFFICE, check="satisfied", evidence=(SEAL,))),
        (17, do.StrikeOff(actor=OFFICE)),
        (18, do.LookBack(actor=OFFICE, truthful=True, timely=True, effective=False, rebound=True, reason="back")),
        (19, do.Complete(actor=do.Actor(unit="north"), outcome="rectified")),
    ]  # fmt: skip
    steps = small(*done)
    again = [fact.message.data for fact in facts_of(steps).facts][1:]
    assert again == [data for _, data in done]
    assert played(steps, rules).changes == []


def test_steps_come_in_the_order_of_time_each_once() -> None:
    steps = small((30, do.Acknowledge(actor=WATER)))
    assert ordered([*reversed(steps), *steps], "smallville") == steps
    assert ordered(steps, "elsewhere") == []


def test_bare_events_are_folded_under_the_packs_they_lived_under() -> None:
    rules, steps, _ = mianyang()
    library = Library()
    library.add(rules.pack)
    library.add(PublishedCalendar(notice=rules.calendar.notice))
    in_order = sorted(steps, key=lambda one: (one.event.problem_id, one.event.version))
    assert list(folded((one.event for one in in_order), library)) == in_order
    with pytest.raises(HistoryError, match="mianyang-2022@1 of this history is not published"):
        list(folded((one.event for one in in_order), Library()))


def test_a_file_is_read_as_it_was_written_and_a_line_that_is_no_event_is_named() -> None:
    steps = small((30, do.Acknowledge(actor=WATER)))
    lines = [to_json(ledger_event(one.event, one.record)).decode().encode() for one in steps]
    assert list(read_steps([*lines, b"\n"])) == steps
    with pytest.raises(HistoryError, match="line 2"):
        list(read_steps([lines[0], orjson.dumps({"title": "none"})]))
