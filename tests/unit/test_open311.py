"""The laws of GeoReport: a form becomes a report, and a problem is shown as everybody may read it, in two forms."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duban.errors import Fault
from duban.messages import struct
from duban.messages.report import Identity, Location
from duban.messages.sources import RegisteredSource
from duban.moves import CLOSED, STAGE, Status
from duban_intake.channels.items import Parsed, ReportItem
from duban_intake.channels.kinds import spoken
from duban_intake.channels.open311 import form_in
from duban_intake.gateway.open311.form import Form, body
from duban_intake.gateway.open311.ledger import PublicLedger
from duban_intake.gateway.open311.requests import PublicLimit, PublicProblem, request_filter, shown
from duban_intake.gateway.open311.services import definition, services
from tests.given import ROOT, rules_with, small_rules

AT = datetime(2026, 3, 1, 20, tzinfo=UTC)
APP = RegisteredSource(name="app", kind="open311", jurisdiction="smallville", channel="hotline")
FORM = (ROOT / "tests/data/open311/fixmystreet.form").read_bytes().strip()
ASKED = {"service_code": "noise", "lat": "31.46", "long": "104.67"}


def heard(payload: bytes, at: datetime = AT, mapping: dict[str, Any] | None = None) -> Parsed:
    language = spoken(struct.replace(APP, mapping=mapping))
    assert language is not None
    channel, of_source = language
    return channel.parse(payload, of_source, at)


def posted(**fields: str) -> ReportItem:
    [entry] = heard(urlencode({**ASKED, **fields}).encode()).entries
    return entry


def test_what_fixmystreet_posts_is_a_report_and_who_reports_goes_to_the_vault() -> None:
    [entry] = heard(FORM).entries
    report = entry.message.data
    assert (report.jurisdiction, report.channel, report.category) == ("smallville", "hotline", "noise")
    assert (report.title, report.area) == ("title: Building site at night", "north-town")
    assert "Pile driving after eleven" in report.text
    assert report.location == Location(latitude=31.467213, longitude=104.679645)
    photos = "http://www.example.org/photo/4711.0.full.jpeg, http://www.example.org/photo/4711.1.full.jpeg"
    assert report.attributes == {"media_url": photos}
    assert entry.contact is not None
    assert (entry.contact.name, entry.contact.phone) == ("Test User", "07700 900123")
    assert report.reporter.identity is Identity.NAMED
    for confided in ("Test", "User", "07700", "test.user", "citizen-17", "KEY"):
        assert confided not in repr(entry.message)


def test_the_same_on_the_same_day_is_the_same_report_and_on_another_day_another() -> None:
    def id_of(payload: bytes, at: datetime = AT) -> str:
        return heard(payload, at).entries[0].message.id

    assert id_of(FORM) == id_of(FORM, AT + timedelta(hours=3))
    assert id_of(FORM) == id_of(FORM.replace(b"KEY", b"another"))
    assert id_of(FORM) != id_of(FORM, AT + timedelta(hours=4))
    assert id_of(FORM) != id_of(FORM.replace(b"31.467213", b"31.467214"))


def test_what_is_not_described_is_called_by_its_service() -> None:
    assert posted().message.data.title == "noise"
    assert posted(description="桥下河水发臭。已经三天了").message.data.title == "桥下河水发臭"


def test_a_mapping_takes_attributes_along_and_the_id_that_the_sender_has_for_it() -> None:
    mapping = {"id": "attribute.fixmystreet_id", "attributes": ["attribute.uprn"]}
    [entry] = heard(FORM, mapping=mapping).entries
    assert entry.message.id == "4711"
    assert entry.message.data.attributes == {"attribute.uprn": "100023336956"}


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"service_code": ""}, "service_code", "is missing"),
        ({"lat": "", "long": ""}, "lat", "address_string or address_id"),
    ],
)
def test_what_gives_no_request_is_refused_with_its_field(fields: dict[str, str], field: str, says: str) -> None:
    with pytest.raises(Fault, match=says) as refused:
        posted(**fields)
    assert (refused.value.status, refused.value.field) == (400, field)


@pytest.mark.parametrize(("fields", "field"), [
    ({"long": ""}, "long"), ({"lat": "north"}, "lat"), ({"lat": "91"}, "lat"), ({"email": "nobody"}, "email"),
])  # fmt: skip
def test_a_field_that_cannot_be_read_is_named(fields: dict[str, str], field: str) -> None:
    parsed = heard(urlencode({**ASKED, **fields}).encode())
    assert [row.field for row in parsed.bad] == [field]


@pytest.mark.parametrize("payload", [b"description=%ff", b"\xff=1", b"&".join([b"a=1"] * 201)])
def test_what_is_no_form_is_told_so(payload: bytes) -> None:
    with pytest.raises(Fault, match="no form in UTF-8 of at most 200 fields"):
        form_in(payload)


def test_attributes_stand_by_their_codes_and_several_of_one_as_one_text() -> None:
    form = form_in(b"attribute[tree]=oak&attribute[when][]=mon&attribute[when][]=tue&lat=1&attribute=x&note=")
    assert form == {"lat": "1", "attribute": {"tree": "oak", "when": "mon, tue"}}


CONTENT = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=5,
)


@given(st.lists(st.dictionaries(st.sampled_from(["token", "lat"]), CONTENT), max_size=3))
def test_whatever_is_said_can_be_read_in_both_forms(requests: list[dict[str, Any]]) -> None:
    assert json.loads(body(Form.JSON, "service_requests", requests)) == requests
    root = fromstring(body(Form.XML, "service_requests", requests))
    assert root.tag == "service_requests"
    assert [one.tag for one in root] == ["request"] * len(requests)


def test_the_services_are_the_categories_of_the_pack_and_ask_what_it_knows() -> None:
    small = small_rules()
    listed = services(small)
    assert [(one["service_code"], one["metadata"]) for one in listed] == [
        ("river", True), ("noise", True), ("other", True),
    ]  # fmt: skip
    matter, area = definition("noise", small)["attributes"]
    assert (matter["code"], matter["required"], matter["values"][0]) == (
        "matter", False, {"key": "complaint", "name": "投诉"},
    )  # fmt: skip
    assert [value["key"] for value in area["values"]] == ["north", "north-town", "south"]
    assert (matter["order"], area["order"]) == (1, 2)


def problem(**changed: Any) -> PublicProblem:
    fields: dict[str, Any] = {
        "id": uuid4(), "begun_at": AT, "updated_at": AT, "status": Status.DISPATCHED, "category": "noise",
        "lead_unit": "water", "title": "请打13800000000", "number": "S-2026-0001", "pack": "small@1",
        "location": Location(latitude=1, longitude=2), "limits": (), "ground": None,
    }  # fmt: skip
    return PublicProblem(**{**fields, **changed})


def test_a_problem_is_shown_with_its_unit_and_the_latest_limit_and_without_what_finds_a_person() -> None:
    limits = (
        PublicLimit(lapse_at=AT + timedelta(days=2), owner="water"),
        PublicLimit(lapse_at=AT + timedelta(days=1), owner="water"),
        PublicLimit(lapse_at=AT + timedelta(days=3)),
    )
    told = shown(problem(limits=limits), small_rules())
    assert told["agency_responsible"] == "Water bureau"
    assert told["requested_datetime"] == "2026-03-02T04:00:00+08:00"
    assert told["expected_datetime"] == "2026-03-04T04:00:00+08:00"
    assert (told["status"], told["status_notes"]) == ("open", "已交办，待签收")
    assert (told["description"], told["service_name"], told["lat"], told["long"]) == ("请打***", "Noise", 1, 2)


def test_what_was_first_reported_by_another_way_is_called_by_its_service() -> None:
    assert shown(problem(title=None), small_rules())["description"] == "Noise"


def test_what_is_closed_expects_nothing_and_a_rejection_says_on_which_ground() -> None:
    in_court = {"id": "court", "title": {"en": "Before a court"}, "basis": "practice"}
    rejected = problem(
        status=Status.REJECTED, lead_unit=None, ground="court", limits=(PublicLimit(lapse_at=AT, owner="it"),)
    )
    told = shown(rejected, rules_with(rejections=[in_court]))
    assert (told["status"], told["expected_datetime"]) == ("closed", None)
    assert (told["status_notes"], told["agency_responsible"]) == ("不予受理: Before a court", "The office")


@pytest.mark.parametrize("status", STAGE)
def test_every_status_has_its_note(status: Status) -> None:
    assert shown(problem(status=status), small_rules())["status_notes"]


class SlowPool:
    """A pool whose answers wait; how many of them did so at a time."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.waiting = self.most = 0

    async def fetch(self, *_: object) -> list[Any]:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        await self.go.wait()
        self.waiting -= 1
        return []


