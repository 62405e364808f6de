"""Who was on time: each obligation counts once each time its clock is set going, for whoever owed it in the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from duban.messages import commands as do
from duban.messages.envelope import Message
from duban.messages.report import Evidence
from duban.moves import Status
from duban_intake.domain import Receipt, submitted
from duban_simulation.engine import Engine
from duban_simulation.figures import Figures, Punctuality
from tests.given import report, small_rules

MONDAY = datetime(2024, 3, 4, 1, 0, tzinfo=UTC)  # nine in the morning in Smallville
SEAL = Evidence(uri="file:///photo.jpg", sha256="0" * 64)
WATER, OFFICE = do.Actor(unit="water"), do.Actor(unit="office")


class Small:
    """Smallville on virtual time, counted."""

    def __init__(self) -> None:
        self.figures = Figures(small_rules())
        self.engine = Engine(small_rules(), [self.figures])
        receipt = self.engine.submit(submitted("tests", "1", report(), MONDAY))
        assert isinstance(receipt, Receipt)
        assert receipt.problem_id is not None
        self.problem_id: UUID = receipt.problem_id

    def act(self, data: do.Command, **later: float) -> None:
        subject, at = str(self.problem_id), MONDAY + timedelta(**later)
        self.engine.send(Message(f"{data.TYPE} {at}", "tests", subject, at, "smallville", subject, data))


@pytest.fixture
def small() -> Small:
    return Small()


def test_what_still_runs_is_neither_met_nor_lapsed(small: Small) -> None:
    assert dict(small.figures.units) == {}
    assert Punctuality().rate is None


def test_an_obligation_that_is_met_in_time_counts_for_its_owner(small: Small) -> None:
    small.act(do.Acknowledge(actor=WATER), hours=1)
    assert small.figures.units["water"].json() == {
        "in_time": 1, "lapsed": 0, "on_time_rate": 1.0, "handed_back": 0
    }  # fmt: skip
    assert set(small.figures.obligations) == {"acknowledge"}


def test_an_obligation_lapses_once_however_many_levels_follow(small: Small) -> None:
    small.engine.finish(MONDAY + timedelta(days=60))
    water = small.figures.units["water"]
    assert (water.in_time, water.lapsed) == (0, 2)
    (lapses,) = small.figures.lapses.values()
    assert sorted(one.obligation for one in lapses) == ["acknowledge", "rectify"]
    levels = {(obligation, level): taken for (obligation, level, _), taken in small.figures.levels.items()}
    assert levels == {(obligation, level): 1 for obligation in ("acknowledge", "rectify") for level in (1, 2, 3)}


def test_what_is_met_late_has_lapsed_and_is_not_met_as_well(small: Small) -> None:
    small.act(do.Acknowledge(actor=WATER), days=2)
    acknowledged = small.figures.obligations["acknowledge"]
    assert (acknowledged.in_time, acknowledged.lapsed) == (0, 1)


def test_an_obligation_that_falls_due_again_counts_again(small: Small) -> None:
    small.act(do.Acknowledge(actor=WATER), hours=1)
    for day in (1, 2, 3):
        small.act(do.Progress(actor=WATER, note="digging"), days=day)
    assert small.figures.obligations["progress"].in_time == 3
    small.act(do.Progress(actor=WATER, note="slow"), days=11)
    assert (small.figures.obligations["progress"].in_time, small.figures.obligations["progress"].lapsed) == (3, 1)


def test_a_hand_back_stands_beside_the_rate_and_the_overall_limit_runs_on(small: Small) -> None:
    small.act(do.HandBack(actor=WATER, reason="not ours", clause="art. 2", evidence=(SEAL,)), hours=2)
    water = small.figures.units["water"]
    assert (water.in_time, water.handed_back) == (1, 1)
    assert "rectify" not in small.figures.obligations
    small.act(do.Dispatch(actor=OFFICE, lead_unit="north"), hours=3)
    small.engine.finish(MONDAY + timedelta(days=60))
    assert {name: one.lapsed for name, one in small.figures.units.items()} == {"water": 0, "north": 2}


def test_a_problem_given_to_another_unit_is_counted_for_neither_until_that_one_answers(small: Small) -> None:
    small.act(do.Dispatch(actor=OFFICE, lead_unit="north"), hours=1)
    assert dict(small.figures.units) == {}
    small.act(do.Acknowledge(actor=do.Actor(unit="north")), hours=2)
    assert {name: one.in_time for name, one in small.figures.units.items()} == {"north": 1}


def test_a_pause_meets_nothing(small: Small) -> None:
    small.act(do.Acknowledge(actor=WATER), hours=1)
    before = {name: one.json() for name, one in small.figures.obligations.items()}
    small.act(do.Pause(actor=OFFICE, ground="weather", reason="frost"), hours=2)
    assert small.engine.records[small.problem_id].status is Status.PAUSED
    assert {name: one.json() for name, one in small.figures.obligations.items()} == before


def test_acts_that_come_to_nothing_are_kept_with_their_reason(small: Small) -> None:
    small.act(do.Acknowledge(actor=do.Actor(unit="south")), hours=1)
    (refused,) = small.figures.refused_acts
    assert (refused.action, refused.unit, refused.code) == ("acknowledge", "south", "not_permitted")
    assert [act["code"] for act in small.figures.json()["acts_refused"]] == ["not_permitted"]


def test_reports_are_counted_by_what_became_of_them(small: Small) -> None:
    small.engine.submit(submitted("tests", "1", report(), MONDAY))
    small.engine.submit(submitted("tests", "2", report(channel="pigeon"), MONDAY))
    small.engine.submit(submitted("tests", "3", report(category="noise"), MONDAY))
    found = small.figures.json()
    assert (found["reports"], found["repeated"]) == (3, 1)
    assert found["refused"] == {"total": 1, "by_code": {"unknown_channel": 1}}
    assert found["problems"] == {"total": 2, "by_stage": {"transfer": 2}}


def test_a_notice_and_a_term_that_pass_are_nobodys_merit_and_an_entry_is_no_problem(small: Small) -> None:
    before = {unit: one.json() for unit, one in small.figures.units.items()}
    subject = str(UUID(int=7))
    puts = do.PutOnList(actor=OFFICE, list="blacklist", of="Acme", ground="repeated", evidence=(SEAL,))
    small.engine.send(Message("put", "tests", subject, MONDAY, "smallville", subject, puts))
    small.engine.run(MONDAY + timedelta(days=5, minutes=1))
    assert small.engine.records[UUID(int=7)].status is Status.LISTED
    found = small.figures.json()
    assert (found["problems"]["total"], found["beside"]) == (1, {"total": 1, "by_kind": {"listing": 1}})
    after = {unit: one.json() for unit, one in small.figures.units.items()}
    assert after.get("office") == before.get("office")
    assert not any(":" in name for name in found["obligations"])
