"""The laws of channels: what is sent in another language becomes reports by a mapping, or is named with its field."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from math import cos, radians
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from duban.coordinates import gcj02_to_bd09, to_wgs84, wgs84_to_gcj02
from duban.errors import Fault
from duban.messages import struct
from duban.messages.report import Identity
from duban.messages.sources import RegisteredSource
from duban_intake.channels.columns import MappingError
from duban_intake.channels.items import Parsed, text_at
from duban_intake.channels.kinds import KINDS, OUR_OWN, spoken
from tests.given import ROOT
from tests.tools.document_tables import DOCS

AT = datetime(2026, 3, 1, tzinfo=UTC)
EXAMPLE = yaml.safe_load((ROOT / "docs/example-orders.yaml").read_text("utf-8"))
HOTLINE = RegisteredSource(
    name="12345", kind="orders", jurisdiction="smallville", channel="hotline", names=("热线",), mapping=EXAMPLE
)
ORDER: dict[str, Any] = {
    "orderNo": "WO-1", "title": "河水发臭", "content": "桥下", "type": "水污染", "callTime": "2026-03-01 08:00:00",
    "place": {"lat": "39.92133699351021", "lng": 116.41036949371029}, "caller": "王小明", "callerPhone": 13800000000,
    "department": "城管局", "secretField": "never mapped",
}  # fmt: skip


def heard(source: RegisteredSource, payload: Any) -> Parsed:
    language = spoken(source)
    assert language is not None
    channel, mapping = language
    return channel.parse(payload if isinstance(payload, bytes) else json.dumps(payload).encode(), mapping, AT)


def orders(*items: Any, **changed: Any) -> Parsed:
    return heard(struct.replace(HOTLINE, mapping={**EXAMPLE, **changed}), {"data": {"orders": list(items)}})


def test_an_order_becomes_a_report_by_its_mapping_and_what_is_not_named_stays_behind() -> None:
    [entry] = orders(ORDER).entries
    message, report = entry.message, entry.message.data
    assert (message.source, message.id, message.jurisdiction) == ("12345", "WO-1", "smallville")
    assert message.time == report.observed_at == datetime(2026, 3, 1, tzinfo=UTC)
    assert (report.title, report.text, report.category, report.channel) == ("河水发臭", "桥下", "river", "hotline")
    assert report.attributes == {"department": "城管局"}
    assert "never mapped" not in repr(message)


def test_who_called_goes_to_the_vault_and_the_report_says_no_more_than_that_somebody_is_known() -> None:
    [entry] = orders(ORDER).entries
    assert entry.contact is not None
    assert (entry.contact.name, entry.contact.phone) == ("王小明", "13800000000")
    assert entry.message.data.reporter.identity is Identity.NAMED
    assert "王小明" not in repr(entry.message)
    [unnamed] = orders({**ORDER, "caller": "", "callerPhone": None}).entries
    assert (unnamed.contact, unnamed.message.data.reporter.identity) == (None, Identity.ANONYMOUS)


def test_coordinates_of_a_map_are_brought_to_the_earth_in_json_as_in_tables() -> None:
    [entry] = orders(ORDER).entries
    assert entry.message.data.location is not None
    earth = (entry.message.data.location.latitude, entry.message.data.location.longitude)
    assert wgs84_to_gcj02(earth) == pytest.approx((39.915, 116.404), abs=1e-6)
    by_flag = {"constants": {}, "columns": {**EXAMPLE["columns"], "coordinates": "system"}}
    [flagged] = orders({**ORDER, "system": "GCJ-02"}, **by_flag).entries
    assert flagged.message.data.location != entry.message.data.location
    [bad] = orders({**ORDER, "system": "mars"}, **by_flag).bad
    assert (bad.field, "use one of bd09" in bad.reason) == ("system", True)
    [bad] = orders({**ORDER, "place": {"lat": "north", "lng": 1}}).bad
    assert bad.field == "place.lat"


#: From the tests of the implementations that others take as their measure.
PAIRS = [
    ((31.1774276, 121.5272106), (31.17530398364597, 121.531541859215)),
    ((22.543847, 113.912316), (22.540796131694766, 113.9171764808363)),
    ((39.911954, 116.377817), (39.91334545536069, 116.38404722455657)),
]


@pytest.mark.parametrize(("earth", "mars"), PAIRS)
def test_gcj02_is_what_it_is_elsewhere(earth: tuple[float, float], mars: tuple[float, float]) -> None:
    assert wgs84_to_gcj02(earth) == pytest.approx(mars, abs=1e-12)
    assert to_wgs84(mars, "gcj02") == pytest.approx(earth, abs=1e-7)


def test_bd09_is_what_it_is_elsewhere() -> None:
    assert gcj02_to_bd09((39.915, 116.404)) == pytest.approx((39.92133699351021, 116.41036949371029), abs=1e-12)


@given(st.floats(4, 53), st.floats(75, 135))
def test_every_place_in_china_comes_back_to_a_decimetre(latitude: float, longitude: float) -> None:
    mars = wgs84_to_gcj02((latitude, longitude))
    for there, system in ((mars, "gcj02"), (gcj02_to_bd09(mars), "bd09")):
        north, east = to_wgs84(there, system)  # type: ignore[arg-type]
        assert abs(north - latitude) * 111_000 < 0.1
        assert abs(east - longitude) * 111_000 * cos(radians(latitude)) < 0.1


def test_abroad_nothing_is_shifted() -> None:
    assert to_wgs84((42.36, -71.06), "gcj02") == (42.36, -71.06)


@pytest.mark.parametrize(
    ("changed", "field", "says"),
    [
        ({"title": "", "content": ""}, "title", "is empty; fill it"),
        ({"callTime": "yesterday"}, "callTime", "not of the form" ),
        ({"place": {"lat": 91, "lng": 1}}, "place.lat", "at most 90"),
        ({"place": {"lat": 30}}, "place.lng", "is empty, while the other"),
        ({"orderNo": "\x00"}, "orderNo", "printable"),
        ({"orderNo": None}, "orderNo", "give the row its id"),
        ({"callerPhone": "1\n2"}, "callerPhone", "line break"),
        ({"title": "a\x00"}, "title", "NUL"),
    ],
)  # fmt: skip
def test_a_bad_order_is_named_and_the_others_are_taken(changed: dict[str, Any], field: str, says: str) -> None:
    parsed = orders({**ORDER, "orderNo": "WO-0"}, {**ORDER, **changed}, {**ORDER, "orderNo": "WO-2"})
    assert [entry.message.id for entry in parsed.entries] == ["WO-0", "WO-2"]
    [bad] = parsed.bad
    assert (bad.line, bad.field) == (2, field)
    assert says in bad.reason


def test_one_id_is_one_order_and_what_is_no_object_is_none() -> None:
    parsed = orders(ORDER, ORDER, 7)
    assert len(parsed.entries) == 1
    assert [(bad.line, bad.field) for bad in parsed.bad] == [(2, "orderNo"), (3, "(item)")]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"data": {"orders": 7}}', b"[]", b'{"data": null}'])
def test_a_body_that_holds_no_orders_is_400(body: bytes) -> None:
    with pytest.raises(Fault) as caught:
        heard(HOTLINE, body)
    assert caught.value.status == 400


def test_one_order_or_a_list_is_taken_where_the_mapping_names_no_place() -> None:
    bare = struct.replace(HOTLINE, mapping={name: entry for name, entry in EXAMPLE.items() if name != "items"})
    assert len(heard(bare, ORDER).entries) == len(heard(bare, [ORDER]).entries) == 1


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        (None, "nothing fills title"),
        ({"columns": {"title": "t"}, "items": 7}, "items"),
        ({"columns": {"title": "t"}, "source": "another"}, "not its own"),
        ({"columns": {"colour": "t"}}, "colour"),
        ({"columns": ["title"]}, "columns"),
        ({"columns": {"title": "t"}, "contact": {"fax": "f"}}, "fax"),
    ],
)
def test_a_mapping_that_is_none_is_told_when_the_source_is_registered(mapping: Any, says: str) -> None:
    with pytest.raises(MappingError, match=re.escape(says)):
        spoken(struct.replace(HOTLINE, mapping=mapping))


def test_a_source_of_no_known_kind_is_told_the_kinds_and_our_own_needs_no_mapping() -> None:
    with pytest.raises(MappingError, match="use one of reports, site, orders"):
        spoken(struct.replace(HOTLINE, kind="telex"))
    with pytest.raises(MappingError, match="need no mapping"):
        spoken(struct.replace(HOTLINE, kind=OUR_OWN))
    assert spoken(struct.replace(HOTLINE, kind=OUR_OWN, mapping=None)) is None


@pytest.mark.parametrize(
    ("item", "path", "text"),
    [
        ({"a": {"b": " x "}}, "a.b", "x"),
        ({"a.b": 1.50}, "a.b", "1.5"),
        ({"a": [{"b": True}]}, "a.0.b", "true"),
        ({"a": []}, "a.0", ""),
        ({"a": {"b": 1}}, "a", '{"b":1}'),
        ({"a": "x"}, "a.b", ""),
        ({"a": None}, "a", ""),
    ],
)
def test_a_path_leads_to_a_text_or_to_nothing(item: Any, path: str, text: str) -> None:
    assert text_at(item, path) == text


def test_every_kind_stands_in_the_guide() -> None:
    text = (DOCS / "integrating.md").read_text("utf-8")
    assert [kind for kind in KINDS if f"`--kind {kind}`" not in text] == []


def test_the_mapping_that_the_guide_shows_is_the_one_in_its_file() -> None:
    text = (DOCS / "integrating.md").read_text("utf-8")
    [shown] = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "orderNo" in block]
    assert yaml.safe_load(shown) == EXAMPLE


MANAGER = RegisteredSource(name="manager", kind="alertmanager", jurisdiction="smallville", channel="patrol")


def alert(**changed: Any) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {"alertname": "Ammonia", "station": "7", "severity": "warning"},
        "annotations": {"summary": "氨氮超标", "description": "2.1 mg/L, limit 1.0"},
        "startsAt": "2026-03-01T07:59:30.123456789+08:00",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": "c0ffee",
        **changed,
    }


def alerts(*given: Any, **group: Any) -> Parsed:
    return heard(MANAGER, {"version": "4", "groupKey": "{}:{}", "alerts": list(given), **group})


def test_a_firing_alert_is_a_report_known_by_its_labels_and_since_when_it_fires() -> None:
    [entry] = alerts(alert()).entries
    message, report = entry.message, entry.message.data
    assert message.id == "c0ffee/2026-02-28T23:59:30.123456+00:00"
    assert (report.title, report.text, report.channel) == ("氨氮超标", "2.1 mg/L, limit 1.0", "patrol")
    assert report.observed_at == datetime(2026, 2, 28, 23, 59, 30, 123_456, UTC)
    assert report.attributes == {
        "generatorURL": "http://prometheus/graph", "alertname": "Ammonia", "station": "7", "severity": "warning",
    }  # fmt: skip
    [named] = alerts(alert(annotations={})).entries
    assert named.message.data.title == "Ammonia"


def test_a_repeat_is_the_same_report_whatever_its_texts_say_and_however_its_instant_is_written() -> None:
    [first] = alerts(alert()).entries
    [again] = alerts(alert(annotations={"summary": "worse"}, startsAt="2026-02-28T23:59:30.123456Z")).entries
    [other] = alerts(alert(startsAt="2026-03-02T00:00:00Z")).entries
    assert first.message.id == again.message.id != other.message.id
    unmarked = alert()
    del unmarked["fingerprint"]
    [one], [same] = (alerts(changed).entries for changed in (unmarked, {**unmarked, "annotations": {}}))
    assert one.message.id == same.message.id


def test_what_ended_is_noted_under_the_id_of_its_report_and_opens_nothing() -> None:
    [entry] = alerts(alert()).entries
    parsed = alerts(alert(status="resolved", endsAt="2026-03-01T09:00:00Z"), alert(labels={}, fingerprint="other"))
    assert [(note.id, note.what) for note in parsed.notes] == [(entry.message.id, "ended")]
    assert [one.message.id[:5] for one in parsed.entries] == ["other"]
    assert parsed.entries[0].item == 2


def test_a_bad_alert_of_a_group_is_named_and_the_others_are_taken() -> None:
    parsed = alerts(alert(status="pending"), alert(startsAt="soon"), 7, alert(), truncatedAlerts=3)
    assert sorted((bad.line, bad.field) for bad in parsed.bad) == [(1, "status"), (2, "startsAt"), (3, "status")]
    assert [entry.item for entry in parsed.entries] == [4]
    assert [note.what for note in parsed.notes] == ["3 alerts were left out by the sender; raise its max_alerts"]


def test_labels_that_cannot_be_attributes_are_left_behind_and_hold_nothing_up() -> None:
    labels = {"a": "1", "": "2", "@b": "3", "c": "x\n", "d": "x" * 8_001, **{f"n{n}": "x" for n in range(60)}}
    [entry] = alerts(alert(labels=labels)).entries
    attributes = entry.message.data.attributes
    assert len(attributes) == 50
    assert not {"", "@b", "c", "d"} & attributes.keys()
    assert heard(MANAGER, {"alerts": [alert(labels=[1])]}).entries


def test_a_source_may_say_what_its_labels_mean() -> None:
    mapped = struct.replace(
        MANAGER,
        mapping={
            "columns": {"category": "labels.alertname", "area": "labels.district"},
            "values": {"category": {"Ammonia": "river"}},
            "constants": {"title": "A station reports"},
        },
    )
    [entry] = heard(mapped, {"alerts": [alert(labels={"alertname": "Ammonia", "district": "north"})]}).entries
    report = entry.message.data
    assert (report.category, report.area, report.title) == ("river", "north", "A station reports")


def test_an_alert_of_grafana_is_one_of_alertmanager_with_where_to_look() -> None:
    sent = alert(
        panelURL="https://grafana/d/1?viewPanel=2", valueString="[ value=2.1 ]", values={"B": 2.1}, silenceURL=""
    )
    [entry] = heard(
        struct.replace(MANAGER, kind="grafana"), {"alerts": [sent], "orgId": 1, "state": "alerting"}
    ).entries
    assert entry.message.data.attributes["panelURL"] == "https://grafana/d/1?viewPanel=2"


@pytest.mark.parametrize("payload", [{}, {"alerts": None}, [], "x", {"alerts": {}}])
def test_what_is_no_webhook_of_an_alert_manager_is_400(payload: Any) -> None:
    with pytest.raises(Fault) as caught:
        heard(MANAGER, payload)
    assert (caught.value.status, caught.value.field) == (400, "alerts")


PAGER = RegisteredSource(name="pager", kind="pagerduty", jurisdiction="smallville", channel="patrol")
EVENT: dict[str, Any] = {
    "event_action": "trigger", "dedup_key": "srv01/disk",
    "payload": {"summary": "Disk full", "source": "srv01", "severity": "critical", "custom_details": {"free": 0}},
}  # fmt: skip


def test_a_trigger_is_a_report_and_what_follows_it_a_note() -> None:
    [item] = heard(PAGER, EVENT).entries
    report = item.message.data
    assert (item.message.id, report.title, report.text) == ("srv01/disk", "Disk full", '{"free":0}')
    assert report.attributes == {"payload.source": "srv01", "payload.severity": "critical"}
    for action, what in (("acknowledge", "acknowledged"), ("resolve", "ended")):
        parsed = heard(PAGER, {**EVENT, "event_action": action})
        assert ([(note.id, note.what) for note in parsed.notes], parsed.entries) == ([("srv01/disk", what)], ())


def test_a_summary_longer_than_a_title_is_kept_whole_as_the_text() -> None:
    payload = {"summary": "x" * 1_000, "source": "srv01", "severity": "info"}
    [item] = heard(PAGER, {**EVENT, "payload": payload}).entries
    assert (len(item.message.data.title), len(item.message.data.text)) == (61, 1_000)


def test_a_trigger_without_a_key_stands_for_itself() -> None:
    keyless = {name: part for name, part in EVENT.items() if name != "dedup_key"}
    dialect = spoken(PAGER)
    assert dialect is not None
    ids = {
        dialect[0].parse(json.dumps(keyless).encode(), dialect[1], AT.replace(second=second)).entries[0].message.id
        for second in (0, 0, 1)
    }
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"event_action": "shout"}, "event_action"),
        ({"event_action": "resolve", "dedup_key": None}, "dedup_key"),
        ({"dedup_key": "x" * 256}, "dedup_key"),
        ({"dedup_key": 7}, "dedup_key"),
    ],
)
def test_an_event_that_is_none_is_400(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(Fault) as caught:
        heard(PAGER, {**EVENT, **changed})
    assert (caught.value.status, caught.value.field) == (400, field)


def test_an_event_without_a_summary_is_named() -> None:
    [bad] = heard(PAGER, {**EVENT, "payload": {"source": "srv01"}}).bad
    assert (bad.field, bad.reason) == ("title", "is empty; fill it") or bad.field == "payload.summary"
