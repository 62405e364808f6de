"""What the detector counts, beside what every service does."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

JUDGED = Counter(
    "duban_detector_readings_total",
    "Readings by what became of them: judged, late, ahead, no_rules, undecodable, fault",
    ["outcome"],
)
REPORTS = Counter("duban_detector_reports_total", "Reports of episodes that were published")
STATIONS = Gauge("duban_detector_stations", "Stations that are remembered")
STATE_BYTES = Gauge("duban_detector_state_bytes", "Bytes that stations are remembered by", unit="bytes")
OVERLOOKED = Counter("duban_detector_overlooked_total", "Readings that Faust did not bring, read from the topic")
