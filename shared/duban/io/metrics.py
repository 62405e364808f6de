"""The shell's metrics: prefix ``duban_``, base units, labels from bounded sets; docs/metrics.md is made from them."""

from __future__ import annotations

import time

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

SERVICE = Gauge(
    "duban_service_info", "Which service this process is, and of which version; always 1", ["service", "version"]
)
READY = Gauge("duban_ready", "Whether a check of /readyz holds, asked at the scrape: 1 or 0", ["check"])
RECORDS = Counter("duban_records_total", "Records taken from a topic", ["group", "topic"])
BATCH_SECONDS = Histogram(
    "duban_batch_seconds",
    "From a batch in hand to its offsets committed",
    ["group"],
    buckets=_SECONDS,
    unit="seconds",
)
OLDEST_IN_HAND = Gauge(
    "duban_oldest_in_hand_seconds",
    "How long the oldest record of the batch in hand has been in its topic; 0 with none in hand",
    ["group"],
    unit="seconds",
)
PUBLISH_SECONDS = Histogram(
    "duban_publish_seconds", "From records in hand to the last ack", buckets=_SECONDS, unit="seconds"
)
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
SPANS = Counter(
    "duban_spans_total",
    "Spans of traces, by what became of them: made, exported, failed; made alone are lost",
    ["outcome"],
)
FAULTS = Counter("duban_faults_total", "Requests over HTTP that were answered with a fault", ["status", "code"])


class InHand:
    """How old the oldest record in hand of a group is: reckoned at the scrape, so it grows while a batch hangs."""

    def __init__(self, group: str) -> None:
        self._appended_at: float | None = None
        OLDEST_IN_HAND.labels(group).set_function(self._age)

    def take(self, timestamp: int) -> None:
        """A batch is in hand whose oldest record was appended at ``timestamp``, in milliseconds."""
        self._appended_at = timestamp / 1000

    def done(self) -> None:
        """None is."""
        self._appended_at = None

    def _age(self) -> float:
        return 0.0 if self._appended_at is None else max(0.0, time.time() - self._appended_at)
