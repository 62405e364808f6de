"""One suite over the services' own handlers and the engine of the simulation: they decide the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from duban.messages import commands as do
from duban.messages import struct
from duban.messages.envelope import Message
from duban.messages.report import Location, Report
from duban.messages.struct import to_json
from duban.moves import Status
from duban.policy import PolicyPack, Rules
from duban_cli.demo.story import load_story
from duban_escalation.domain import opened_by
from duban_intake.domain import ReportOutcome, command, own_problem, submitted
from duban_simulation.engine import Engine
from tests.acceptance.timeline import rules_of
from tests.given import ROOT, TO_STRIKE_OFF, problem_of, report, small_rules
from tests.services import Services

City = Engine | Services

WATER = do.Actor(unit="water")
MONDAY = datetime(2024, 3, 4, 1, 0, tzinfo=UTC)
TUESDAY, WEDNESDAY = MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)
HERE = Location(latitude=31.0, longitude=104.0)


@pytest.fixture(params=[Services, Engine])
def compose(request: pytest.FixtureRequest) -> Callable[[Rules], City]:
    """Either composition."""
    found: Callable[[Rules], City] = request.param
    return found


@pytest.fixture
def city(compose: Callable[[Rules], City]) -> City:
    return compose(small_rules())


def with_pigeons(effective_from: date) -> PolicyPack:
    """The second edition of the small pack, which takes what pigeons bring."""
    pack = small_rules().pack
    pigeon = pack.channels[0].model_copy(update={"id": "pigeon"})
    return pack.model_copy(
        update={"version": pack.version + 1, "effective_from": effective_from, "channels": (*pack.channels, pigeon)}
    )


def by_pigeon(at: datetime, title: str = "foul water") -> Message[Report]:
    return submitted("tests", "1", report(channel="pigeon", title=title), at)


OWN = own_problem("tests", "1")

# A report that came before


def test_what_the_policy_refused_is_refused_again_while_the_policy_stands(city: City) -> None:
    for at in (MONDAY, TUESDAY):
        city.submit(by_pigeon(at))
    receipt = city.receipts[OWN]
    assert (receipt.outcome, receipt.code, receipt.problem_id) == (ReportOutcome.REFUSED, "unknown_channel", None)
    assert receipt.received_at == TUESDAY
    assert city.records == {}


def test_what_the_policy_refused_is_accepted_once_a_new_pack_takes_its_channel_and_never_twice(city: City) -> None:
    city.submit(by_pigeon(MONDAY))
    city.publish(with_pigeons(effective_from=date(2024, 3, 5)))
    city.submit(by_pigeon(TUESDAY))
    accepted = city.receipts[OWN]
    assert (accepted.outcome, accepted.problem_id, accepted.received_at) == (ReportOutcome.ACCEPTED, OWN, TUESDAY)
    city.submit(by_pigeon(WEDNESDAY))
    assert city.receipts == {OWN: accepted}
    problem = problem_of(*city.records.values())
    assert (problem.id, problem.pack, problem.marks["registered"].at, problem.reports) == (OWN, "small@2", TUESDAY, 1)


def test_a_new_pack_that_does_not_hold_yet_takes_nothing(city: City) -> None:
    city.publish(with_pigeons(effective_from=date(2024, 3, 6)))
    city.submit(by_pigeon(MONDAY))
    assert city.records == {}


def test_another_body_does_not_pass_under_the_id_of_what_was_refused(city: City) -> None:
    city.submit(by_pigeon(MONDAY))
    city.publish(with_pigeons(effective_from=date(2024, 3, 5)))
    city.submit(by_pigeon(TUESDAY, title="clean water"))
    assert city.receipts[OWN].received_at == MONDAY
    assert city.records == {}


def test_a_problem_keeps_the_pack_that_it_began_under(city: City) -> None:
    city.submit(submitted("tests", "1", report(), MONDAY))
    city.publish(with_pigeons(effective_from=date(2024, 3, 5)))
    city.send(acted(OWN, TUESDAY, do.Acknowledge(actor=WATER)))
    city.submit(submitted("tests", "2", report(), TUESDAY))
    assert [one.pack for one in city.records.values()] == ["small@1", "small@2"]


# A report that cannot be attached


def acted(problem_id: UUID, at: datetime, data: do.Command) -> Message[do.Command]:
    subject = str(problem_id)
    return Message(f"{data.TYPE} {at}", "tests", subject, at, "smallville", subject, data)


def struck_off(city: City, problem_id: UUID, at: datetime) -> None:
    for data in TO_STRIKE_OFF:
        sent = acted(problem_id, at, data)
        city.send(struct.replace(sent, id=f"{sent.id} {to_json(data).decode()}"))
    assert city.records[problem_id].status is Status.STRUCK_OFF


def late_attach(city: City, at: datetime) -> Message[do.Register | do.Attach]:
    """What intake sent for report 2 before it heard that problem 1 was struck off."""
    first, own = city.receipts[OWN], own_problem("tests", "2")
    attached = replace(first, id="2", key=own, received_at=at, outcome=ReportOutcome.ATTACHED)
    sent = command(attached, report(location=HERE))
    assert sent is not None
    return sent


def test_what_can_no_longer_be_attached_opens_its_own_problem_once_with_a_receipt_and_a_place(city: City) -> None:
    city.submit(submitted("tests", "1", report(location=HERE), MONDAY))
    at = MONDAY + timedelta(minutes=1)
    struck_off(city, OWN, at)
    sent = late_attach(city, at)
    for _ in range(2):
        city.send(sent)
    own = own_problem("tests", "2")
    assert (city.receipts[own].outcome, city.receipts[own].problem_id) == (ReportOutcome.ACCEPTED, own)
    assert [one.number for one in city.records.values()] == ["SV-2024-0001", "SV-2024-0002"]
    assert problem_of(city.records[own]).reports == 1
    city.submit(submitted("tests", "2", report(location=HERE), at + timedelta(minutes=1)))  # it came before
    city.submit(submitted("tests", "3", report(location=HERE), at + timedelta(minutes=2)))  # it is near the second
    assert [problem_of(one).reports for one in city.records.values()] == [1, 2]


# A whole story


def test_a_story_ends_the_same_with_every_deadline_at_its_instant() -> None:
    file = ROOT / "deploy/demo/mianyang.yaml"
    story = load_story(file.read_text("utf-8"), file.name)
    rules = rules_of("mianyang-2022")
    opened = [struct.replace(one, time=one.data.opens_at) for one in opened_by(rules, story.begins_at, story.ends_at)]
    services, engine = Services(rules), Engine(rules)
    for message in sorted([*opened, *(entry.message for entry in story.entries)], key=lambda one: one.time):
        for city in (services, engine):
            city.submit(message) if isinstance(message.data, Report) else city.send(message)
    services.finish(story.ends_at)
    engine.finish(story.ends_at)
    assert len(services.records) > 20
    assert any(problem.lapses for problem in services.records.values())
    assert engine.records == services.records
    assert engine.receipts == services.receipts
