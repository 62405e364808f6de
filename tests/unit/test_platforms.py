"""The laws of what goes on to another platform: posted, signed, and its receipt comes into the ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import httpx2
import orjson
import pytest
import standardwebhooks
from pydantic import ValidationError

from duban.clock import DrivenClock
from duban.errors import Unavailable
from duban.messages import commands as do
from duban.messages.delivery import Delivery
from duban.messages.envelope import Message, Publishable, Record, decode, encode
from duban.messages.notices import Notice
from duban.moves import Kind, Status
from duban.policy.advice import advice
from duban.policy.laws import breaches
from duban.refusal import Refusal
from duban_console.listings import entry_of
from duban_escalation.measures import notices_for
from duban_escalation.notices.handler import WaitingNotice
from duban_escalation.notices.journal import Journal
from duban_escalation.notices.platforms import Platforms
from duban_escalation.notices.signature import Signer
from duban_escalation.notices.webhook import NoticeRefused, PutOff, Webhook
from duban_escalation.records import told
from duban_escalation.settings import EscalationSettings
from duban_router.domain.decision import Decided
from tests.given import SEAL, Case, entries, ledger_event, notice, report, rules_with, small_rules

NOW = datetime(2022, 4, 6, 2, tzinfo=UTC)  # a Wednesday, 10:00 in the small city
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BREACH = {"list": "record", "of": "water", "ground": "breach", "evidence": [SEAL]}


def code(outcome: Decided | Refusal) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code


def on_record() -> Case:
    """A unit on the credit record, which goes on to the credit platform."""
    case = Case(NOW)
    case.done(do.PutOnList, "office", **BREACH)
    assert case.listing.status is Status.LISTED
    return case


def to_platform(case: Case) -> list[Message[Notice]]:
    """What the events of an entry have told the platform."""
    notices = (message for event in case.events for message in told(event, case.record, case.rules))
    return [message for message in notices if message.data.recipient == "credit-platform"]


# What goes on


def test_an_entry_goes_on_when_it_counts_and_again_when_it_does_no_more() -> None:
    case = on_record()
    (begun,) = to_platform(case)
    assert begun.key == "smallville/credit-platform"
    assert (begun.data.event, begun.data.of, begun.data.ground) == ("listed", "water", "breach")
    assert begun.data.number == case.listing.number
    case.done(do.TakeOffList, "office", evidence=[SEAL], reason="made good")
    assert [message.data.event for message in to_platform(case)] == ["listed", "exited"]


def test_what_never_counted_goes_nowhere() -> None:
    lists = entries("lists", blacklist={"passed_on": small_rules().pack.lists[1].passed_on.model_dump()})  # type: ignore[union-attr]
    case = Case(NOW, lists=lists)
    case.done(do.PutOnList, "office", list="blacklist", of="Acme", ground="repeated", evidence=[SEAL])
    case.done(do.Appeal, "office", text="it was another firm")
    case.done(do.DecideAppeal, "water", upheld=True, reason="so it was")
    assert to_platform(case) == []


def test_a_measure_goes_on_to_a_platform_when_it_is_released() -> None:
    measures = entries("measures", bulletin={"passed_on_to": "credit-platform", "approval": "office"})
    case = Case(NOW, measures=measures)
    case.registered(report(category="river", area="north"))
    case.now += timedelta(days=3)
    while case.problem.climb("acknowledge", None) is None or not case.problem.awaiting_approval:
        case.lapse("acknowledge")
    (version,) = case.problem.awaiting_approval

    def recipients() -> list[str]:
        events = (ledger_event(event, case.record) for event in case.events)
        return [told.key for event in events for told in notices_for(event, case.rules)]

    assert "smallville/credit-platform" not in recipients()
    case.done(do.Approve, "office", version=version)
    assert recipients().count("smallville/credit-platform") == 1


# The receipt


def test_the_receipt_meets_what_the_keeper_owes_and_stands_in_the_entry() -> None:
    case = on_record()
    assert f"{case.deadline('pass_on').lapse_at.astimezone(case.rules.zone):%m-%d %H:%M}" == "04-13 10:00"
    assert case.deadline("pass_on").owner == "office"
    case.advance(hours=1)
    case.done(do.PassOn, do.ENGINE, platform="credit-platform", version=2, status=201, receipt="R-17")
    assert "pass_on" not in case.deadlines
    entry = entry_of(case.listing, case.now)
    assert entry is not None
    (passed,) = entry.passed_on
    assert (passed.platform, passed.at, passed.status, passed.receipt) == ("credit-platform", case.now, 201, "R-17")
    before = entry_of(case.listing, NOW)
    assert before is not None
    assert before.passed_on == ()


def test_a_receipt_that_does_not_come_climbs_the_ladder_of_the_keeper() -> None:
    case = on_record()
    steps = case.lapse("pass_on").steps
    assert [(event.change.kind, getattr(event.change, "owner", None)) for event, _ in steps] == [
        ("escalated", "office")
    ]
    case.done(do.PassOn, "office", platform="credit-platform", receipt="by hand 4")
    assert "pass_on" not in case.deadlines


def test_a_receipt_that_comes_after_the_end_is_kept() -> None:
    case = on_record()
    case.done(do.TakeOffList, "office", evidence=[SEAL], reason="made good")
    case.done(do.PassOn, do.ENGINE, platform="credit-platform", version=3, status=200, receipt="R-18")
    assert (case.listing.status, case.listing.passed_on["credit-platform"].of) == (Status.DELISTED, 3)


@pytest.mark.parametrize(
    ("unit", "fields", "because"),
    [
        ("water", {"platform": "credit-platform", "receipt": "1"}, "not_permitted"),
        ("office", {"platform": "elsewhere", "receipt": "1"}, "unknown_platform"),
        ("office", {"platform": "credit-platform", "receipt": " "}, "missing_evidence"),
        ("duban", {"platform": "credit-platform", "version": 9, "status": 200}, "unknown_event"),
    ],
)
def test_who_passes_on_what_to_whom_is_asked(unit: str, fields: dict[str, object], because: str) -> None:
    assert code(on_record().act(do.PassOn, unit, **fields)) == because


def test_a_problem_that_waits_for_a_receipt_is_met_by_it() -> None:
    owed = {
        "id": "collected", "title": {"en": "On the platform"}, "owner": "@lead", "running": ["underway"],
        "since": ["acknowledged"], "met_by": ["passed_on"], "within": {"days": 1}, "ladder": "standard",
        "basis": "practice",
    }  # fmt: skip
    case = Case(NOW, obligations=[*entries("obligations"), owed])
    case.registered(report(category="river", area="north"))
    case.done(do.Acknowledge, "water")
    assert "collected" in case.deadlines
    case.done(do.PassOn, do.ENGINE, platform="credit-platform", status=200)
    assert "collected" not in case.deadlines


# How it goes


class Body(httpx2.AsyncByteStream):
    """A body that comes from the network: it can be read once."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