async def test_lists_are_asked_for_one_at_a_time_and_leave_connections_to_others() -> None:
    pool = SlowPool()
    ledger = PublicLedger(pool)  # type: ignore[arg-type]
    lists = [asyncio.create_task(ledger.problems("city", (), request_filter({}, AT))) for _ in range(3)]
    await asyncio.sleep(0)
    one = request_filter({"service_request_id": str(uuid4())}, AT)
    single = asyncio.create_task(ledger.problems("city", (), one))
    await asyncio.sleep(0)
    assert pool.waiting == 2
    pool.go.set()
    await asyncio.gather(*lists, single)
    assert pool.most == 2


def test_without_dates_the_last_ninety_days_are_asked_for_and_with_one_the_ninety_beside_it() -> None:
    plain = request_filter({}, AT)
    assert (plain.ids, plain.since, plain.until) == (None, AT - timedelta(days=90), AT)
    since = request_filter({"start_date": "2026-01-01T00:00:00 08:00"}, AT)
    assert since.since == datetime(2025, 12, 31, 16, tzinfo=UTC)
    assert since.until - since.since == timedelta(days=90)
    assert request_filter({"end_date": "2026-01-01T00:00:00Z"}, AT).since == datetime(2025, 10, 3, tzinfo=UTC)


def test_statuses_and_services_are_lists_and_what_is_no_id_leads_to_nothing() -> None:
    both = request_filter({"status": "open,closed", "service_code": "noise, river"}, AT)
    assert both.statuses is not None
    assert set(both.statuses) == set(STAGE)
    assert both.categories == ("noise", "river")
    closed = request_filter({"status": "closed"}, AT).statuses
    assert closed is not None
    assert set(closed) == CLOSED & set(STAGE)
    assert request_filter({"service_request_id": "17"}, AT).ids == ()


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"start_date": "2026-01-01"}, "start_date"),
        ({"end_date": "soon"}, "end_date"),
        ({"start_date": "0001-01-01T00:00:00Z"}, "start_date"),
        ({"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-04-02T00:00:00Z"}, "end_date"),
        ({"status": "late"}, "status"),
        ({"service_request_id": ",".join(str(uuid4()) for _ in range(1001))}, "service_request_id"),
    ],
)
def test_a_question_that_is_not_understood_is_refused_with_its_parameter(asked: dict[str, str], field: str) -> None:
    with pytest.raises(Fault) as refused:
        request_filter(asked, AT)
    assert (refused.value.status, refused.value.field) == (400, field)
