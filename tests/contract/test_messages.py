"""The contracts: what is on the topics, byte for byte, and the documents made from the models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, from_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from msgspec import Struct

from duban.contracts.__main__ import documents
from duban.contracts.catalogue import TOPICS, TYPES
from duban.errors import Undecodable
from duban.messages import changes as c
from duban.messages import commands as do
from duban.messages import struct
from duban.messages.anchors import ACCOUNT_LOG, VAULT_LOG, Anchor, Anchored, Head
from duban.messages.audit import LetterPlace, LetterReplayed, ReplayStep
from duban.messages.contacts import ChannelKind, ContactWay, QuietHours, RegisteredContact, RegisteredRota, Relief
from duban.messages.envelope import AnyPayload, Message, decode, derived_id, encode, structured
from duban.messages.events import GENESIS, KINDS, LedgerEvent, Refused, canonical, chained, event_type
from duban.messages.notices import Concern, Notice, Tick
from duban.messages.ratings import RatedReport
from duban.messages.readings import FactorReading, StationReadings
from duban.messages.records import (
    AnyRecord,
    Climb,
    Deadline,
    Duty,
    Event,
    Grant,
    Justification,
    Listing,
    Mark,
    Problem,
    Reading,
    Referral,
    ReplyMark,
    Reward,
    Span,
    Waiting,
)
from duban.messages.report import (
    Evidence,
    Filed,
    Identity,
    Location,
    Report,
    Reporter,
    SealedField,
    SealedFields,
)  # fmt: skip
from duban.messages.sources import RegisteredSource, SourceKey
from duban.messages.struct import from_data
from duban.moves import MOVES, Kind, Status
from duban.policy import PolicyPack, PublishedCalendar, load_calendar, load_pack
from tests.given import ROOT, SMALL, ledger_event

GOLDEN = Path(__file__).with_name("golden")
AT = datetime(2022, 4, 6, 2, tzinfo=UTC)
OFFICE, WATER, ENGINE = do.Actor(unit="office"), do.Actor(unit="water", person="Li"), do.Actor(unit=do.ENGINE)
NORTH = do.Actor(unit="north")
SEAL = Evidence(uri="file:///photo.jpg", sha256="0" * 64, title="the pipe")
REPORT = Report(
    jurisdiction="smallville", channel="hotline", title="河水发臭", text="foul water", category="river", area="north",
    location=Location(latitude=31.46, longitude=104.74), enterprise="Works 7", observed_at=AT,
    reply_form="in-writing", matter="complaint", continues="0041", ended_at=AT,
    reporter=Reporter(identity=Identity.NAMED, handle="r-17"), evidence=(SEAL,), attributes={"district": "7"},
)  # fmt: skip
FILED = Filed(
    source="hotline", id="42", received_at=AT, report=REPORT,
    sealed=SealedFields(fields=(SealedField.TEXT, SealedField.EVIDENCE), body="c2VhbGVk"),
)  # fmt: skip
ID = derived_id("problem", "golden")
PLAN = do.RectificationPlan(person="Li", target="clean water", measures=("dig", "seal"), due_at=AT)
LATER = datetime(2022, 4, 11, 3, tzinfo=UTC)
PHASED = do.RectificationPlan(
    person="Li", target="clean water", measures=("dig", "seal"), due_at=LATER, rectification=do.Rectification.PHASED,
    milestones=(do.Milestone(title="dug", due_at=AT), do.Milestone(title="sealed", due_at=LATER)),
)  # fmt: skip
SIGNATURE = do.Signature(person="Head Li", at=AT)
LAPSE: dict[str, Any] = {"obligation": "rectify", "generation": 1, "level": 2, "due_at": AT}
TAKEN: dict[str, Any] = {
    **LAPSE,
    "part": "north",
    "measure": "bulletin",
    "lapse_at": AT,
    "to": ("water", "office"),
    "owner": "water",
}
PROBLEM = Problem(
    id=ID, jurisdiction="smallville", pack="small@1", number="SV-2022-0001", status=Status.UNDERWAY, version=7,
    handle="r-9",
    title="河水发臭", category="river", channel="hotline", area="north", location=REPORT.location, enterprise="Works 7",
    matter="complaint", lead_unit="water", co_units=("north",), clause="art. 1", plan=PLAN, outcome="rectified",
    reports=2, handbacks=1,
    marks={"registered": Mark(at=AT, version=1)},
    climbs=(Climb(obligation="rectify", generation=1, level=1, lapses=1),),
    deadlines=(Deadline(**LAPSE, measure="bulletin", owner="water", lapse_at=AT, provisional=True),),
)  # fmt: skip
#: The same with every field of the language in use.
FULL = struct.replace(
    PROBLEM,
    plan=PHASED, proposed_plan=PLAN, milestones_reached=1, answered=1,
    replied={"answer": ReplyMark(at=AT, version=4, times=2, since=3)},
    rated={"in-unit": Mark(at=AT, version=5, times=2)}, withdrawn_from="south",
    satisfied=2, dissatisfied=1, flags=("hard", "listed"), sponsor="mayor", pair="south",
    items=("EN-01",), parts_finished=("north",), flagged={"hard": Mark(at=AT, version=4)},
    referrals={
        "police": Referral(referred=Mark(at=AT, version=3), received=Mark(at=AT, version=4)),
        "court": Referral(referred=Mark(at=AT, version=5)),
    },
    extension_asked="rectify", length_asked=3, extended={"rectify": 1},
    grants={"rectify": (Grant(at=AT, version=4, length=2),)},
    deferrals={"rectify": Mark(at=AT, version=5)}, pauses=(Span(from_at=AT, to_at=LATER),),
    checks={"clear": "office"}, raised=1, steps_taken={"sample": Mark(at=AT, version=5)},
    steps_waived={"result": Mark(at=AT, version=6)},
    marks={**PROBLEM.marks, "sent_back": Mark(at=AT, version=5, times=2)},
    awaiting_approval={6: Waiting(
        measure="listing", to=("water", "office"), ground="rectify", part="north", level=2, owner="water", lapse_at=AT
    )},
    climbs=(Climb(obligation="rectify", part="north", generation=1, level=1),),
    justifications=(Justification(obligation="rectify", part="north", generation=1, unit="north", accepted=True),),
    deadlines=(
        Deadline(**LAPSE, part="north", measure="bulletin", owner="north", lapse_at=AT, steps=("sample", "result")),
    ),
)  # fmt: skip
CAUSE = do.Cause(problem_id=ID, number="SV-2022-0001", version=7, pack="small@1")
#: A duty that a measure opened.
DUTY = Duty(
    id=ID, jurisdiction="smallville", pack="small@1", number="daily-report/north/2022-04-11", outcome="submitted",
    status=Status.UNDERWAY, version=1, title="Report of the day before", duty="daily-report", unit="north",
    cause=CAUSE, of="Works 7", due_on=AT.date(), marks={"opened": Mark(at=AT, version=1)},
)  # fmt: skip
#: An entry on a list, and a reward.
ENTRY = Listing(
    id=ID, jurisdiction="smallville", pack="small@1", number="blacklist/SV-2022-0001/7", status=Status.NOTICED,
    version=1, title="Blacklist", list="blacklist", keeper="office", of="Works 7", ground="repeated",
    bars=("new projects",), public=True, cause=CAUSE, marks={"noticed": Mark(at=AT, version=1)},
    deadlines=(
        Deadline(obligation="notice", generation=1, level=1, measure="listed", due_at=AT, lapse_at=AT),
    ),
)  # fmt: skip
REWARD = Reward(
    id=ID, jurisdiction="smallville", pack="small@1", number="tip/SV-2022-0001", status=Status.AWARDED, version=2,
    title="Reward for a report", reward="tip", fixed_by="office", cause=CAUSE, handle="r-9", worker="Zhao",
    amount=3000, marks={"reward_owed": Mark(at=AT, version=1), "awarded": Mark(at=AT, version=2)},
)  # fmt: skip
#: What was said with a step: a field of each kind of value.
FIELDS: dict[str, do.Value] = {"place": "the weir", "celsius": 8.5, "bottles": 2, "clear": False, "day": "2022-04-06"}
READING = Reading(
    id=ID, jurisdiction="smallville", pack="small@1", number="ammonia/water/2022-03-31/1", status=Status.TAKEN,
    version=1,
    title="Ammonia at the ferry", target="ammonia", unit="water", read_on=AT.date(), value=0.8, measured_in="mg/L",
    source="station 7", correction=1, marks={"reading_taken": Mark(at=AT, version=1)},
)  # fmt: skip
JUSTIFIED: tuple[c.Change, ...] = (
    c.JustificationFiled(obligation="rectify", part="north", generation=1, clause="art. 8", evidence=(SEAL,)),
    c.JustificationAccepted(obligation="rectify", part="north"),
    c.JustificationRefused(obligation="rectify", part="north"),
)
CHANGES: tuple[c.Change, ...] = (
    c.Registered(number="SV-2022-0001", pack="small@1", category="river", matter="complaint", filed=FILED),
    c.Attached(filed=FILED),
    c.Rejected(ground="litigation"),
    c.Dispatched(lead_unit="water", co_units=("north",), clause="art. 1"),
    c.Classified(category="noise", matter="question"),
    c.Acknowledged(),
    c.HandedBack(unit="water", clause="art. 2", evidence=(SEAL,)),
    c.Withdrawn(unit="water"),
    c.Planned(plan=PLAN),
    c.Progressed(note="half done", evidence=(SEAL,)),
    c.Completed(outcome="rectified", evidence=(SEAL,), items=("EN-01",)),
    c.Verified(evidence=(SEAL,)),
    c.SentBack(evidence=(SEAL,)),
    c.StruckOff(),
    c.Reopened(),
    c.Reminded(**TAKEN),
    c.Escalated(**TAKEN, approval="office"),
    c.Recomputed(),
    c.PlanProposed(plan=PHASED),
    c.PlanRefused(),
    c.MilestoneReached(title="dug", evidence=(SEAL,)),
    c.Reviewed(evidence=(SEAL,)),
    c.PartFinished(unit="north", evidence=(SEAL,)),
    c.ExtensionAsked(obligation="rectify", length=3, clause="art. 8"),
    c.Extended(obligation="rectify", length=2),
    c.ExtensionDenied(obligation="rectify"),
    c.Deferred(obligation="rectify"),
    c.Paused(ground="weather"),
    c.Resumed(),
    c.Flagged(flag="hard", co_units=("south",)),
    c.Unflagged(flag="hard"),
    c.Sponsored(sponsor="mayor", pair="south"),
    c.Referred(to="police", ground="a crime", evidence=(SEAL,)),
    c.Received(unit="police"),
    c.Replied(
        source="hotline",
        id="42",
        text="it is clean again",
        reply="answer",
        form="in-writing",
        signature=SIGNATURE,
        answers=False,
        told_since=5,
    ),
    c.Rated(satisfied=False, ground="in-unit"),
    c.Checked(check="clear", unit="office", evidence=(SEAL,)),
    c.StepTaken(step="sample", unit="water", fields=FIELDS, evidence=(SEAL,)),
    c.StepWaived(step="result", unit="office"),
    c.SignSeen(sign="copied", unit="water", obligation="rectify", beside=derived_id("problem")),
    c.LookedBack(truthful=True, timely=True, effective=False, evidence=(SEAL,)),
    c.Rebounded(raised=1),
    c.Approved(
        version=6,
        measure="listing",
        to=("water", "office"),
        ground="rectify",
        part="north",
        level=2,
        owner="water",
        lapse_at=AT,
    ),
    c.Withheld(version=6, measure="listing"),
    c.PassedOn(platform="credit-platform", version=6, status=201, receipt="R-1", evidence=(SEAL,)),
    *JUSTIFIED,
)
WAITING = c.Measured(ground="rebound", measure="listing", to=("water", "office"), owner="water",
                     approval="office")  # fmt: skip
OPENED = c.Opened(
    jurisdiction="smallville", number=DUTY.number, pack="small@1", duty="daily-report", title=DUTY.title, unit="north",
    opens_at=AT, cause=CAUSE,
    of="Works 7", due_on=AT.date(), evidence=(SEAL,),
)  # fmt: skip
OF_DUTIES: tuple[c.Change, ...] = (
    OPENED, c.Progressed(note="half done", evidence=(SEAL,)), c.Rejected(), c.Completed(outcome="submitted"),
    c.StruckOff(), c.Reopened(),
)  # fmt: skip
#: The ladder's own, which happen to every kind of record.
OF_ALL: tuple[c.Change, ...] = (
    c.Reminded(**TAKEN), c.Escalated(**TAKEN, approval="office"), WAITING, c.Recomputed(),
    c.Approved(version=6, measure="listing", to=("water", "office"), ground="amount", level=2, lapse_at=AT),
    c.Withheld(version=6, measure="listing"),
    c.PassedOn(platform="credit-platform", version=6, status=201, receipt="R-1", evidence=(SEAL,)),
    *JUSTIFIED,
)  # fmt: skip
OF_ENTRIES: tuple[c.Change, ...] = (
    c.Noticed(
        jurisdiction="smallville", number=ENTRY.number, pack="small@1", list="blacklist", title="Blacklist",
        keeper="office", of="Works 7", ground="repeated", bars=("new projects",), public=True, cause=CAUSE,
        evidence=(SEAL,),
    ),
    c.Listed(),
    c.Appealed(text="not us", evidence=(SEAL,)),
    c.AppealUpheld(),
    c.AppealDismissed(),
    c.Exited(evidence=(SEAL,)),
    c.Expired(),
)  # fmt: skip
OF_REWARDS: tuple[c.Change, ...] = (
    c.RewardOwed(
        jurisdiction="smallville", number=REWARD.number, pack="small@1", reward="tip", title=REWARD.title,
        fixed_by="office", cause=CAUSE, handle="r-9", worker="Zhao",
    ),
    c.Awarded(amount=3000),
    c.Declined(),
    c.Collected(unit="water"),
    c.Expired(),
)  # fmt: skip


def happened(change: c.Change, record: AnyRecord = PROBLEM) -> LedgerEvent:
    event = Event(
        problem_id=ID, version=record.version, at=AT, actor=WATER, reason="because", command="c-1", change=change
    )
    return ledger_event(event, record, hash_=chained(GENESIS, canonical(event)))


READINGS = StationReadings(
    jurisdiction="smallville", station="010000A8900016F000169DC0", site="outfall 1", protocol="hj212", span="hour",
    at=AT,
    factors=(
        FactorReading(
            measured_in="mg/L",
            factor="w01018", value=31.5, minimum=30.0, maximum=33.0, total=1.25, converted=32.0, flag="N", low=6.0,
            high=50.0, others={"SampleTime": "20220406090000"},
        ),
    ),
    frame="##0005ÿ", system="32", enterprise="Works 7", area="north", location=REPORT.location,
)  # fmt: skip


def payloads() -> Iterator[AnyPayload]:
    yield REPORT
    yield READINGS
    yield do.Register(actor=ENGINE, filed=FILED)
    yield do.Attach(actor=ENGINE, filed=FILED)
    yield do.Reject(actor=OFFICE, reason="nothing there", ground="litigation")
    yield do.Dispatch(actor=OFFICE, lead_unit="water", co_units=("north",), clause="art. 1")
    yield do.Classify(actor=OFFICE, reason="only asked", category="noise", matter="question")
    yield do.Acknowledge(actor=WATER)
    yield do.HandBack(actor=WATER, reason="not ours", clause="art. 2", evidence=(SEAL,))
    yield do.Plan(actor=WATER, plan=PLAN)
    yield do.Progress(actor=WATER, note="half done", evidence=(SEAL,))
    yield do.Complete(actor=WATER, outcome="rectified", evidence=(SEAL,), items=("EN-01",))
    yield do.Verify(actor=OFFICE, passed=False, reason="still foul", evidence=(SEAL,))
    yield do.StrikeOff(actor=OFFICE)
    yield do.Reopen(actor=OFFICE, reason="it is back")
    yield do.Escalate(actor=ENGINE, **LAPSE, part="north")
    yield do.Recompute(actor=ENGINE, calendar="cn", version=2)
    yield do.Open(actor=ENGINE, duty="daily-report", unit="north", opens_at=AT, cause=CAUSE, of="hotline")
    yield do.Withhold(actor=OFFICE, reason="an honest mistake", version=6)
    yield do.PassOn(actor=ENGINE, platform="credit-platform", version=6, status=201, receipt="R-1", evidence=(SEAL,))
    yield do.PutOnList(actor=OFFICE, list="blacklist", of="Works 7", ground="repeated", cause=CAUSE, evidence=(SEAL,))
    yield do.Appeal(actor=OFFICE, text="not us", evidence=(SEAL,))
    yield do.DecideAppeal(actor=WATER, reason="it was them", upheld=False)
    yield do.TakeOffList(actor=OFFICE, reason="all is repaired", evidence=(SEAL,))
    yield do.Reward(actor=ENGINE, reward="tip", cause=CAUSE, handle="r-9", worker="Zhao")
    yield do.Pledge(actor=OFFICE, duty="pledge", of="Works 7", promise="a scrubber", due_on=AT.date(), evidence=(SEAL,))
    yield do.TakeReading(
        actor=OFFICE, target="ammonia", unit="water", read_on=AT.date(), value=0.8, source="station 7", correction=1,
        reason="read twice", evidence=(SEAL,),
    )  # fmt: skip
    yield do.Award(actor=OFFICE, amount=3000)
    yield do.Decline(actor=OFFICE, reason="an official's own duty")
    yield do.Collect(actor=WATER, code="7K3M-9XQ2-TR5A-0WZD")
    yield do.DecidePlan(actor=OFFICE, approved=True)
    yield do.ReachMilestone(actor=WATER, evidence=(SEAL,))
    yield do.Review(actor=OFFICE, evidence=(SEAL,))
    yield do.FinishPart(actor=NORTH, evidence=(SEAL,))
    yield do.AskExtension(actor=WATER, reason="rain", obligation="rectify", length=3, clause="art. 8")
    yield do.DecideExtension(actor=OFFICE, granted=True, length=2)
    yield do.Defer(actor=WATER, reason="a site visit is needed", obligation="rectify")
    yield do.Justify(actor=WATER, reason="a flood", obligation="rectify", clause="art. 8", evidence=(SEAL,))
    yield do.DecideJustification(actor=OFFICE, obligation="rectify", part="north", accepted=True)
    yield do.Pause(actor=OFFICE, reason="floods", ground="weather")
    yield do.Resume(actor=OFFICE)
    yield do.Flag(actor=OFFICE, flag="hard", co_units=("south",))
    yield do.Unflag(actor=OFFICE, reason="delisted", flag="hard")
    yield do.Sponsor(actor=OFFICE, sponsor="mayor", pair="south")
    yield do.Refer(actor=WATER, to="police", ground="a crime", evidence=(SEAL,))
    yield do.Receive(actor=do.Actor(unit="police"))
    yield do.Reply(actor=WATER, source="hotline", id="42", text="it is clean again", reply="answer", form="in-writing",
                   signature=SIGNATURE)  # fmt: skip
    yield do.Rate(actor=OFFICE, reason="foul again", satisfied=False, ground="in-unit")
    yield do.Check(actor=OFFICE, check="clear", evidence=(SEAL,))
    yield do.LookBack(actor=OFFICE, reason="foul again", truthful=True, timely=True, effective=True, rebound=True,
                      evidence=(SEAL,))  # fmt: skip
    yield do.TakeStep(actor=WATER, step="sample", fields=FIELDS, evidence=(SEAL,))
    yield do.WaiveStep(actor=OFFICE, step="result", reason="the sample was spilt")
    yield do.Approve(actor=OFFICE, version=6)
    yield from map(happened, CHANGES)
    for record, changes in ((DUTY, OF_DUTIES), (ENTRY, OF_ENTRIES), (REWARD, OF_REWARDS)):
        for change in (*changes, *OF_ALL):
            yield happened(change, record)
    yield happened(
        c.ReadingTaken(
            jurisdiction="smallville", number=READING.number, pack="small@1", target="ammonia", title=READING.title,
            unit="water", read_on=AT.date(), value=0.8, measured_in="mg/L", source="station 7", correction=1,
            evidence=(SEAL,),
        ),
        READING,
    )  # fmt: skip
    yield happened(WAITING, FULL)
    yield Refused(
        command="c-1", command_type=do.Register.TYPE, actor=ENGINE, at=AT, code="unknown_area", reason="no such area",
        status=Status.UNDERWAY, version=7, filed=FILED,
    )  # fmt: skip
    yield Notice(
        recipient="water", kind=Kind.PROBLEM, event="escalated", measure="bulletin", measure_kind="bulletin", level=2,
        obligation="rectify", part="north", problem_id=ID, number="SV-2022-0001", title="河水发臭", owner="water",
        lapse_at=AT, public=True, text="late", issued_at=AT, concern=Concern.ASKED, version=7,
        of="Works 7", ground="repeated", source="12345", report="WO-1", urgent=True, person="li",
    )  # fmt: skip
    for chain, anchored in (
        (Anchored.LEDGER, ID), (Anchored.VAULT, VAULT_LOG), (Anchored.ACCOUNTS, ACCOUNT_LOG),
    ):  # fmt: skip
        yield Anchor(
            chain=chain, number=17, previous="a" * 64, at=AT, heads=(Head(record=anchored, version=7, hash="b" * 64),),
            offsets={0: 42, 10: 7} if chain is Anchored.LEDGER else {}, key="key", signature="signature",
        )  # fmt: skip
    yield Tick(at=AT)
    yield LetterReplayed(
        replay=ID, step=ReplayStep.FAILED, letter=LetterPlace(topic="a.g.dlq", partition=0, offset=3),
        origin=LetterPlace(topic="a", partition=1, offset=7), to="a", code="fault", size=2, sha256="0" * 64,
        by="li", reason="mended", at=AT, again=True, error="the broker refused it",
    )  # fmt: skip
    yield RegisteredSource(
        name="hotline", kind="orders", jurisdiction="smallville", channel="hotline", category="river", names=("热线",),
        keys=(SourceKey(sha256="0" * 64, since=AT),), signature="github", rate=600, max_body=65_536,
        mapping={"id": "orderNo"}, keeper="water", quiet=3600, callback="https://hotline.example.org/duban",
        principal="hotline-producer",
    )  # fmt: skip
    yield RegisteredContact(
        jurisdiction="smallville", unit="water", person="li", tested_at=AT, digest=("08:30",), zone="Asia/Shanghai",
        quiet=QuietHours(begins="22:00", ends="07:00"),
        ways=(ContactWay(by=ChannelKind.MAIL, to="li@example.org"), ContactWay(by=ChannelKind.DINGTALK, to="office")),
    )  # fmt: skip
    yield RegisteredRota(
        jurisdiction="smallville", unit="water", persons=("li", "wang"), since=AT, days=1, minutes=3,
        reliefs=(Relief(person="zhao", begins=AT, ends=LATER),), zone="Asia/Shanghai",
    )  # fmt: skip
    yield RatedReport(
        source="hotline", id="1", handle="sha256:" + "0" * 64, satisfied=False, ground="manner", reason="nobody came"
    )
    yield load_pack(SMALL.read_text("utf-8"), SMALL.name)
    boston = ROOT / "deploy/calendars/boston.yaml"
    yield PublishedCalendar(notice=load_calendar(boston.read_text("utf-8"), boston.name))


MESSAGES = {
    payload.ce_type: Message(
        f"id of {payload.ce_type}", "duban/tests", str(ID), AT, "smallville", str(ID), payload, cause="its cause"
    )
    for payload in payloads()
}
EACH = pytest.mark.parametrize("name", MESSAGES)


def test_every_type_has_an_example() -> None:
    assert set(MESSAGES) == set(TYPES)


@EACH
def test_what_was_written_once_is_read_for_ever(name: str) -> None:
    golden = (GOLDEN / f"{name}.json").read_bytes()
    headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
    assert decode(str(ID).encode(), golden, headers, TYPES) == MESSAGES[name]


@EACH
def test_what_is_written_has_not_changed(name: str) -> None:
    assert structured(MESSAGES[name]) == json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))


def test_the_hash_of_an_anchor_never_changes_or_every_anchor_there_is_would_look_forged() -> None:
    data = json.loads((GOLDEN / "duban.ledger.anchored.json").read_text("utf-8"))["data"]
    covered = {name: field for name, field in data.items() if name not in ("key", "signature")}
    text = json.dumps(covered, sort_keys=True, separators=(",", ":"))
    assert from_data(data, Anchor).hash == sha256(text.encode()).hexdigest()
    assert from_data(data, Anchor).hash == "d5d69b135bd48dcdf8c11daff5e91e2081135093aa5ed7061642a44975d0f427"


def test_a_pack_travels_with_what_it_says_and_nothing_that_an_older_release_would_not_know() -> None:
    written = MESSAGES["duban.pack.published"].data
    assert isinstance(written, PolicyPack)
    sent = json.loads(encode(MESSAGES["duban.pack.published"]).value or b"")
    assert sent.keys() == written.model_fields_set
    assert len(sent) < len(PolicyPack.model_fields)
    assert PolicyPack.model_validate(sent) == written


@EACH
def test_binary_mode_brings_back_the_message(name: str) -> None:
    record = encode(MESSAGES[name])
    assert decode(record.key, record.value, record.headers, TYPES) == MESSAGES[name]


@EACH
def test_another_implementation_of_cloudevents_agrees(name: str) -> None:
    message = MESSAGES[name]
    record = encode(message)
    theirs = from_binary(KafkaMessage(dict(record.headers), record.key, record.value), JSONFormat(), CloudEvent)
    assert (theirs.get_id(), theirs.get_source(), theirs.get_type()) == (message.id, message.source, name)
    assert (theirs.get_subject(), theirs.get_time()) == (message.subject, message.time)
    assert theirs.get_data() == structured(message)["data"]


@EACH
def test_what_is_written_meets_its_schema(name: str) -> None:
    model = TYPES[name].__name__
    schema = json.loads((ROOT / f"shared/duban/contracts/{model}.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(structured(MESSAGES[name])["data"])


def test_the_committed_documents_are_those_that_the_models_give() -> None:
    for path, text in documents():
        assert path.read_text("utf-8") == text, f"{path.name} is stale: run python -m duban.messages"


def test_every_kind_of_change_is_a_type_and_every_type_has_a_topic() -> None:
    of_records = {name for name in TYPES if name.split(".")[1] in [*Kind]} - {Refused.TYPE}
    assert {name.rpartition(".")[2] for name in of_records} == set(KINDS)
    assert of_records == {event_type(kind, change) for kind in Kind for _, change in MOVES[kind]}
    assert {model.TOPIC for model in TYPES.values()} == {topic.name for topic in TOPICS}


def test_every_field_of_every_message_is_in_an_example() -> None:
    """Packs are left out: they have a language of their own, and tests of their own."""
    filled: dict[str, bool] = {}
    for message in MESSAGES.values():
        for model in _models(message.data):
            for name in model.__struct_fields__:
                field = f"{type(model).__name__}.{name}"
                filled[field] = filled.get(field, False) or getattr(model, name) is not None
    assert [field for field, is_filled in filled.items() if not is_filled] == []


def _models(value: object) -> Iterator[Struct]:
    if isinstance(value, PolicyPack | PublishedCalendar):
        return
    if isinstance(value, Struct):
        yield value
        for name in value.__struct_fields__:
            yield from _models(getattr(value, name))
    elif isinstance(value, tuple | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _models(item)


GOOD = encode(MESSAGES["duban.report.submitted"])


def changed(**headers: bytes | None) -> list[tuple[str, bytes]]:
    found: dict[str, bytes | None] = {**dict(GOOD.headers), **headers}
    return [(name, value) for name, value in found.items() if value is not None]


@pytest.mark.parametrize(
    ("value", "headers", "code", "says"),
    [
        (None, changed(), "empty", "no value"),
        (b"{", changed(), "invalid", "JSON"),
        (b"{}", changed(), "invalid", "jurisdiction"),
        (GOOD.value[:-1] + b',"colour":"red"}', changed(), "invalid", "colour"),
        (GOOD.value, changed(ce_specversion=None), "not_cloudevent", "ce_specversion"),
        (GOOD.value, changed(ce_id=None), "invalid", "no id"),
        (GOOD.value, changed(ce_type=b"duban.report.shouted"), "unknown_type", "duban.report.shouted"),
        (GOOD.value, changed(ce_time=b"yesterday"), "invalid", "datetime"),
        (GOOD.value, changed(ce_source=b"\xff"), "invalid", "ce_source"),
        (b"{", [("content-type", b"application/cloudevents+json")], "not_json", "expected"),
        (b"[]", [("content-type", b"application/cloudevents+json")], "not_json", "object"),
        (b'{"specversion":1}', [("content-type", b"application/cloudevents+json")], "invalid", "specversion"),
        (GOOD.value.replace(b"foul water", b"nul \\u0000"), changed(), "invalid", "text"),
        (GOOD.value.replace(b"foul water", b"half \\ud83d"), changed(), "invalid", "JSON"),
        (b"[" * 100_000, changed(), "invalid", "a list"),
    ],
)
def test_bytes_that_are_no_message_say_what_is_wrong(
    value: bytes | None, headers: list[tuple[str, bytes]], code: str, says: str
) -> None:
    with pytest.raises(Undecodable) as caught:
        decode(GOOD.key, value, headers, TYPES)
    assert caught.value.code == code
    assert says in caught.value.detail


def test_structured_mode_is_read_by_the_other_implementation_too() -> None:
    message = MESSAGES["duban.report.submitted"]
    value = json.dumps(structured(message)).encode()
    headers = {"content-type": b"application/cloudevents+json"}
    assert from_structured(KafkaMessage(headers, GOOD.key, value), JSONFormat(), CloudEvent).get_id() == message.id


if __name__ == "__main__":  # writes the golden files anew, for a change of the contract that is meant
    GOLDEN.mkdir(exist_ok=True)
    for name, message in MESSAGES.items():
        text = json.dumps(structured(message), ensure_ascii=False, indent=2) + "\n"
        (GOLDEN / f"{name}.json").write_text(text, "utf-8")
