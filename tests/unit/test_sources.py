"""The laws of sources: whose a key is, under which names a source speaks, how much it hands in, what is registered."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from duban.errors import Fault
from duban.messages import struct
from duban.messages.report import Report
from duban.messages.sources import RegisteredSource
from duban.messages.struct import from_data
from duban.pace import Pace
from duban_console.sources import SourceConflict, changes, key_as_registered, new_key, record, rotated
from duban_intake.body import JSON
from duban_intake.domain import submitted
from duban_intake.gateway.door import key_in
from duban_intake.gateway.request import STRUCTURED, read
from duban_intake.sources.journal import SourcePage, shape_of
from duban_intake.sources.registry import SourceRegistry, permit_report
from tests.given import report

AT = datetime(2026, 3, 1, tzinfo=UTC)
KEY, OTHER_KEY = new_key(), new_key()
HOTLINE = RegisteredSource(
    name="hotline", jurisdiction="smallville", channel="hotline", names=("热线",), keys=(key_as_registered(KEY, AT),)
)
APP = struct.replace(HOTLINE, name="app", names=(), keys=(key_as_registered(OTHER_KEY, AT),))
OPEN = RegisteredSource(name="demo", is_open=True)


def registry(*sources: RegisteredSource) -> SourceRegistry:
    made = SourceRegistry()
    for source in sources:
        made.put(source)
    return made


def refusal(call: Any, *args: Any, **options: Any) -> tuple[int, str]:
    with pytest.raises(Fault) as caught:
        call(*args, **options)
    return caught.value.status, caught.value.code


def test_a_key_is_random_recognisable_and_known_by_its_hash_alone() -> None:
    assert len({new_key() for _ in range(100)}) == 100
    assert (KEY[:6], len(KEY)) == ("duban_", 49)
    assert KEY.encode() not in record(HOTLINE, AT).value


def test_whose_a_key_is_speaks_and_no_key_or_a_wrong_one_is_401() -> None:
    known = registry(HOTLINE, APP)
    assert known.speaker(KEY, is_near=False) == HOTLINE
    assert known.speaker(OTHER_KEY, is_near=True) == APP
    assert refusal(known.speaker, None, is_near=True) == (401, "no_key")
    assert refusal(known.speaker, new_key(), is_near=True) == (401, "unknown_key")


def test_only_an_open_source_is_taken_without_a_key_and_only_from_this_machine() -> None:
    known = registry(HOTLINE, OPEN)
    assert known.speaker(None, is_near=True) == OPEN
    assert refusal(known.speaker, None, is_near=False) == (401, "no_key")
    assert refusal(known.speaker, "wrong", is_near=True) == (401, "unknown_key")
    known.put(struct.replace(OPEN, is_off=True))
    assert refusal(known.speaker, None, is_near=True) == (401, "no_key")


def test_two_keys_live_at_a_time_and_the_third_ends_the_first() -> None:
    keys = [new_key() for _ in range(2)]
    once = rotated(HOTLINE, key_as_registered(keys[0], AT + timedelta(days=1)))
    twice = rotated(once, key_as_registered(keys[1], AT + timedelta(days=2)))
    known = registry(HOTLINE)
    known.put(once)
    assert {known.speaker(key, is_near=False).name for key in (KEY, keys[0])} == {"hotline"}
    known.put(twice)
    assert {known.speaker(key, is_near=False).name for key in keys} == {"hotline"}
    assert refusal(known.speaker, KEY, is_near=False) == (401, "unknown_key")


def test_a_source_that_is_off_is_told_so_until_it_is_on_again() -> None:
    known = registry(struct.replace(HOTLINE, is_off=True))
    assert refusal(known.speaker, KEY, is_near=False) == (403, "source_off")
    known.put(HOTLINE)
    assert known.speaker(KEY, is_near=False) == HOTLINE


def test_a_source_speaks_under_its_own_names_and_the_open_one_under_those_of_nobody() -> None:
    known = registry(HOTLINE, APP, OPEN)
    for name in ("hotline", "热线"):
        known.permit(HOTLINE, name)
        assert refusal(known.permit, APP, name) == (403, "other_source")
        assert refusal(known.permit, OPEN, name) == (403, "other_source")
    known.permit(OPEN, "anybody")
    assert refusal(known.permit, HOTLINE, "anybody") == (403, "other_source")


def test_a_source_reports_for_its_own_jurisdiction_alone() -> None:
    permit_report(HOTLINE, report())
    permit_report(OPEN, report(jurisdiction="elsewhere"))
    assert refusal(permit_report, HOTLINE, report(jurisdiction="elsewhere")) == (403, "other_jurisdiction")


def test_what_a_source_has_in_common_need_not_be_said_and_is_not_put_over_what_is() -> None:
    sent = read({"content-type": JSON}, b'{"id": "1", "title": "foul"}', AT, HOTLINE).message
    assert (sent.source, sent.jurisdiction, sent.data.channel) == ("hotline", "smallville", "hotline")
    said = json.dumps({"id": "1", "title": "foul", "channel": "app", "source": "热线"}).encode()
    sent = read({"content-type": JSON}, said, AT, HOTLINE).message
    assert (sent.source, sent.data.channel) == ("热线", "app")
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "热线",
        "type": "duban.report.submitted",
        "data": {"title": "x"},
    }
    sent = read({"content-type": STRUCTURED}, json.dumps(event).encode(), AT, HOTLINE).message
    assert (sent.source, sent.data.channel) == ("热线", "hotline")
    binary = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "app", "ce-type": Report.TYPE}
    sent = read({"content-type": JSON, **binary}, b'{"title": "x"}', AT, HOTLINE).message
    assert (sent.source, sent.jurisdiction) == ("app", "smallville")


@pytest.mark.parametrize("body", [b"{", b"[]", b"7", b"[" * 5_000, b'{"title": ' + b"[" * 300 + b"]" * 300 + b"}"])
def test_what_is_no_report_is_refused_with_defaults_as_without(body: bytes) -> None:
    for source in (HOTLINE, None):
        assert refusal(read, {"content-type": JSON}, body, AT, source)[0] == 400


def test_the_key_stands_behind_bearer_or_is_the_password_of_basic() -> None:
    assert key_in(None) is None
    assert key_in(f"bearer  {KEY}") == KEY
    assert key_in("Basic " + b64encode(f"anybody:{KEY}".encode()).decode()) == KEY


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Digest x", "Basic", "Basic !", "Basic YQ==", "Basic /w=="]
)
def test_a_header_that_holds_no_key_is_401(header: str) -> None:
    assert refusal(key_in, header) == (401, "no_key")


def test_a_minutes_worth_is_taken_at_once_and_then_as_many_a_minute() -> None:
    pace = Pace()
    for _ in range(60):
        assert pace.wait("a", 60, 0.0) == 0
        pace.count("a", 60, 0.0, 1)
    assert pace.wait("a", 60, 0.0) == 1
    assert pace.wait("b", 60, 0.0) == 0
    assert pace.wait("a", None, 0.0) == 0
    assert pace.wait("a", 60, 1.0) == 0
    pace.count("a", 60, 1.0, 120)  # a batch may go beyond, and is waited for
    assert pace.wait("a", 60, 1.0) == 120
    assert pace.wait("a", 60, 10_000.0) == 0


@pytest.mark.parametrize(
    ("payload", "shape"),
    [
        (b'{"a": "x", "b": [1, 2], "c": null, "d": true, "e": [], "f": {}}',
         {"a": "a text of 1", "b": ["a number", "2 in all"], "c": "null", "d": "true or false", "e": [], "f": {}}),
        (b"{", "1 bytes that are no JSON"),
        (b"[" * 5_000, "5000 bytes that are no JSON"),
        (b"[" * 50 + b"]" * 50, None),
        (b" " * 70_000, "70000 bytes, more than are looked into"),
        (json.dumps({f"field {n}": n for n in range(1_000)}).encode(), "17780 bytes with more fields than are shown"),
    ],
)  # fmt: skip
def test_of_a_payload_the_fields_are_remembered_and_no_values(payload: bytes, shape: Any) -> None:
    remembered = shape_of(payload)
    assert len(json.dumps(remembered)) < 5_000
    assert shape is None or remembered == shape


def test_a_journal_holds_ten_refusals_and_three_reports_of_the_last_payload_without_a_word_of_theirs() -> None:
    page = SourcePage(AT)
    for number in range(30):
        page.refuse(AT, "invalid", "time", f"{number} 13800000000 is no instant {'x' * 1_000}")
    page.hear(b"[]")
    for _ in range(5):
        page.accept(submitted("hotline", "1", report(title="请回电13800000000", text="x" * 8_000), AT))
    assert (page.refused, page.accepted, len(page.refusals)) == (30, 5, 10)
    assert page.refusals[0]["message"].startswith("29 *** is no instant x")
    assert page.made is not None
    assert [made["title"] for made in page.made] == ["a text of 14"] * 3
    assert len(json.dumps([list(page.refusals), page.made])) < 10_000
    page.hear(b"{}")
    assert page.made is None


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"name": "other", "jurisdiction": "smallville", "names": ["热线"]}, "热线, which is hotline's"),
        ({"name": "other", "jurisdiction": "smallville", "keys": HOTLINE.keys}, "a key of hotline"),
        ({"name": "other", "is_open": True, "keys": HOTLINE.keys}, "has keys and is open"),
        ({"name": "other", "keys": APP.keys}, "names no jurisdiction"),
        ({"name": "other", "jurisdiction": "smallville", "keeper": "water"}, "give both or neither"),
    ],
)
def test_what_contradicts_a_source_that_stands_is_not_registered(wanted: dict[str, Any], says: str) -> None:
    with pytest.raises(SourceConflict, match=says):
        changes([from_data(wanted, RegisteredSource)], {"hotline": HOTLINE})


def test_a_source_that_names_no_keys_keeps_those_it_has_and_the_same_again_changes_nothing() -> None:
    unkeyed = struct.replace(HOTLINE, keys=(), rate=60)
    assert changes([unkeyed], {"hotline": HOTLINE}) == [(struct.replace(HOTLINE, rate=60), True)]
    assert changes([struct.replace(HOTLINE, keys=())], {"hotline": HOTLINE}) == [(HOTLINE, False)]