class Platform:
    """A platform: it gives the answers it is told to, then 201 with an id, and keeps what it took."""

    def __init__(self, *answers: httpx2.Response) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return self.answers.pop(0) if self.answers else httpx2.Response(201, stream=Body(b'{"id": "R-17"}'))


class Topic:
    """Where receipts are published; away for the first ``times``."""

    def __init__(self, away: int = 0) -> None:
        self.away = away
        self.records: list[Publishable] = []

    async def publish(self, records: Sequence[Publishable]) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("the broker is away")
        self.records += records

    @property
    def receipts(self) -> list[Message[do.PassOn]]:
        types = {do.PassOn.TYPE: do.PassOn}
        return [decode(one.key, one.value, one.headers, types) for one in self.records]


def way(platform: Platform, topic: Topic) -> Platforms:
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(platform))
    clock = DrivenClock(datetime.now(UTC))
    webhook = Webhook(http, "https://credit.example/records", Signer.of(SECRET), clock, Journal())
    return Platforms({"smallville/credit-platform": webhook}, Journal(), topic, DrivenClock(NOW))


async def test_what_goes_on_is_posted_signed_and_its_receipt_is_a_command_on_the_record() -> None:
    platform, topic, case = Platform(), Topic(), on_record()
    (sent,) = to_platform(case)
    assert await way(platform, topic).send(sent) == "posted"
    (request,) = platform.requests
    body = standardwebhooks.Webhook(SECRET).verify(request.content, dict(request.headers))
    assert (body["data"]["of"], body["data"]["kind"]) == ("water", Kind.LISTING)
    (receipt,) = topic.receipts
    assert (receipt.subject, receipt.key, receipt.time) == (case.id, case.id, NOW)
    assert (receipt.data.platform, receipt.data.version, receipt.data.status) == ("credit-platform", 2, 201)
    assert receipt.data.receipt == "R-17"
    assert isinstance(case.apply(receipt.data), Decided)
    assert "pass_on" not in case.deadlines


