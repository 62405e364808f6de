"""The laws of intake, over the store in memory: every report a receipt, and the command that follows from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from duban.clock import DrivenClock, SystemClock
from duban.messages import commands as do
from duban.messages import struct
from duban.messages.delivery import Delivery, SetAside
from duban.messages.envelope import Message, Payload, Record, decode, derived_id, encode
from duban.messages.events import GENESIS, LedgerEvent, Refused
from duban.messages.report import Filed, Report
from duban.moves import Status
from duban.policy import load_pack
from duban.policy.library import Library
from duban_intake.domain import ACTOR, ReportOutcome, own_problem, submitted
from duban_intake.handlers import ANSWERS, AnswerHandler, ReportHandler
from duban_intake.heard import Turned
from duban_intake.memory import MemoryStore
from tests.given import SMALL, Case, report, small_library

AT = datetime(2022, 4, 6, 2, tzinfo=UTC)
HERE = {"latitude": 30.25, "longitude": 120.17}
METRE_NORTH = 1 / 111_195


def delivery(number: object, filed: Report, at: datetime = AT, source: str = "hotline") -> Delivery[Report]:
    return Delivery(submitted(source, str(number), filed, at), Report.TOPIC, 0, 0, at)


def near(number: object, metres: float = 0, at: datetime = AT, **changed: Any) -> Delivery[Report]:
    location = {**HERE, "latitude": HERE["latitude"] + metres * METRE_NORTH}
    return delivery(number, report(location=location, **changed), at)


def commands(records: list[Record | SetAside]) -> list[Message[do.Command]]:
    assert all(isinstance(one, Record) for one in records), records
    return [decode(one.key, one.value, one.headers, do.COMMANDS) for one in records if isinstance(one, Record)]


def own(number: object) -> str:
    return str(own_problem("hotline", str(number)))


def answered(data: Payload, subject: str) -> Delivery[Payload]:
    """What the router publishes, as intake reads it."""
    record = encode(Message("answer", "duban/router", subject, AT, "smallville", subject, data))
    return Delivery(decode(record.key, record.value, record.headers, ANSWERS), LedgerEvent.TOPIC, 0, 0, AT)


def refused(sent: Message[Any], code: str = "illegal_move") -> Delivery[Payload]:
    return answered(
        Refused(
            command=sent.id, command_type=sent.data.TYPE, actor=sent.data.actor, at=AT, code=code,
            reason="a problem that is closed cannot be attached", filed=sent.data.filed,
        ),
        sent.subject,
    )  # fmt: skip


def event(case: Case, problem_id: str) -> Delivery[Payload]:
    """The latest event of ``case``, as if it had happened to ``problem_id``."""
    moved = struct.replace(case.events[-1], problem_id=UUID(problem_id))
    problem = struct.replace(case.problem, id=UUID(problem_id))
    return answered(LedgerEvent(event=moved, hash=GENESIS, problem=problem), problem_id)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def handler(store: MemoryStore) -> ReportHandler:
    return ReportHandler(store, small_library(), SystemClock())


@pytest.fixture
def answers(store: MemoryStore) -> AnswerHandler:
    return AnswerHandler(store, small_library())


async def test_a_report_opens_a_problem_whose_id_follows_from_source_and_id(handler: ReportHandler) -> None:
    [sent] = commands(await handler([delivery(1, report())]))
    assert sent.subject == sent.key == str(derived_id("problem", "hotline", "1"))
    assert (sent.source, sent.cause, sent.time, sent.jurisdiction) == ("duban/intake", "1", AT, "smallville")
    assert sent.data == do.Register(
        actor=do.Actor(unit="duban", person="intake"),
        filed=Filed(source="hotline", id="1", received_at=AT, report=report()),
    )


async def test_two_sources_may_use_the_same_id(handler: ReportHandler) -> None:
    sent = commands(await handler([delivery(1, report()), delivery(1, report(title="other"), source="patrol")]))
    assert len({one.subject for one in sent}) == 2
    assert len({one.id for one in sent}) == 2


async def test_a_batch_that_comes_again_writes_nothing_and_publishes_the_same(
    handler: ReportHandler, store: MemoryStore
) -> None:
    batch = [near(1), near(2, 50), near(3, 500), delivery(4, report(category="river"))]
    first = await handler(batch)
    before = (dict(store.receipts), dict(store.places))
    assert await handler(batch) == first
    assert (store.receipts, store.places) == before


async def test_the_same_report_sent_later_counts_from_the_first_time(handler: ReportHandler) -> None:
    first = await handler([delivery(1, report())])
    later = await handler([delivery(1, report(), AT + timedelta(days=3))])
    assert later == first


async def test_the_same_id_with_another_body_is_refused_and_the_first_kept(
    handler: ReportHandler, store: MemoryStore
) -> None:
    await handler([delivery(1, report())])
    kept = dict(store.receipts)
    other = delivery(1, report(title="something else"))
    [answer] = await handler([other])
    assert isinstance(answer, SetAside)
    assert (answer.delivery, answer.code) == (other, "other_body")
    assert "new id" in answer.reason
    assert store.receipts == kept
    assert [one.why.code for one in store.refusals.values()] == ["other_body"]


async def test_another_body_is_found_within_one_batch_too(handler: ReportHandler) -> None:
    first, second, third = await handler([delivery(1, report()), delivery(1, report(title="b")), delivery(1, report())])
    assert isinstance(second, SetAside)
    assert third == first


@pytest.mark.parametrize(
    ("changed", "code", "says"),
    [
        ({"jurisdiction": "nowhere"}, "unknown_jurisdiction", "no pack is published for nowhere"),
        ({"channel": "pigeon"}, "unknown_channel", "small@1 has no channel pigeon; use one of: hotline, patrol"),
        ({"category": "ghosts"}, "unknown_category", "use one of: noise, other, river"),
        ({"area": "moon"}, "unknown_area", "use one of: north, north-town, south"),
    ],
)
async def test_a_report_that_the_policy_does_not_know_is_refused_with_the_reason_and_not_lost(
    handler: ReportHandler, store: MemoryStore, changed: dict[str, str], code: str, says: str
) -> None:
    bad = delivery(1, report(**changed))
    good, answer = await handler([delivery(2, report()), bad])
    assert isinstance(good, Record)
    assert isinstance(answer, SetAside)
    assert (answer.delivery, answer.code) == (bad, code)
    receipt = store.receipts[own_problem("hotline", "1")]
    assert (receipt.outcome, receipt.problem_id, receipt.code, receipt.reason) == (
        ReportOutcome.REFUSED, None, code, answer.reason,
    )  # fmt: skip
    assert says in answer.reason


async def test_what_the_policy_refused_is_admitted_when_it_comes_again_under_a_pack_that_knows_it(
    store: MemoryStore,
) -> None:
    library = Library()
    handler = ReportHandler(store, library, SystemClock())
    assert isinstance((await handler([delivery(1, report())]))[0], SetAside)
    again = ReportHandler(store, small_library(), SystemClock())
    [sent] = commands(await again([delivery(1, report())]))
    assert sent.subject == own(1)
    assert store.receipts[own_problem("hotline", "1")].outcome is ReportOutcome.ACCEPTED


@pytest.mark.parametrize(
    ("source", "id_"), [("hotline", ""), ("hot\x00line", "1"), ("hotline", "1\x1f"), ("x" * 301, "1")]
)
async def test_an_identity_that_no_receipt_could_hold_is_refused(
    handler: ReportHandler, store: MemoryStore, source: str, id_: str
) -> None:
    [answer] = await handler([delivery(id_, report(), source=source)])
    assert isinstance(answer, SetAside)
    assert answer.code == "invalid_identity"
    assert store.receipts == {}


async def test_near_reports_of_one_category_are_one_problem_within_a_batch_and_across(handler: ReportHandler) -> None:
    first, second = commands(await handler([near(1), near(2, 99)]))
    [third] = commands(await handler([near(3, -99)]))
    assert isinstance(first.data, do.Register)
    assert isinstance(second.data, do.Attach)
    assert isinstance(third.data, do.Attach)
    assert {first.key, second.key, third.key} == {own(1)}
    assert third.data.filed.id == "3"


@pytest.mark.parametrize(
    "other",
    [
        near(2, 101),
        near(2, category="other"),
        near(2, at=AT + timedelta(hours=72, seconds=1)),
        delivery(2, report()),
    ],
    ids=["too far", "other category", "too late", "no location"],
)
async def test_what_is_not_near_opens_its_own_problem(handler: ReportHandler, other: Delivery[Report]) -> None:
    await handler([near(1)])
    [sent] = commands(await handler([other]))
    assert isinstance(sent.data, do.Register)
    assert sent.key == own(2)


async def test_a_category_that_is_never_near_opens_a_problem_each_time(handler: ReportHandler) -> None:
    sent = commands(await handler([near(1, category="noise"), near(2, category="noise")]))
    assert [one.key for one in sent] == [own(1), own(2)]


async def test_a_report_without_category_is_near_to_those_of_the_default_category(handler: ReportHandler) -> None:
    sent = commands(await handler([near(1, category=None), near(2, category="other")]))
    assert [one.key for one in sent] == [own(1), own(1)]


async def test_the_hours_count_from_the_latest_report_attached(handler: ReportHandler) -> None:
    await handler([near(1)])
    await handler([near(2, at=AT + timedelta(hours=60))])
    [sent] = commands(await handler([near(3, at=AT + timedelta(hours=120))]))
    assert sent.key == own(1)


@pytest.mark.parametrize("hours", [-72, 72, -72.001, 72.001])
async def test_nearness_counts_from_when_it_was_seen_and_not_from_its_arrival(
    handler: ReportHandler, hours: float
) -> None:
    seen = AT - timedelta(days=300)
    backlog = [near(1, observed_at=seen), near(2, observed_at=seen + timedelta(hours=hours)), near(3)]
    first, second, third = commands(await handler(backlog))
    assert second.key == own(1 if abs(hours) <= 72 else 2)
    assert (first.key, third.key) == (own(1), own(3))
    [fourth] = commands(await handler([near(4, observed_at=seen - timedelta(hours=1))]))
    assert fourth.key in {own(1), second.key}


@pytest.mark.parametrize("order", [(0, 72, 144), (144, 72, 0), (72, 144, 0)])
async def test_what_was_seen_between_the_first_report_and_the_last_is_near_in_whatever_order_they_come(
    handler: ReportHandler, order: tuple[int, ...]
) -> None:
    seen = AT - timedelta(days=300)
    sent = [near(hours, observed_at=seen + timedelta(hours=hours)) for hours in (*order, 1, 70, 143)]
    assert {each.key for each in commands(await handler(sent))} == {own(order[0])}


async def test_what_says_that_it_was_seen_in_time_to_come_counts_from_its_arrival(handler: ReportHandler) -> None:
    first, second = commands(await handler([near(1), near(2, observed_at=AT + timedelta(days=3650))]))
    assert first.key == second.key == own(1)


async def test_a_report_that_gets_a_problem_of_its_own_lies_there_since_it_was_seen(
    handler: ReportHandler, answers: AnswerHandler
) -> None:
    seen = AT - timedelta(days=300)
    _, attached = commands(await handler([near(1, observed_at=seen), near(2, observed_at=seen)]))
    await answers([refused(attached)])
    sent = commands(await handler([near(3), near(4, observed_at=seen)]))
    assert [each.key for each in sent] != [own(2), own(2)]
    assert sent[0].key == own(3)


@pytest.mark.parametrize(
    ("changed", "code", "says"),
    [
        ({"title": "\u200b \ufeff"}, "blank", "title: "),
        ({"title": "\u3000\u00ad"}, "blank", "title: "),
        ({"enterprise": "\u200b"}, "blank", "enterprise: "),
        ({"location": {"latitude": 0, "longitude": 0}}, "no_place", "location: "),
        ({"location": {"latitude": -0.0, "longitude": 0.0}}, "no_place", "location: "),
    ],
)
async def test_what_shows_nothing_and_what_lies_nowhere_is_refused_by_name(
    handler: ReportHandler, store: MemoryStore, changed: dict[str, Any], code: str, says: str
) -> None:
    [answer] = await handler([delivery(1, report(**changed))])
    assert isinstance(answer, SetAside)
    assert (answer.code, answer.reason[: len(says)]) == (code, says)
    assert store.receipts[own_problem("hotline", "1")].outcome is ReportOutcome.REFUSED


async def test_of_several_problems_the_nearest_takes_the_report(handler: ReportHandler) -> None:
    await handler([near(1), near(2, 150)])
    [sent] = commands(await handler([near(3, 90)]))
    assert sent.key == own(2)


async def test_a_report_counts_when_it_was_stated_under_the_driven_clock(store: MemoryStore) -> None:
    handler = ReportHandler(store, small_library(), DrivenClock())
    message = submitted("hotline", "1", report(), AT)
    [sent] = commands(await handler([Delivery(message, Report.TOPIC, 0, 0, AT + timedelta(days=9))]))
    assert sent.time == AT


@pytest.mark.parametrize("status", [Status.STRUCK_OFF, Status.REJECTED])
async def test_a_closed_problem_takes_no_more_reports_until_it_is_reopened(
    handler: ReportHandler, answers: AnswerHandler, status: Status
) -> None:
    case = Case.in_status(status, AT)
    await handler([near(1)])
    assert await answers([event(case, own(1))]) == []
    [sent] = commands(await handler([near(2)]))
    assert isinstance(sent.data, do.Register)

    await answers([event(case, own(2))])
    case.done(do.Reopen, "office", reason="it is back")
    reopened = event(case, own(1))
    located = struct.replace(reopened.message.data.problem, location=near(1).message.data.location)  # type: ignore[attr-defined]
    data = struct.replace(reopened.message.data, problem=located)
    await answers([struct.replace(reopened, message=struct.replace(reopened.message, data=data))])
    [third] = commands(await handler([near(3)]))
    assert isinstance(third.data, do.Attach)
    assert third.key == own(1)


def test_whatever_closes_a_problem_opens_it_again_or_reclassifies_it_is_heeded() -> None:
    heeded = {name.rpartition(".")[2] for name, model in ANSWERS.items() if model is Turned}
    assert heeded == {"rejected", "struck_off", "reopened", "rebounded", "classified"}


async def test_a_problem_takes_the_reports_of_what_it_was_corrected_to(
    handler: ReportHandler, answers: AnswerHandler, store: MemoryStore
) -> None:
    await handler([near(1)])
    case = Case(AT)
    case.registered(report(category="river", location=HERE))
    case.done(do.Classify, "office", matter="complaint", category="other", reason="it is no river")
    await answers([event(case, own(1))])
    sent = commands(await handler([near(2), near(3, category="other", matter="complaint")]))
    assert [one.subject for one in sent] == [own(2), own(1)]
    case.done(do.Classify, "office", matter="question", reason="they only ask")
    await answers([event(case, own(1))])
    assert [str(place) for place in store.places] == [own(2)]  # questions stand each for itself


async def test_a_report_that_the_router_would_not_attach_gets_a_problem_of_its_own(
    handler: ReportHandler, answers: AnswerHandler, store: MemoryStore
) -> None:
    _, attach = commands(await handler([near(1), near(2)]))
    [sent] = commands(list(await answers([refused(attach)])))
    assert isinstance(sent.data, do.Register)
    assert (sent.key, sent.time) == (own(2), AT)
    assert sent.data.filed == attach.data.filed  # type: ignore[attr-defined]
    receipt = store.receipts[own_problem("hotline", "2")]
    assert (receipt.outcome, str(receipt.problem_id)) == (ReportOutcome.ACCEPTED, own(2))
    assert commands(list(await answers([refused(attach)]))) == [sent]
    assert commands(await handler([near(2)])) == [sent]


async def test_a_report_that_the_router_would_not_register_is_refused_with_its_reason_and_its_place_is_free(
    handler: ReportHandler, answers: AnswerHandler, store: MemoryStore
) -> None:
    [register] = commands(await handler([near(1)]))
    assert await answers([refused(register, "unknown_area")]) == []
    receipt = store.receipts[own_problem("hotline", "1")]
    assert (receipt.outcome, receipt.code) == (ReportOutcome.REFUSED, "unknown_area")
    [sent] = commands(await handler([near(2)]))
    assert sent.key == own(2)
    assert commands(await handler([near(1)])) == [register]


async def test_a_register_refused_because_the_problem_stands_already_changes_nothing(
    handler: ReportHandler, answers: AnswerHandler, store: MemoryStore
) -> None:
    [register] = commands(await handler([near(1)]))
    before = (dict(store.receipts), dict(store.places))
    assert await answers([refused(register, "already_registered")]) == []
    assert (store.receipts, store.places) == before


async def test_refusals_of_other_peoples_commands_are_none_of_intakes_business(
    handler: ReportHandler, answers: AnswerHandler, store: MemoryStore
) -> None:
    [register] = commands(await handler([near(1)]))
    before = dict(store.receipts)
    stranger = Refused(
        command="theirs", command_type=do.Register.TYPE, actor=ACTOR, at=AT, code="x", reason="y",
        filed=register.data.filed,  # type: ignore[attr-defined]
    )  # fmt: skip
    assert await answers([answered(stranger, own(1))]) == []
    assert store.receipts == before


async def test_events_that_neither_close_nor_open_are_passed_over_whatever_they_carry(answers: AnswerHandler) -> None:
    assert await answers([event(Case.in_status(Status.UNDERWAY, AT), own(1))]) == []


def test_the_small_pack_says_what_these_tests_stand_on() -> None:
    near_rule = load_pack(SMALL.read_text("utf-8"), SMALL.name).near
    assert not isinstance(near_rule, str)
    assert (near_rule.metres, near_rule.hours) == (100, 72)


async def test_a_closing_that_is_told_again_after_the_reopening_changes_nothing(
    handler: ReportHandler, answers: AnswerHandler, store: MemoryStore
) -> None:
    case = Case.in_status(Status.STRUCK_OFF, AT)
    located = {"location": near(1).message.data.location}
    case.standing = struct.replace(case.problem, **located)
    await handler([near(1)])
    closed = event(case, own(1))
    await answers([closed])
    case.done(do.Reopen, "office", reason="it is back")
    await answers([event(case, own(1))])
    await answers([closed])
    [third] = commands(await handler([near(3)]))
    assert (third.subject, third.data.TYPE) == (own(1), do.Attach.TYPE)


async def test_a_report_that_no_record_could_tell_of_is_refused_with_what_to_do(store: MemoryStore) -> None:
    handler = ReportHandler(store, small_library(), SystemClock(), most_bytes=100_000)
    bulk = {f"sensor {number}": "x" * 8_000 for number in range(15)}
    large = delivery(1, report(attributes=bulk))
    [answer, sent] = await handler([large, delivery(2, report(attributes={"sensor": "x" * 8_000}))])
    assert isinstance(answer, SetAside)
    assert (answer.code, isinstance(sent, Record)) == ("too_large", True)
    assert "attributes" in answer.reason
    assert store.receipts.keys() == {UUID(own(2))}


async def test_what_goes_on_with_a_report_is_filed_where_that_one_was_however_far_off(handler: ReportHandler) -> None:
    [first] = commands(await handler([near(1)]))
    later = delivery(2, report(continues="1"), AT + timedelta(days=30))
    [sent] = commands(await handler([later]))
    assert (type(sent.data), sent.subject) == (do.Attach, first.subject)
    assert commands(await handler([later])) == [sent]
    chain = [delivery(3, report(continues="2", ended_at=AT), AT + timedelta(days=31))]
    [ended] = commands(await handler(chain))
    assert (type(ended.data), ended.subject) == (do.Attach, first.subject)


async def test_what_goes_on_within_one_batch_is_filed_together_and_ours_alone(handler: ReportHandler) -> None:
    batch = [delivery(1, report()), delivery(2, report(continues="1")), delivery(3, report(continues="1"), source="b")]
    sent = commands(await handler(batch))
    assert [type(one.data) for one in sent] == [do.Register, do.Attach, do.Register]
    assert sent[1].subject == sent[0].subject


async def test_citizens_find_a_place_where_something_goes_on(handler: ReportHandler) -> None:
    await handler([near(1)])
    await handler([near(2, at=AT + timedelta(hours=70), continues="1")])
    [sent] = commands(await handler([near(3, 50, at=AT + timedelta(hours=140))]))
    assert (type(sent.data), sent.subject) == (do.Attach, own(1))


async def test_what_goes_on_with_nothing_is_a_report_and_what_ends_nothing_is_refused(handler: ReportHandler) -> None:
    [sent] = commands(await handler([delivery(2, report(continues="1"))]))
    assert (type(sent.data), sent.subject) == (do.Register, own(2))
    [aside] = await handler([delivery(3, report(continues="1", ended_at=AT))])
    assert isinstance(aside, SetAside)
    assert aside.code == "nothing_to_end"


async def test_what_goes_on_after_its_problem_was_closed_opens_one_and_what_ends_then_opens_none(
    handler: ReportHandler, answers: AnswerHandler, store: MemoryStore
) -> None:
    first, lasts, over = commands(
        await handler([delivery(1, report()), delivery(2, report(continues="1")),
                       delivery(3, report(continues="1", ended_at=AT))])
    )  # fmt: skip
    [opened] = commands([*await answers([refused(lasts)])])
    assert (type(opened.data), opened.subject) == (do.Register, own(2))
    assert await answers([refused(over)]) == []
    receipt = await store.receipt(own_problem("hotline", "3"))
    assert receipt is not None
    assert receipt.outcome is ReportOutcome.REFUSED
    # What goes on with the second one goes where that one is now.
    [sent] = commands(await handler([delivery(4, report(continues="2"))]))
    assert (type(sent.data), sent.subject) == (do.Attach, own(2))
    assert first.subject == own(1)
