"""The shell's metrics: prefix ``duban_``, base units, labels from bounded sets only."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

RECORDS = Counter("duban_records_total", "Records taken from a topic", ["group", "topic"])
BATCH_SECONDS = Histogram(
    "duban_batch_seconds", "From a batch in hand to its offsets committed", ["group"], buckets=_SECONDS
)
PUBLISH_SECONDS = Histogram("duban_publish_seconds", "From records in hand to the last ack", buckets=_SECONDS)
PUBLISHED = Counter("duban_published_records_total", "Records acknowledged by the broker", ["topic"])
DEAD_LETTERS = Counter("duban_dead_letters_total", "Records set aside as dead letters", ["group", "topic", "code"])
RETRIES = Counter("duban_retries_total", "Tries repeated because a dependency was away", ["dependency"])
LAG = Gauge(
    "duban_lag_records", "Records between what is handled and the end of the held partitions", ["group", "topic"]
)
PARTITIONS = Gauge("duban_assigned_partitions", "Partitions that this member holds", ["group"])
REBALANCES = Counter("duban_rebalances_total", "Times that partitions were taken away", ["group"])
PASSED_OVER = Counter(
    "duban_passed_over_total", "Records that a reader without a group could not take, and passed over", ["topic"]
)
ANCHORED = Counter("duban_anchored_heads_total", "Heads of a chain in anchors that were published", ["chain"])
