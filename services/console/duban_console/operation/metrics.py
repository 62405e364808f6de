"""What operators' pages show that no service says of itself: looked at each half minute where they have pages."""

from __future__ import annotations

from prometheus_client import Gauge

TOPIC_PARTITIONS = Gauge(
    "duban_topic_partitions", "Partitions of a topic on the brokers; looked at every 30 s", ["topic"]
)
TOPIC_RECORDS = Gauge(
    "duban_topic_records",
    "Records that have gone through a topic, those that are gone again too; looked at every 30 s",
    ["topic"],
)
GROUP_PARTITIONS = Gauge(
    "duban_group_partitions",
    "Partitions of a topic of which a consumer group has handled something; looked at every 30 s",
    ["group", "topic"],
)
GROUP_LAG = Gauge(
    "duban_group_lag_records",
    "Records between what a group has handled and the end, whether a member of it runs or not; looked at every 30 s",
    ["group", "topic"],
)
SOURCE_REPORTS = Gauge(
    "duban_source_reports",
    "What a source has handed in, by what became of it: accepted, refused; looked at every 30 s",
    ["source", "outcome"],
)
OVERDUE_DEADLINES = Gauge(
    "duban_overdue_deadlines", "Deadlines that have fallen due and wait for the router's answer; looked at every 30 s"
)