async def test_whatever_is_no_platform_goes_the_usual_way_and_has_no_receipt() -> None:
    platform, topic = Platform(), Topic()
    assert await way(platform, topic).send(notice(1)) == "logged"
    assert (platform.requests, topic.records) == ([], [])


async def test_a_platform_of_no_address_gets_nothing_and_no_receipt_is_made_up() -> None:
    topic = Topic()
    elsewhere = Platforms({}, Journal(), topic, DrivenClock(NOW))
    assert await elsewhere.send(to_platform(on_record())[0]) == "logged"
    assert topic.records == []


async def test_a_receipt_that_cannot_be_published_is_fetched_again_under_the_same_ids() -> None:
    platform, topic = Platform(), Topic(away=1)
    (sent,) = to_platform(on_record())
    sends = way(platform, topic)
    with pytest.raises(Unavailable):
        await sends.send(sent)
    await sends.send(sent)
    await sends.send(sent)
    assert [request.headers["webhook-id"] for request in platform.requests] == [sent.id] * 3
    assert len({receipt.id for receipt in topic.receipts}) == 1


@pytest.mark.parametrize(("status", "error"), [(503, PutOff), (404, NoticeRefused), (302, NoticeRefused)])
async def test_what_a_platform_does_not_take_has_no_receipt(status: int, error: type[Exception]) -> None:
    topic = Topic()
    with pytest.raises(error):
        await way(Platform(httpx2.Response(status)), topic).send(to_platform(on_record())[0])
    assert topic.records == []


@pytest.mark.parametrize(
    ("body", "receipt"),
    [
        (b'{"id": 17}', "17"),
        (b'{"id": "  R\\u0000-1 "}', "R-1"),
        (orjson.dumps({"id": "x" * 500}), "x" * 120),
        (b'{"id": true}', ""),
        (b'{"id": ["R"]}', ""),
        (b'["R-1"]', ""),
        (b"thank you", ""),
        (b"", ""),
        (b'{"id": "R-1", "more": "' + b"x" * 70_000 + b'"}', ""),
    ],
)
async def test_the_id_of_the_answer_is_taken_if_it_is_one(body: bytes, receipt: str) -> None:
    topic = Topic()
    await way(Platform(httpx2.Response(200, stream=Body(body))), topic).send(to_platform(on_record())[0])
    assert topic.receipts[0].data.receipt == receipt


def test_the_platforms_of_two_cities_stand_in_lines_of_their_own() -> None:
    (sent,) = to_platform(on_record())
    record: Record = encode(sent)
    held = WaitingNotice.of(Delivery(sent, Notice.TOPIC, 0, 0, NOW), NOW)
    assert held.line.recipient == record.key.decode() == "smallville/credit-platform"
    assert held.message() == sent


# What is wrong in a pack, or in the settings


def platforms(*ids: str) -> list[dict[str, object]]:
    return [{"id": one, "title": {"en": one}, "basis": "practice"} for one in ids]


@pytest.mark.parametrize(
    ("sections", "breach"),
    [
        ({"platforms": []}, ("lists.1.passed_on.to", "credit-platform is not among the platforms")),
        (
            {"platforms": platforms("credit-platform", "water")},
            ("platforms.1.id", "water is a unit: a platform needs an id of its own"),
        ),
        (
            {"measures": entries("measures", bulletin={"passed_on_to": "moon"})},
            ("measures.1.passed_on_to", "moon is not among the platforms"),
        ),
    ],
)  # fmt: skip
def test_a_pack_passes_on_to_platforms_that_it_has(sections: dict[str, object], breach: tuple[str, str]) -> None:
    pack = type(small_rules().pack).model_validate({**small_rules().pack.model_dump(exclude_none=True), **sections})
    assert [found for found in breaches(pack) if "platform" in found[1]] == [breach]


def test_a_platform_that_nothing_goes_on_to_is_warned_of() -> None:
    pack = rules_with(platforms=platforms("credit-platform", "idle")).pack
    assert [one.path for one in advice(pack, None) if one.code == "platform_unused"] == ["platforms.1"]


@pytest.mark.parametrize(
    "address",
    [
        {"url": "https://credit.example/"},
        {"url": "ftp://credit.example/", "secret": SECRET},
        {"url": "https://credit.example/", "secret": "s"},
    ],
)
def test_an_address_without_a_secret_is_refused(address: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        EscalationSettings(platforms={"linyi/credit-platform": address})
