"""The laws of what the gateway takes: three forms of one report, and faults that name the field."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from duban.coordinates import gcj02_to_bd09
from duban.errors import Fault
from duban.messages.report import Report
from duban.messages.sources import RegisteredSource
from duban.messages.struct import from_data
from duban_intake.body import JSON
from duban_intake.gateway.app import EXAMPLE
from duban_intake.gateway.request import STRUCTURED, read, read_batch

OPEN = RegisteredSource(name="demo", is_open=True)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
REPORT = {"jurisdiction": "smallville", "channel": "hotline", "title": "黑臭水体"}
EVENT = CloudEvent(
    {"id": "编号 1", "source": "city/热线", "type": Report.TYPE, "time": NOW, "datacontenttype": JSON}, REPORT
)


def plain(**changed: Any) -> bytes:
    return json.dumps({"source": "city/hotline", "id": "1", **REPORT, **changed}).encode()


def fault_of(body: bytes, kind: str = JSON, **headers: str) -> Fault:
    with pytest.raises(Fault) as caught:
        read({"content-type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}}, body, NOW)
    return caught.value


def lowered(message: HTTPMessage) -> dict[str, str]:
    return {name.lower(): value for name, value in message.headers.items()}


def test_a_plain_report_is_stated_at_the_time_of_the_gateway_unless_it_says_when() -> None:
    message = read({"content-type": "application/json; charset=utf-8"}, plain(), NOW).message
    assert (message.source, message.id, message.jurisdiction, message.time) == ("city/hotline", "1", "smallville", NOW)
    assert message.data == from_data(REPORT, Report)
    at = datetime(2026, 2, 1, tzinfo=UTC)
    assert read({"content-type": JSON}, plain(time=at.isoformat()), NOW).message.time == at


@pytest.mark.parametrize("write", [to_binary_event, lambda event: to_structured_event(event, JSONFormat())])
def test_a_cloudevent_as_others_write_it_gives_the_same_report_in_either_mode(write: Any) -> None:
    sent: HTTPMessage = write(EVENT)
    message = read(lowered(sent), sent.body, datetime(2030, 1, 1, tzinfo=UTC)).message
    assert (message.source, message.id, message.time) == ("city/热线", "编号 1", NOW)
    assert message.data == from_data(REPORT, Report)


@pytest.mark.parametrize(
    ("system", "given"),
    [("wgs84", (39.911954, 116.377817)), ("gcj02", (39.91334545536069, 116.38404722455657)),
     ("bd09", gcj02_to_bd09((39.91334545536069, 116.38404722455657)))],
)  # fmt: skip
def test_a_place_travels_in_wgs84_by_whatever_map_it_was_measured(system: str, given: tuple[float, float]) -> None:
    place = {"latitude": given[0], "longitude": given[1]}
    report = {**REPORT, "location": place, "coordinates": system}
    event = to_structured_event(CloudEvent(EVENT.get_attributes(), report), JSONFormat())
    for headers, body in (({"content-type": JSON}, plain(**report)), (lowered(event), event.body)):
        location = read(headers, body, NOW).message.data.location
        assert location is not None
        assert (location.latitude, location.longitude) == pytest.approx((39.911954, 116.377817), abs=1e-7)


def test_a_map_that_nobody_knows_is_named_and_a_report_without_a_place_is_taken() -> None:
    fault = fault_of(plain(coordinates="mars"))
    assert (fault.code, fault.field) == ("invalid", "coordinates")
    assert "wgs84" in str(fault)
    assert read({"content-type": JSON}, plain(coordinates="gcj02"), NOW).message.data == from_data(REPORT, Report)


def test_the_example_in_the_documentation_is_taken() -> None:
    assert read({"content-type": JSON}, json.dumps(EXAMPLE).encode(), NOW).message.data.category == "river"


@pytest.mark.parametrize(
    ("body", "code", "field", "says"),
    [
        (b"", "not_json", None, "truncated"),
        (b"{", "not_json", None, "send one JSON object in UTF-8"),
        (b"\xff\xfe", "not_json", None, "no JSON"),
        (b"[" * 5_000, "invalid", None, "object"),
        (b'{"title": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", "invalid", "title", "a text"),
        (b'{"title": "\\ud800"}', "not_json", None, "no JSON"),
        (b'"text"', "invalid", None, "object"),
        (b"NaN", "not_json", None, "no JSON"),
        (plain(title="a\x00b"), "invalid", "title", "control characters"),
        (plain(text="\x00"), "invalid", "text", "control characters"),
        (plain(channel="@office"), "invalid", "channel", "nor with @"),
        (plain(color="red"), "invalid", "color", "put it under attributes"),
        (plain(location={"latitude": 91, "longitude": 0}), "invalid", "location.latitude", "at most 90"),
        (plain(observed_at="2026-03-01T08:00:00"), "invalid", "observed_at", "time zone"),
        (plain(observed_at="20260302"), "invalid", "observed_at", "2026-03-01T08:00:00+08:00"),
        (plain(observed_at=20260302), "invalid", "observed_at", "2026-03-01T08:00:00+08:00"),
        (plain(observed_at="1772409600.5"), "invalid", "observed_at", "2026-03-01T08:00:00+08:00"),
        (plain(observed_at="0001-01-01T00:00:00Z"), "invalid", "observed_at", "1900 to 2199"),
        (plain(time="20260302"), "invalid", "time", "2026-03-01T08:00:00+08:00"),
        (plain(title="\u200b\u3000"), "blank", "title", "shows nothing"),
        (plain(enterprise="\u2060"), "blank", "enterprise", "leave it out"),
        (plain(location={"latitude": 0, "longitude": 0}), "no_place", "location", "leave it out"),
        (plain(id=""), "invalid", "id", "at least 1 character"),
        (plain(id="1\x1f"), "invalid_identity", "id", "choose another"),
        (plain(source=" " * 301), "invalid", "source", "shorten"),
        (plain(title=None), "invalid", "title", "should be a text"),
        (b'{"id": "1"}', "invalid", "jurisdiction", "add it"),
    ],
)
def test_a_body_that_is_no_report_is_refused_with_the_field_and_what_to_do(
    body: bytes, code: str, field: str | None, says: str
) -> None:
    fault = fault_of(body)
    assert (fault.status, fault.code, fault.field) == (400, code, field)
    assert says in str(fault)


@pytest.mark.parametrize("kind", ["", "text/plain", "application/xml", "application/cloudevents-batch+xml"])
def test_other_content_types_are_refused_with_those_that_are_taken(kind: str) -> None:
    fault = fault_of(plain(), kind)
    assert (fault.status, fault.field) == (415, "content-type")
    assert JSON in str(fault)


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"ce_type": "duban.report.retracted"}, "unknown_type", None),
        ({"ce_specversion": "0.3"}, "not_cloudevent", None),
        ({"ce_id": ""}, "invalid", None),
        ({"ce_id": "a%00b"}, "invalid_identity", "id"),
        ({"ce_time": "yesterday"}, "invalid", None),
    ],
)
def test_a_cloudevent_that_is_none_is_refused(changed: dict[str, str], code: str, field: str | None) -> None:
    headers = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "s", "ce_type": Report.TYPE}
    fault = fault_of(json.dumps(REPORT).encode(), **{**headers, **changed})
    assert (fault.status, fault.code) == (400, code)
    assert field is None or fault.field == field


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"specversion": 1}', b"[" * 100_000])
def test_a_structured_event_that_is_none_is_refused(body: bytes) -> None:
    assert fault_of(body, STRUCTURED).status == 400


def test_the_good_events_of_a_batch_are_read_and_the_bad_ones_named() -> None:
    event = {"specversion": "1.0", "id": "1", "source": "s", "type": Report.TYPE, "data": REPORT}
    events = [event, {**event, "data": {**REPORT, "title": ""}}, 7, {**event, "id": "4"}, {**event, "type": "other"}]
    good, bad = read_batch(json.dumps(events).encode(), NOW, OPEN)
    assert [(number, handed.message.id) for number, handed in good] == [(1, "1"), (4, "4")]
    assert [(number, fault.code, fault.field) for number, fault in bad] == [
        (2, "invalid", "title"), (3, "not_json", None), (5, "unknown_type", None),
    ]  # fmt: skip
    assert read_batch(b"[]", NOW, OPEN) == ([], [])


@pytest.mark.parametrize("body", [b"{", b"{}", b"7", b"\xff", b"[" * 5_000])
def test_a_batch_that_is_no_list_is_400(body: bytes) -> None:
    with pytest.raises(Fault) as caught:
        read_batch(body, NOW, OPEN)
    assert caught.value.status == 400


def test_a_fault_in_the_data_of_an_event_names_the_field() -> None:
    event = {"specversion": "1.0", "id": "1", "source": "s", "type": Report.TYPE, "data": {**REPORT, "title": ""}}
    fault = fault_of(json.dumps(event).encode(), STRUCTURED)
    assert (fault.code, fault.field) == ("invalid", "title")
