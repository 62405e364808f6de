"""Readings to reports, as the worker has them judged, and the order in which it takes records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from duban.clock import DrivenClock, SystemClock
from duban.messages.delivery import Delivery
from duban.messages.envelope import Record, decode
from duban.messages.readings import StationReadings
from duban.messages.report import Report
from duban_detector.handlers import ReadingHandler
from duban_detector.worker import Positions, RecordTurn
from tests.given import small_library
from tests.stations import hours, message

T0 = datetime(2026, 3, 1, tzinfo=UTC)
TAKE, SKIP, GO_BACK = RecordTurn.TAKE, RecordTurn.SKIP, RecordTurn.GO_BACK


def delivery(data: StationReadings) -> Delivery[StationReadings]:
    return Delivery(message(data), StationReadings.TOPIC, 0, 0, data.at)


def test_readings_become_reports_by_the_rules_of_their_city_and_come_again_to_nothing() -> None:
    handler = ReadingHandler(small_library(), SystemClock())
    remembered: bytes | None = None
    reports: list[Record] = []
    for data in hours(T0, 160, 160, 160):
        judged = handler(delivery(data), remembered)
        assert judged.outcome == "judged"
        assert judged == handler(delivery(data), remembered), "the same gives the same"
        remembered, reports = judged.remembered, [*reports, *judged.reports]
        assert handler(delivery(data), remembered).outcome == "late"
    [report] = reports
    found = decode(report.key, report.value, report.headers, {Report.TYPE: Report})
    assert (found.source, found.data.category, found.data.channel) == ("duban/detector", "river", "patrol")
    assert found.data.attributes["rule"] == "fine-dust"


def test_a_city_without_rules_has_nothing_judged() -> None:
    [data] = hours(T0, 160)
    elsewhere = Delivery(message(data), StationReadings.TOPIC, 0, 0, T0)
    handler = ReadingHandler(type(small_library())(), SystemClock())
    assert handler(elsewhere, None).outcome == "no_rules"


def test_a_station_that_is_not_heard_is_told_of() -> None:
    clock = DrivenClock()
    handler = ReadingHandler(small_library(), clock)
    [data] = hours(T0, 100)
    remembered = handler(delivery(data), None).remembered
    assert remembered is not None
    clock.tick(T0 + timedelta(hours=2))
    assert list(handler.silences([remembered])) == []
    clock.tick(T0 + timedelta(hours=2, seconds=1))
    [report] = handler.silences([remembered])
    found = decode(report.key, report.value, report.headers, {Report.TYPE: Report})
    assert found.data.attributes["rule"] == "silent"


def test_a_record_is_taken_in_its_turn_and_what_was_lost_is_fetched() -> None:
    positions = Positions()
    assert positions.turn(0, 7, None) is TAKE
    assert positions.turn(0, 7, 8) is SKIP
    assert positions.turn(0, 8, 8) is TAKE
    assert positions.turn(0, 11, 9) is GO_BACK
    assert positions.turn(0, 12, 9) is SKIP, "it was fetched before"
    assert positions.turn(1, 5, 5) is TAKE, "each partition by itself"
    assert positions.turn(0, 9, 9) is TAKE
    assert positions.turn(0, 10, 10) is TAKE
    assert positions.turn(0, 11, 11) is TAKE


def test_a_true_hole_is_gone_over() -> None:
    positions = Positions()
    assert positions.turn(0, 11, 9) is GO_BACK
    assert positions.turn(0, 12, 9) is SKIP
    assert positions.turn(0, 11, 9) is TAKE, "there is none before it"
    assert positions.turn(0, 12, 12) is TAKE
    assert positions.turn(0, 15, 13) is GO_BACK
