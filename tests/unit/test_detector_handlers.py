"""Readings to reports, as the worker has them judged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from duban.clock import DrivenClock, SystemClock
from duban.messages.delivery import Delivery
from duban.messages.envelope import Record, decode
from duban.messages.readings import StationReadings
from duban.messages.report import Report
from duban_detector.handlers import ReadingHandler
from tests.given import small_library
from tests.stations import hours, message

T0 = datetime(2026, 3, 1, tzinfo=UTC)


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
